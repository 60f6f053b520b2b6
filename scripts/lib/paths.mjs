// Where things are: the clone, the private tool folder that clones share, and the programs on PATH.
// The tool folder is $EIGHTFOLD_PREFIX, or `eightfold` in the user's cache folder.
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

export const prefix = resolve(
  process.env.EIGHTFOLD_PREFIX ||
    join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'eightfold'),
);

/** The test data of the team, used when present: $EIGHTFOLD_DATA or ../shared/data beside the clone. */
export const dataDir = resolve(root, process.env.EIGHTFOLD_DATA || '../shared/data');

export function exists(path) {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

/** The full path of a program on PATH, or undefined. Folders of npm's `.bin` are passed over on request. */
export function which(name, { skipNpmBin = false } = {}) {
  for (const dir of (process.env.PATH || '').split(delimiter)) {
    if (!dir || (skipNpmBin && dir.endsWith(join('node_modules', '.bin')))) continue;
    const candidate = join(dir, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // not here: next folder
    }
  }
  return undefined;
}

/** The Node of the system: npm scripts put the project's own dev dependency `node` first on PATH. */
export function systemNode() {
  return which('node', { skipNpmBin: true }) || process.execPath;
}
