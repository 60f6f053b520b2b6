// Sets up what a build needs and the machine lacks: compiler, Emscripten, header-only libraries, Chromium.
// Needs only Node, runs before npm install, may be interrupted and repeated; does nothing when all is there.
// Everything private goes to $EIGHTFOLD_PREFIX (default: eightfold in the cache folder), shared by all clones.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setUpDebian12 } from './lib/debian12.mjs';
import { exists, prefix, which } from './lib/paths.mjs';
import { quiet, runMain, StepError, say, step } from './lib/run.mjs';
import { isStamped, withLock, writeStamp } from './lib/stamp.mjs';
import { emscriptenOnPath, kOldestEmscripten, toolchainEnv } from './lib/toolchain.mjs';

// The flags whose system libraries are built ahead: what the shipped modules and the wasm tests link with.
const kCommonFlags = [
  '-std=c++20',
  '-fwasm-exceptions',
  '-sALLOW_MEMORY_GROWTH',
  '-sMAXIMUM_MEMORY=4GB',
  '-sSTACK_SIZE=1MB',
];
const kWarmUps = {
  module: [
    '-O3',
    '-msimd128',
    '-lembind',
    '-sMODULARIZE',
    '-sEXPORT_ES6',
    '-sFILESYSTEM=0',
    '-sDYNAMIC_EXECUTION=0',
    '-sENVIRONMENT=web,worker,node',
  ],
  tests: [
    '-O1',
    '-msimd128',
    '-mrelaxed-simd',
    '-sEXIT_RUNTIME',
    '-sNODERAWFS=1',
    '-sSTACK_OVERFLOW_CHECK=2',
  ],
};
const kWarmUpVersion = '1';
const kWarmUpSource = `#include <cstdio>
#include <stdexcept>
#include <vector>
#include <wasm_simd128.h>
#ifdef WITH_EMBIND
#include <emscripten/bind.h>
EMSCRIPTEN_BINDINGS(warm_up) { emscripten::function("size", +[](const std::string& s) { return s.size(); }); }
#endif
int main(int argc, char**) {
  std::vector<float> lanes(4, static_cast<float>(argc));
  try {
    if (wasm_f32x4_extract_lane(wasm_v128_load(lanes.data()), 1) == 1.0f) throw std::runtime_error("caught");
  } catch (const std::exception& error) {
    std::puts(error.what());
  }
}
`;

function isDebian12() {
  try {
    const release = readFileSync('/etc/os-release', 'utf8');
    return (
      /^ID=debian$/m.test(release) &&
      /^VERSION_ID="12"$/m.test(release) &&
      ['x64', 'arm64'].includes(process.arch)
    );
  } catch {
    return false;
  }
}

const kOtherSystem = `Eightfold sets itself up on Debian 12 alone. On this system, please install Emscripten ${kOldestEmscripten} or newer
(emsdk, Homebrew, or the package of Debian 13), CMake 3.25, Ninja, clang 17 or newer, Chromium, and the development packages of
protozero, nlohmann-json and SIMDe; put the amalgamated Catch2 3 (catch_amalgamated.hpp and .cpp) into
${join(prefix, 'catch2')}; make sure emcc is on PATH, and run this command again.`;

function checkOtherSystem(onPath) {
  const hasTools =
    ['cmake', 'ninja'].every((name) => which(name)) &&
    exists(join(prefix, 'catch2/catch_amalgamated.cpp'));
  if (!onPath || !hasTools) throw new StepError(kOtherSystem);
}

async function warmUp(env) {
  const folder = join(prefix, `tmp-warm-up-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(join(folder, 'warm_up.cpp'), kWarmUpSource);
    for (const [name, flags] of Object.entries(kWarmUps)) {
      const out = join(folder, name === 'module' ? `${name}.mjs` : `${name}.cjs`);
      const define = name === 'module' ? ['-DWITH_EMBIND'] : [];
      await quiet(
        'em++',
        [...kCommonFlags, ...flags, ...define, join(folder, 'warm_up.cpp'), '-o', out],
        { env },
      );
      if (name === 'module') continue;
      const { stdout } = await quiet(process.execPath, ['--experimental-wasm-relaxed-simd', out], {
        env,
      });
      if (stdout.trim() !== 'caught')
        throw new StepError(`the compiler works, but its program printed: ${stdout}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeShellFile(env) {
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value}'`);
  const path = env.EM_CONFIG ? `export PATH='${env.PATH.split(':')[0]}':"$PATH"` : '';
  const body = lines.filter((line) => !line.startsWith('export PATH='));
  writeFileSync(
    join(prefix, 'env.sh'),
    `${['# For a shell: source this file.', ...body, path].join('\n')}\n`,
  );
}

/** Sets up what is missing and returns the environment for the build steps. */
export async function setUp() {
  const onPath = await emscriptenOnPath();
  const env = toolchainEnv(onPath);
  const stamp = `${kWarmUpVersion} ${onPath ?? 'private'}`;
  await withLock(async () => {
    if (isDebian12()) await setUpDebian12({ needsEmscripten: !onPath });
    else checkOtherSystem(onPath);
    if (isStamped('warm-up', stamp)) return;
    await step("building Emscripten's system libraries (a minute or two, once)", () => warmUp(env));
    writeShellFile(env);
    writeStamp('warm-up', stamp);
  });
  return env;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    await setUp();
    say(`toolchain ready in ${prefix}`);
  });
}
