// eightfold run MODEL --inputs DATA -o OUT.npz
import { init } from '../index.ts';
import { type Data, openData } from '../node/data.ts';
import { readModelFile, writeNpzFile } from '../node/files.ts';
import type { Tensor } from '../types.ts';
import { type ImageFlags, imageFormOf } from './options.ts';
import { withProgress } from './progress.ts';
import { print, printJson, table } from './text.ts';

interface Flags extends ImageFlags {
  inputs: string;
  output: string;
  samples?: number;
  json?: boolean;
}

type Parts = Map<string, Tensor[]>;

/** Outputs of one shape as one array; otherwise one array per sample, `name_0`, `name_1`, ... */
function joined(parts: Parts, data: Data): Record<string, Tensor> {
  const entries = [...parts].flatMap(([name, list]) => {
    const one = data.join(list);
    if (one) return [[name, one] as const];
    return list.map((tensor, i) => [`${name}_${i}`, tensor] as const);
  });
  return Object.fromEntries(entries);
}

export async function runModel(path: string, flags: Flags): Promise<void> {
  const eightfold = await init();
  const { bytes, options: load } = readModelFile(path);
  const { inputs } = await eightfold.inspect(bytes, load);
  const data = openData(flags.inputs, inputs, imageFormOf(flags));
  const session = await eightfold.createSession(bytes, load);
  const parts: Parts = new Map(session.outputNames.map((name) => [name, []]));
  const limit = flags.samples ?? Number.POSITIVE_INFINITY;
  let done = 0;
  await withProgress(async ({ signal }) => {
    for await (const feeds of data) {
      if (done >= limit) break;
      const outputs = await session.run(feeds, signal ? { signal } : {});
      for (const [name, tensor] of Object.entries(outputs)) parts.get(name)?.push(tensor);
      done++;
    }
  });
  session.delete();
  const arrays = joined(parts, data);
  writeNpzFile(flags.output, arrays);
  const rows = Object.entries(arrays).map(([name, { type, dims }]) => ({ name, type, dims }));
  if (flags.json) return printJson({ samples: done, outputs: rows });
  const cells = rows.map(({ name, type, dims }) => [name, type, `[${dims.join(', ')}]`]);
  print(`${table(['output', 'type', 'shape'], cells)}\n\n${done} samples, wrote ${flags.output}`);
}
