// The recipe for Debian 12: its own emscripten is too old, so that of Debian 13 is unpacked (not installed) into the
// private tool folder, with binaryen and the C library binaryen needs, started through their own loader.
// Parts: emscripten/ (compiler), include/ (header-only libraries), catch2/ (the amalgamated test framework).
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { install, missingPackages, openSuite } from './apt.mjs';
import { prefix } from './paths.mjs';
import { quiet, StepError, step } from './run.mjs';
import { isStamped, part } from './stamp.mjs';

const kRelease = 'bookworm';
const kSuite = 'trixie';
// Change a version here when its recipe below changes.
const kVersions = { emscripten: '1', include: '1', catch2: '1' };
const kEmscriptenPackages = ['emscripten', 'binaryen', 'libc6', 'libgcc-s1', 'libstdc++6'];
const kHeaderPackages = ['libprotozero-dev', 'nlohmann-json3-dev', 'libsimde-dev'];
const kAcorn = 'acorn@8.14.0';
const kLoaders = {
  x64: ['x86_64-linux-gnu', 'ld-linux-x86-64.so.2'],
  arm64: ['aarch64-linux-gnu', 'ld-linux-aarch64.so.1'],
};

export async function setUpDebian12({ needsEmscripten }) {
  const missing = missingPackages();
  if (missing.length) await step(`installing ${missing.join(' ')}`, () => install(missing));

  const wanted = ['include', 'catch2', ...(needsEmscripten ? ['emscripten'] : [])];
  if (wanted.every((name) => isStamped(name, kVersions[name]))) return;
  const work = join(prefix, `tmp-apt-${process.pid}`);
  rmSync(work, { recursive: true, force: true });
  try {
    const suite = await openSuite(work, kRelease, kSuite);
    await part('include', kVersions.include, (folder) => unpackHeaders(suite, folder));
    await part('catch2', kVersions.catch2, (folder) => unpackCatch2(suite, folder));
    if (needsEmscripten)
      await part('emscripten', kVersions.emscripten, (folder) => unpackEmscripten(suite, folder));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The one downloaded file whose name starts with `name_`. */
function downloaded(suite, name) {
  const file = readdirSync(suite.debs).find(
    (entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'),
  );
  if (!file) throw new StepError(`apt-get downloaded no package ${name}`);
  return join(suite.debs, file);
}

async function unpackHeaders(suite, folder) {
  await step('fetching protozero, nlohmann-json and SIMDe headers', async () => {
    await suite.download(kHeaderPackages);
    const tree = join(suite.debs, 'headers');
    for (const name of kHeaderPackages) await quiet('dpkg', ['-x', downloaded(suite, name), tree]);
    for (const entry of ['protozero', 'nlohmann', 'simde']) {
      cpSync(join(tree, 'usr/include', entry), join(folder, entry), {
        recursive: true,
        dereference: true,
      });
    }
  });
}

async function unpackCatch2(suite, folder) {
  await step('fetching the Catch2 source', async () => {
    await suite.downloadSource('catch2');
    const archive = readdirSync(suite.debs).find((entry) => /^catch2_.*\.orig\.tar\./.test(entry));
    if (!archive) throw new StepError('apt-get downloaded no source archive of catch2');
    const names = ['catch_amalgamated.hpp', 'catch_amalgamated.cpp'];
    const wanted = names.map((name) => `*/extras/${name}`);
    await quiet('tar', [
      '-xf',
      join(suite.debs, archive),
      '-C',
      suite.debs,
      '--strip-components=2',
      '--wildcards',
      ...wanted,
    ]);
    for (const name of names) renameSync(join(suite.debs, name), join(folder, name));
  });
}

async function unpackEmscripten(suite, folder) {
  await step('fetching Emscripten and binaryen (a few hundred MB unpacked)', async () => {
    await suite.download(kEmscriptenPackages);
    for (const name of kEmscriptenPackages)
      await quiet('dpkg', ['-x', downloaded(suite, name), join(folder, 'debian')]);
  });
  await step('arranging Emscripten', async () => {
    renameSync(join(folder, 'debian/usr/share/emscripten'), join(folder, 'emscripten'));
    await addAcorn(folder);
    wrapBinaryen(folder);
    writeConfig(folder);
  });
}

// Emscripten imports acorn when it optimizes; Debian's package of it would replace the system's Node.
async function addAcorn(folder) {
  const target = join(folder, 'emscripten/node_modules/acorn');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await quiet(
    'npm',
    ['pack', kAcorn, '--silent', '--ignore-scripts', '--pack-destination', folder],
    { cwd: folder },
  );
  const archive = readdirSync(folder).find(
    (entry) => entry.startsWith('acorn-') && entry.endsWith('.tgz'),
  );
  await quiet('tar', ['-xzf', join(folder, archive), '-C', target, '--strip-components=1']);
  rmSync(join(folder, archive));
}

// One script per program: binaryen started through the unpacked loader and its C library.
function wrapBinaryen(folder) {
  const [triplet, loader] = kLoaders[process.arch];
  const bin = join(folder, 'binaryen/bin');
  mkdirSync(bin, { recursive: true });
  for (const name of readdirSync(join(folder, 'debian/usr/bin')).filter((entry) =>
    entry.startsWith('wasm'),
  )) {
    const usr = join(prefix, 'emscripten/debian/usr');
    const start = `"${usr}/lib/${triplet}/${loader}" --library-path "${usr}/lib/${triplet}" "${usr}/bin/${name}"`;
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${start} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  }
}

// Read by emcc from its own folder when EM_CONFIG is not set.
function writeConfig(folder) {
  const home = join(prefix, 'emscripten');
  const config = [
    "LLVM_ROOT = '/usr/lib/llvm-19/bin'",
    `BINARYEN_ROOT = '${join(home, 'binaryen')}'`,
    "NODE_JS = 'node'",
    `CACHE = '${join(home, 'cache')}'`,
  ];
  writeFileSync(join(folder, 'emscripten/.emscripten'), `${config.join('\n')}\n`);
}
