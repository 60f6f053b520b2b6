// --backend and --config: a name, or a file that is read by the schema.
import { readFileSync } from 'node:fs';
import type { Eightfold } from '../api.ts';
import { BackendConfig } from '../config/backend.ts';
import { readDef } from '../config/check.ts';
import type { Backend } from '../config/json.ts';
import { EightfoldError } from '../errors.ts';
import type { QuantizeOptions } from '../types.ts';
import { checkName, UsageError } from './options.ts';

/** Reads a JSON file; what is wrong with it is told with its name. */
function readJson<T>(path: string, understand: (json: object) => T): T {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`error: ${(error as Error).message}`);
  }
  try {
    // Editors look for it; it says nothing to us.
    const { $schema: _, ...json } = JSON.parse(text);
    return understand(json);
  } catch (cause) {
    const { message, hint = '' } = cause as EightfoldError;
    throw new EightfoldError('invalid_config', `${path}: ${message}`, { hint, cause });
  }
}

const isFile = (name: string) => name.endsWith('.json');

export interface ConfigFlags {
  backend?: string;
  config?: string;
}

type Configs = Pick<
  QuantizeOptions,
  'backend' | 'qconfigMapping' | 'fuseCustomConfig' | 'prepareCustomConfig' | 'convertCustomConfig'
>;

/** What the flags say of configs; --backend wins over the backend of --config. */
export async function configsOf(
  { backend: flag, config }: ConfigFlags,
  eightfold: Eightfold,
): Promise<Configs> {
  const file = config
    ? readJson(config, (json) => readDef('ConfigFile', json) as Configs)
    : ({} as Configs);
  let backend: Backend | undefined = flag ?? file.backend;
  if (flag && isFile(flag)) backend = readJson(flag, (json) => BackendConfig.fromJSON(json));
  if (typeof backend === 'string') checkName('backend', backend, await eightfold.backendNames());
  return backend === undefined ? file : { ...file, backend };
}
