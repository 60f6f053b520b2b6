// Prints what a user downloads (raw, gzip, brotli) and holds it against the budget: 420 KiB of brotli for each wasm
// file (25 more with threads: atomic counts and the C library's threads), 45 KiB of gzip for the JavaScript a page loads (the
// module's glue and the API, file by file as shipped, before any bundler). `--by room` tells what the bytes are.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { walk } from './lib/files.mjs';
import { root } from './lib/paths.mjs';
import { runMain, StepError, say } from './lib/run.mjs';
import { emscriptenOnPath, toolchainEnv } from './lib/toolchain.mjs';
import { printRooms } from './size_rooms.mjs';

const kKib = 1024;
// Aimed at: 300 and 40. Where it is to go, by measurement so far: allocations that cannot fail, so that containers need no
// landing pads (-7 of the 34 that all of them cost), rows of operators as constants (7 now), equal functions merged when
// linked (-1); then operators that few models have into a second file, loaded when a model asks.
const kWasmBrotliBudget = 420 * kKib;
const kScriptGzipBudget = 45 * kKib;
// What threads may add to a wasm file and to its glue.
const kThreadsBrotli = 25 * kKib;
const kThreadsGzip = 5 * kKib;
// Files of dist/js that only Node loads, and the entry that a page asks for by name.
const kNotCounted = /\/dist\/js\/(cli|node|stream)\b/;
const kCache = join(root, 'build/size.json');

function readCache() {
  try {
    return JSON.parse(readFileSync(kCache, 'utf8'));
  } catch {
    return {};
  }
}

/** {name: {key, raw, gzip, brotli}}; a file of known size and date is not compressed again. */
function measure(paths, known) {
  const sizes = {};
  for (const path of paths) {
    const name = relative(root, path);
    const { size, mtimeMs } = statSync(path);
    const key = `${size} ${mtimeMs}`;
    const bytes = known[name]?.key === key ? undefined : readFileSync(path);
    sizes[name] = bytes
      ? { key, raw: size, gzip: gzipSync(bytes).length, brotli: brotliCompressSync(bytes).length }
      : known[name];
  }
  return sizes;
}

const kib = (bytes) => `${(bytes / kKib).toFixed(1)} KiB`.padStart(11);
const row = (name, { raw, gzip, brotli }) =>
  `  ${name.padEnd(38)}${kib(raw)}${kib(gzip)}${kib(brotli)}`;

function sum(entries) {
  const total = { raw: 0, gzip: 0, brotli: 0 };
  for (const entry of entries) for (const unit of Object.keys(total)) total[unit] += entry[unit];
  return total;
}

/** The lines of the table and the budgets that are exceeded. */
function report(sizes) {
  const wasm = Object.entries(sizes).filter(([name]) => name.endsWith('.wasm'));
  const glue = Object.entries(sizes).filter(([name]) => name.endsWith('.mjs'));
  const scripts = sum(
    Object.entries(sizes)
      .filter(([name]) => name.endsWith('.js'))
      .map(([, size]) => size),
  );
  const lines = [
    `  ${'size'.padEnd(38)}${['raw', 'gzip', 'brotli'].map((unit) => unit.padStart(11)).join('')}`,
  ];
  for (const [name, size] of [...wasm, ...glue]) lines.push(row(name, size));
  lines.push(row('dist/js (what a page may load)', scripts));

  const over = [];
  const hold = (what, size, unit, budget) => {
    if (size <= budget) return;
    over.push(`${what}: ${kib(size).trim()} of ${unit} exceed ${kib(budget).trim()}`);
  };
  const extra = (name, bytes) => (name.includes('-threads/') ? bytes : 0);
  for (const [name, { brotli }] of wasm) {
    hold(name, brotli, 'brotli', kWasmBrotliBudget + extra(name, kThreadsBrotli));
  }
  for (const [name, { gzip }] of glue) {
    const budget = kScriptGzipBudget + extra(name, kThreadsGzip);
    hold(`JavaScript with ${name}`, gzip + scripts.gzip, 'gzip', budget);
  }
  return { lines, over };
}

/** Prints the table when anything changed, or `always`; throws when a budget is exceeded. */
export function checkSizes({ always = false } = {}) {
  const modules = walk(join(root, 'dist/wasm'), (path) => /\.(wasm|mjs)$/.test(path));
  const scripts = walk(
    join(root, 'dist/js'),
    (path) => path.endsWith('.js') && !kNotCounted.test(path),
  );
  const known = readCache();
  const sizes = measure([...modules, ...scripts], known);
  const { lines, over } = report(sizes);
  if (always || over.length || JSON.stringify(sizes) !== JSON.stringify(known))
    say(lines.join('\n'));
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(kCache, JSON.stringify(sizes));
  if (over.length) throw new StepError(`over the size budget:\n  ${over.join('\n  ')}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  // `--by room [preset]`: what the bytes of one module are (size_rooms.mjs).
  const [by, what, preset] = process.argv.slice(2);
  await runMain(async () => {
    if (!by) return checkSizes({ always: true });
    if (by !== '--by' || what !== 'room')
      throw new StepError('size.mjs [--by room [wasm|wasm-relaxed]]');
    return printRooms(toolchainEnv(await emscriptenOnPath()), preset);
  });
}
