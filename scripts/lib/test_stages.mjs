// The stages of `npm test`. Each returns {passed, failed, skipped}, read from the machine-readable report of the
// program that ran, never guessed from an exit code alone: a crash counts as a failure.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildAll, buildPreset } from '../build.mjs';
import { runChecks } from '../check.mjs';
import { walk } from './files.mjs';
import { node22 } from './packages.mjs';
import { dataDir, exists, root, systemNode, which } from './paths.mjs';
import { live, say } from './run.mjs';

const kReports = join(root, 'build/reports');
const kTimeoutMs = 20 * 60_000;

function reportPath(name) {
  mkdirSync(kReports, { recursive: true });
  const path = join(kReports, name);
  rmSync(path, { force: true });
  return path;
}

function readReport(path) {
  return exists(path) ? readFileSync(path, 'utf8') : '';
}

/** Counts of a finished run; a bad exit code without a counted failure is one failure. */
function settle(counts, code, name) {
  if (code === 0 || counts.failed) return counts;
  say(`  ${name} ended with ${code} before its report`);
  return { ...counts, failed: 1 };
}

async function runCatch2(name, command, args) {
  const report = reportPath(`${name}.xml`);
  const color = process.stdout.isTTY ? 'ansi' : 'none';
  const options = ['-r', 'console::out=-', '-r', `xml::out=${report}`, '--colour-mode', color];
  const code = await live(command, [...args, ...options], {
    cwd: root,
    // Allocations that cannot be had are tested: they must return null, as they do in wasm.
    env: { EIGHTFOLD_DATA: dataDir, ASAN_OPTIONS: 'allocator_may_return_null=1' },
  });
  const total = /<OverallResultsCases ([^>]*)>/.exec(readReport(report))?.[1] ?? '';
  const count = (key) => Number(new RegExp(`\\b${key}="(\\d+)"`).exec(total)?.[1] ?? 0);
  const counts = {
    passed: count('successes') + count('expectedFailures'),
    failed: count('failures'),
    skipped: count('skips'),
  };
  return settle(counts, total ? code : code || 'no report', name);
}

async function native(env) {
  await buildPreset(env, 'dev', ['eightfold_tests']);
  return runCatch2('native', join(root, 'build/dev/tests/eightfold_tests'), []);
}

function wasm(preset, node) {
  return async (env) => {
    await buildPreset(env, preset, ['eightfold_tests']);
    const program = join(root, 'build', preset, 'tests/eightfold_tests.cjs');
    return runCatch2(preset, node(), [program]);
  };
}

function chromium() {
  return (
    ['chromium', 'chromium-browser', 'google-chrome'].map((name) => which(name)).find(Boolean) ?? ''
  );
}

/** node:test over the *.test.ts files of one folder. */
function nodeTests(folder) {
  return async (env) => {
    const files = walk(join(root, folder), (path) => path.endsWith('.test.ts'));
    if (files.length === 0) {
      say(`  no ${folder}/**/*.test.ts`);
      return { passed: 0, failed: 1, skipped: 0 };
    }
    await buildAll(env);
    const name = relative('tests', folder);
    const report = reportPath(`${name}.tap`);
    const reporters = [
      ['spec', 'stdout'],
      ['tap', report],
    ];
    const args = [
      ...['--import', 'tsx', '--test', `--test-timeout=${kTimeoutMs}`],
      ...reporters.flatMap(([kind, out]) => [
        `--test-reporter=${kind}`,
        `--test-reporter-destination=${out}`,
      ]),
      ...files,
    ];
    const settings = { ...env, EIGHTFOLD_DATA: dataDir, EIGHTFOLD_CHROMIUM: chromium() };
    const code = await live(systemNode(), args, { cwd: root, env: settings });
    const text = readReport(report);
    const count = (key) => Number(new RegExp(`^# ${key} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
    const counts = {
      passed: count('pass'),
      failed: count('fail') + count('cancelled'),
      skipped: count('skipped') + count('todo'),
    };
    return settle(counts, code, name);
  };
}

// Counts nothing by itself: a build that fails is one failure (test.mjs).
async function build(env) {
  await buildAll(env);
  return { passed: 0, failed: 0, skipped: 0 };
}

export const kStages = [
  { name: 'build', title: 'modules, API, page, sizes', run: build },
  { name: 'check', title: 'format, lint, types, manners', run: runChecks },
  { name: 'native', title: 'Catch2 natively with sanitizers', run: native },
  { name: 'wasm', title: 'Catch2 as wasm, simd128', run: wasm('wasm', systemNode) },
  {
    name: 'relaxed',
    title: 'Catch2 as wasm, relaxed SIMD',
    run: wasm('wasm-relaxed', () => node22),
  },
  { name: 'node', title: 'API and CLI', run: nodeTests('tests/node') },
  { name: 'page', title: 'the page in Chromium', run: nodeTests('tests/page') },
  { name: 'accuracy', title: 'accuracy on real models', run: nodeTests('tests/accuracy') },
];
