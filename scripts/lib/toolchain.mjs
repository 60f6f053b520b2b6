// Which Emscripten a build uses: one on PATH that is new enough, else the one in the private tool folder.
// `toolchainEnv` is the environment every build step of the scripts runs in.
import { readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { exists, prefix, which } from './paths.mjs';
import { capture } from './run.mjs';

// The first release whose relaxed SIMD intrinsics carry the final opcodes.
export const kOldestEmscripten = '3.1.69';
const kPrivateRoot = join(prefix, 'emscripten/emscripten');

export function isAtLeast(version, oldest) {
  const [a, b] = [version, oldest].map((text) => text.split('.').map(Number));
  for (let i = 0; i < b.length; ++i) {
    if ((a[i] ?? 0) !== b[i]) return (a[i] ?? 0) > b[i];
  }
  return true;
}

async function versionOf(emcc) {
  try {
    const beside = join(dirname(realpathSync(emcc)), 'emscripten-version.txt');
    return readFileSync(beside, 'utf8').replace(/["\s]/g, '');
  } catch {
    const { stdout } = await capture(emcc, ['--version']);
    return /(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? '0';
  }
}

/** The folder of a usable emcc on PATH that is not our own, or undefined. */
export async function emscriptenOnPath() {
  const emcc = which('emcc');
  if (!emcc || realpathSync(emcc).startsWith(prefix)) return undefined;
  return isAtLeast(await versionOf(emcc), kOldestEmscripten) ? dirname(emcc) : undefined;
}

/** PATH and the rest for builds. `onPath` is the answer of emscriptenOnPath. */
export function toolchainEnv(onPath) {
  const env = { EIGHTFOLD_PREFIX: prefix };
  if (onPath) return env;
  env.EM_CONFIG = join(kPrivateRoot, '.emscripten');
  const path = (process.env.PATH || '').split(delimiter).filter((dir) => dir !== kPrivateRoot);
  env.PATH = [kPrivateRoot, ...path].join(delimiter);
  return env;
}

export const hasPrivateEmscripten = () => exists(join(kPrivateRoot, 'emcc'));
