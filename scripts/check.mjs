// `npm run check`: format, lint, types and the manners of the house, without building anything.
// With --fix (`npm run format`) the formatters rewrite the files first.
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkIncludes } from './check_includes.mjs';
import { walk } from './lib/files.mjs';
import { bin, installPackages } from './lib/packages.mjs';
import { exists, root, which } from './lib/paths.mjs';
import { capture, elapsed, runMain, StepError, say } from './lib/run.mjs';
import { checkAddresses, checkAscii, checkLockFile } from './lib/text_checks.mjs';

const kShownLines = 80;

function clangFormat() {
  const found = which('clang-format-19') ?? which('clang-format');
  if (!found) throw new StepError('no clang-format-19 on PATH: run `node scripts/setup.mjs`');
  return found;
}

const cppFiles = () =>
  ['src', 'bindings', 'tests'].flatMap((folder) =>
    walk(join(root, folder), (path) => /\.(h|cpp)$/.test(path)),
  );

/** Tracked files and new ones that git does not ignore. */
async function repositoryFiles() {
  const { stdout } = await capture('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
  });
  return stdout.split('\0').filter((path) => path && exists(join(root, path)));
}

/** Complaints of a command: none when it exits with 0. */
async function complaints(command, args) {
  const { code, output } = await capture(command, args, { cwd: root });
  return code === 0 ? [] : output.trimEnd().split('\n');
}

/** Where clang-format would change something, as path:line. */
async function misformatted() {
  const lines = await complaints(clangFormat(), ['--dry-run', '-Werror', ...cppFiles()]);
  const places = lines.map((line) => /^(.*:\d+):\d+: error/.exec(line)?.[1]).filter(Boolean);
  if (lines.length && !places.length) return lines;
  return [...new Set(places)].map(
    (place) => `${relative(root, place)}: \`npm run format\` changes it`,
  );
}

async function formatFiles() {
  await complaints(clangFormat(), ['-i', ...cppFiles()]);
  await complaints(bin('biome'), ['check', '--write', '.']);
}

function checks(files) {
  const list = [
    ['C++ format', misformatted],
    [
      'TypeScript and JavaScript format and lint',
      () => complaints(bin('biome'), ['check', '--error-on-warnings', '.']),
    ],
    ['types', () => complaints(bin('tsc'), ['-p', 'tsconfig.json'])],
    ['include direction', checkIncludes],
    ['ASCII sources', () => checkAscii(files)],
    ['no registry hosts or machine paths', () => checkAddresses(files)],
    ['lock file without addresses', checkLockFile],
  ];
  if (exists(join(root, 'dist/js/index.js'))) {
    list.push([
      'package exports',
      () => complaints(bin('publint'), ['--strict', '--pack', 'false', '.']),
    ]);
  }
  return list;
}

/** Runs every check, prints one line for each and the complaints; returns {passed, failed, skipped}. */
export async function runChecks() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const start = Date.now();
  const work = checks(await repositoryFiles()).map(([name, check]) => [
    name,
    Promise.resolve().then(check),
  ]);
  for (const [name, promise] of work) {
    const found = await promise;
    say(`  ${found.length ? 'FAIL' : 'ok  '} ${name}`);
    for (const line of found.slice(0, kShownLines)) say(`       ${line}`);
    if (found.length > kShownLines) say(`       ... and ${found.length - kShownLines} lines more`);
    counts[found.length ? 'failed' : 'passed'] += 1;
  }
  say(`  ${counts.passed} checks passed, ${counts.failed} failed (${elapsed(start)})`);
  return counts;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    await installPackages();
    if (process.argv.includes('--fix')) await formatFiles();
    const { failed } = await runChecks();
    return failed ? 1 : 0;
  });
}
