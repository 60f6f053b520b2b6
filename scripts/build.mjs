// Builds what is shipped: the wasm modules (dist/wasm), the JS API (dist/js), the page (web/dist); prints sizes.
// Every step is incremental: a second run takes seconds.
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isNewer, walk } from './lib/files.mjs';
import { bin, installPackages } from './lib/packages.mjs';
import { exists, root } from './lib/paths.mjs';
import { quiet, runMain, StepError, step } from './lib/run.mjs';
import { setUp } from './setup.mjs';
import { checkSizes } from './size.mjs';

// The presets whose modules the package ships.
const kShipped = ['wasm', 'wasm-relaxed'];
const kModules = ['eightfold_module', 'eightfold_module_threads'];

/** Configures a CMake preset when needed and builds targets of it. */
export async function buildPreset(env, preset, targets) {
  const folder = join(root, 'build', preset);
  await step(`building ${targets.join(' ')} (${preset})`, async () => {
    const stamp = join(folder, 'preset.stamp');
    if (!isNewer(stamp, [join(root, 'CMakePresets.json')])) {
      await quiet('cmake', ['--preset', preset], { cwd: root, env });
      writeFileSync(stamp, '');
    }
    const jobs = String(availableParallelism());
    await quiet('cmake', ['--build', folder, '--parallel', jobs, '--target', ...targets], {
      cwd: root,
      env,
    });
  });
}

/** Takes comments and white space out of the compiled scripts: both are in the types and the sources. Names stay. */
async function pressScripts() {
  const { minifySync } = await import('vite');
  for (const path of walk(join(root, 'dist/js'), (name) => name.endsWith('.js'))) {
    const text = readFileSync(path, 'utf8');
    const { code, errors } = minifySync(path, text, { compress: false, mangle: false });
    if (errors.length) throw new StepError(`${path}: ${errors[0].message}`);
    if (code !== text) writeFileSync(path, code);
  }
}

async function buildScripts() {
  await step('compiling the JS API', async () => {
    // tsc believes its notes, not the folder: without outputs the notes are void.
    if (!exists(join(root, 'dist/js')))
      rmSync(join(root, 'build/tsc/dist.tsbuildinfo'), { force: true });
    await quiet(bin('tsc'), ['-p', 'tsconfig.build.json'], { cwd: root });
    await pressScripts();
    const cli = join(root, 'dist/js/cli.js');
    if (exists(cli)) chmodSync(cli, 0o755);
  });
}

async function buildPage() {
  const stamp = join(root, 'build/page.stamp');
  const inputs = ['web', 'dist/js', 'dist/wasm', 'examples'].flatMap((folder) =>
    walk(join(root, folder)),
  );
  const settings = ['package-lock.json', 'tsconfig.json'].map((name) => join(root, name));
  if (exists(join(root, 'web/dist/index.html')) && isNewer(stamp, [...inputs, ...settings])) return;
  await step('building the page', () =>
    quiet(bin('vite'), ['build', 'web', '--logLevel', 'warn'], { cwd: root }),
  );
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, '');
}

async function buildOnce(env) {
  for (const preset of kShipped) await buildPreset(env, preset, kModules);
  await buildScripts();
  await buildPage();
  checkSizes();
}

let built;

/** Builds all that is shipped, once in a process: a second call waits for the first and shares its fate. */
export function buildAll(env) {
  built ??= buildOnce(env);
  return built;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    const env = await setUp();
    await installPackages();
    await buildAll(env);
  });
}
