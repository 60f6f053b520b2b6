// npm packages of the clone: installed as the lock file says, when missing or older than it.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { quiet, step } from './run.mjs';

// The CPU binary is in the package; its install script would fetch a GPU part.
const kEnvironment = { ONNXRUNTIME_NODE_INSTALL: 'skip' };

function modified(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export async function installPackages() {
  // npm writes this file last.
  if (modified('node_modules/.package-lock.json') >= modified('package-lock.json')) return;
  await step('installing npm packages', () =>
    quiet('npm', ['ci'], { cwd: root, env: kEnvironment }),
  );
}

/** A program of a dev dependency. */
export const bin = (name) => join(root, 'node_modules/.bin', name);

/** The Node 22 that comes as a dev dependency: the one with relaxed SIMD switched on. */
export const node22 = join(root, 'node_modules/node/bin/node');
