// The two ways Eightfold uses apt on Debian 12: installing missing tools from the system's own release, and
// downloading packages of the next release, to be unpacked into the private tool folder. The mirror, its key and
// the architecture are those the machine already uses, asked from apt; nothing is added to its package lists.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exists } from './paths.mjs';
import { capture, quiet, StepError, say } from './run.mjs';

const kEnvironment = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
const kWait = ['-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=3'];

// What to look for on disk, and the package that brings it.
const kTools = [
  ['/usr/bin/clang++-19', 'clang-19'],
  ['/usr/bin/wasm-ld-19', 'lld-19'],
  ['/usr/bin/llvm-ar-19', 'llvm-19'],
  ['/usr/lib/llvm-19/lib/clang/19/lib', 'libclang-rt-19-dev'],
  ['/usr/bin/clang-format-19', 'clang-format-19'],
  ['/usr/bin/python3', 'python3'],
  ['/usr/bin/cmake', 'cmake'],
  ['/usr/bin/ninja', 'ninja-build'],
  ['/usr/bin/g++', 'g++'],
  ['/usr/bin/xz', 'xz-utils'],
  ['/usr/bin/chromium', 'chromium'],
  ['/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf', 'fonts-dejavu-core'],
];

export function missingPackages() {
  return kTools.filter(([path]) => !exists(path)).map(([, name]) => name);
}

/** apt-get, as root or through sudo. */
function aptGet(args) {
  const asRoot = process.getuid() === 0;
  const command = asRoot ? 'apt-get' : 'sudo';
  const env = asRoot
    ? []
    : ['-n', ...Object.entries(kEnvironment).map(([k, v]) => `${k}=${v}`), 'apt-get'];
  return capture(command, [...env, ...kWait, ...args], { env: kEnvironment });
}

// Third-party lists may be broken; only Debian's own matter here.
const kDebianLists = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'];

async function hasCandidate(name) {
  const { stdout } = await capture('apt-cache', ['policy', name], { env: kEnvironment });
  return /Candidate: (?!\(none\))/.test(stdout);
}

async function refreshLists(wanted) {
  const first = await aptGet(['update']);
  if (first.code === 0 && (await hasCandidate(wanted))) return;
  say("  apt-get update had complaints; trying Debian's own package list alone");
  for (const list of kDebianLists.filter(exists)) {
    await aptGet([
      'update',
      '-o',
      `Dir::Etc::SourceList=${list}`,
      '-o',
      'Dir::Etc::SourceParts=/dev/null',
    ]);
    if (await hasCandidate(wanted)) return;
  }
  throw new StepError(
    `apt knows no package ${wanted}. The output of apt-get update was:\n${first.output}`,
  );
}

/** Installs packages of the system's own release, without recommended extras. */
export async function install(packages) {
  await refreshLists(packages[0]);
  const { code, output } = await aptGet(['install', '-y', '--no-install-recommends', ...packages]);
  const stillMissing = missingPackages();
  if (code === 0 && stillMissing.length === 0) return;
  throw new StepError(
    `${output}\napt-get could not install ${packages.join(' ')} (${code}); missing: ${stillMissing.join(' ')}`,
  );
}

/** The address of the Debian mirror this machine uses for its own release. */
async function ownMirror(codename) {
  const filters = [
    'Created-By: Packages',
    'Origin: Debian',
    `Codename: ${codename}`,
    'Component: main',
  ];
  const ask = async () => {
    const { stdout } = await capture(
      'apt-get',
      ['indextargets', '--format', '$(REPO_URI)', ...filters],
      { env: kEnvironment },
    );
    return stdout.trim().split('\n')[0];
  };
  const known = await ask();
  if (known) return known;
  await refreshLists('clang-19'); // a minimal image holds no lists at all
  const uri = await ask();
  if (!uri) throw new StepError(`apt lists no Debian mirror for ${codename}: is it in /etc/apt?`);
  return uri;
}

// Debian's keys; where this file is absent, those apt trusts by itself.
const kKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A view of another Debian release that leaves the system's own lists alone; everything is kept in `folder`. */
export async function openSuite(folder, ownCodename, suite) {
  const uri = await ownMirror(ownCodename);
  const key = exists(kKeyring) ? `Signed-By: ${kKeyring}\n` : '';
  for (const sub of ['lists/partial', 'cache/archives/partial', 'debs'])
    mkdirSync(join(folder, sub), { recursive: true });
  const options = (kind) => {
    const list = join(folder, `${suite}-${kind}.sources`);
    writeFileSync(list, `Types: ${kind}\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\n${key}`);
    return [
      ...['-o', `Dir::Etc::SourceList=${list}`, '-o', 'Dir::Etc::SourceParts=/dev/null'],
      ...[
        '-o',
        `Dir::State::Lists=${join(folder, 'lists')}`,
        '-o',
        `Dir::Cache=${join(folder, 'cache')}`,
      ],
      ...[
        '-o',
        'APT::Sandbox::User=root',
        '-o',
        'Acquire::Languages=none',
        '-o',
        'Acquire::Retries=3',
      ],
    ];
  };
  const debs = join(folder, 'debs');
  const call = (kind, args) =>
    quiet('apt-get', [...options(kind), ...args], { cwd: debs, env: kEnvironment });
  return {
    debs,
    /** Downloads binary packages into `debs`. */
    async download(packages) {
      await call('deb', ['update']);
      await call('deb', ['download', ...packages]);
    },
    /** Downloads a source package into `debs`. */
    async downloadSource(name) {
      await call('deb-src', ['update']);
      await call('deb-src', ['source', '--download-only', name]);
    },
  };
}
