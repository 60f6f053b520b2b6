// Lists of files, and whether an output is newer than everything it is made from.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const kPassedOver = new Set(['node_modules', 'dist', 'build', 'out', '.git']);

/** Every file below `folder` for which `accept(path)` holds, sorted; none when the folder does not exist. */
export function walk(folder, accept = () => true) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  const found = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!kPassedOver.has(entry.name)) found.push(...walk(path, accept));
    } else if (accept(path)) {
      found.push(path);
    }
  }
  return found;
}

/** True when `output` exists and is newer than all of `inputs`. */
export function isNewer(output, inputs) {
  const made = statSync(output, { throwIfNoEntry: false })?.mtimeMs;
  return made !== undefined && inputs.every((path) => statSync(path).mtimeMs <= made);
}
