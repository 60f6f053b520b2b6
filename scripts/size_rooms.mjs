// What a module's bytes are made of: `node scripts/size.mjs --by room` links the module of a preset once more, with
// names, beside the build, and prints each room's functions (raw, and brotli of their bodies in a row), the data, and
// the largest functions. Which room a function belongs to is read from the objects; what none of them defines is the
// C and C++ library.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { root } from './lib/paths.mjs';
import { capture, StepError, say } from './lib/run.mjs';

const kLargest = 30;
const kTypeSection = { custom: 0, import: 2, code: 10, data: 11 };
const compressed = (parts) => brotliCompressSync(Buffer.concat(parts)).length;

/** Reads numbers and strings of a wasm file from a place on. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  number() {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }
  slice() {
    const size = this.number();
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }
}

/** How many functions the import section brings: their numbers come before those of the code section. */
function importedFunctions(section) {
  const reader = new Reader(section);
  let functions = 0;
  for (let left = reader.number(); left > 0; --left) {
    reader.slice();
    reader.slice();
    const kind = section[reader.at++];
    if (kind === 0) ++functions;
    if (kind === 1 || kind === 3 || kind === 4) ++reader.at; // a table's or a global's type, a tag's attribute
    if (kind === 3) ++reader.at;
    if (kind === 0 || kind === 4) reader.number();
    if (kind === 1 || kind === 2) {
      const flags = reader.number();
      reader.number();
      if (flags & 1) reader.number();
    }
  }
  return functions;
}

function functionNames(section) {
  const names = new Map();
  const reader = new Reader(section);
  reader.slice(); // "name"
  while (reader.at < section.length) {
    const kind = section[reader.at++];
    const part = new Reader(reader.slice());
    if (kind !== 1) continue;
    for (let left = part.number(); left > 0; --left)
      names.set(part.number(), part.slice().toString());
  }
  return names;
}

/** {functions: [{name, body}], data} of a wasm file linked with names. */
export function readModule(bytes) {
  const reader = new Reader(bytes, 8);
  let imported = 0;
  let names = new Map();
  let data = Buffer.alloc(0);
  const bodies = [];
  while (reader.at < bytes.length) {
    const kind = bytes[reader.at++];
    const section = reader.slice();
    if (kind === kTypeSection.import) imported = importedFunctions(section);
    if (kind === kTypeSection.data) data = section;
    if (kind === kTypeSection.custom && new Reader(section).slice().toString() === 'name')
      names = functionNames(section);
    if (kind === kTypeSection.code) {
      const code = new Reader(section);
      for (let left = code.number(); left > 0; --left) bodies.push(code.slice());
    }
  }
  const name = (i) => names.get(imported + i) ?? `function ${i}`;
  return { functions: bodies.map((body, i) => ({ name: name(i), body })), data };
}

/** Demangled name -> room, of what the archives and the binding's objects define. */
async function roomsOfNames(env, folder, inputs) {
  const { stdout } = await capture('emnm', ['-A', '-C', '--defined-only', ...inputs], {
    cwd: folder,
    env,
  });
  const rooms = new Map();
  for (const [, file, name] of stdout.matchAll(/^(.*?):.*? [A-Za-z] (.*)$/gm)) {
    const room = /libef_(\w+)\.a/.exec(file)?.[1] ?? 'bindings';
    if (!rooms.has(name)) rooms.set(name, room);
  }
  return rooms;
}

async function linkWithNames(env, folder) {
  const { stdout } = await capture('ninja', ['-t', 'commands', 'eightfold_module'], {
    cwd: folder,
    env,
  });
  const words = stdout.trim().split('\n').at(-1)?.split(/\s+/) ?? [];
  const output = words[words.indexOf('-o') + 1];
  if (!output) throw new StepError(`no build in ${folder}: run npm run build first`);
  const parts = words.slice(words.findIndex((word) => word.endsWith('em++')) + 1);
  const flags = parts.slice(0, parts.lastIndexOf('&&')).filter((word) => word !== ':');
  const named = join(folder, 'names/eightfold.mjs');
  mkdirSync(join(folder, 'names'), { recursive: true });
  flags[flags.indexOf('-o') + 1] = named;
  const { code, output: text } = await capture('em++', [...flags, '--profiling-funcs'], {
    cwd: folder,
    env,
  });
  if (code) throw new StepError(text);
  const inputs = flags.filter((word) => /\.[ao]$/.test(word));
  return { wasm: named.replace(/mjs$/, 'wasm'), inputs };
}

/** Prints the table for a preset that is built. */
export async function printRooms(env, preset = 'wasm') {
  const folder = join(root, 'build', preset);
  const { wasm, inputs } = await linkWithNames(env, folder);
  const { functions, data } = readModule(readFileSync(wasm));
  const rooms = await roomsOfNames(env, folder, inputs);
  const plain = (name) => name.replace(/( \(?\.[\w.]+\)?)+$/, '');
  const bodies = new Map();
  for (const one of functions) {
    one.room = rooms.get(one.name) ?? rooms.get(plain(one.name)) ?? 'library';
    bodies.set(one.room, [...(bodies.get(one.room) ?? []), one.body]);
  }
  const raw = (parts) => parts.reduce((sum, part) => sum + part.length, 0);
  const line = (name, count, parts) =>
    `  ${name.padEnd(12)}${[count, raw(parts), compressed(parts)].map((n) => String(n).padStart(10)).join('')}`;
  say(
    `  ${'room'.padEnd(12)}${['functions', 'bytes', 'brotli'].map((n) => n.padStart(10)).join('')}`,
  );
  for (const [room, parts] of [...bodies].sort((a, b) => raw(b[1]) - raw(a[1])))
    say(line(room, parts.length, parts));
  say(line('data', '', [data]));
  const largest = functions.sort((a, b) => b.body.length - a.body.length).slice(0, kLargest);
  for (const { name, body, room } of largest)
    say(`  ${String(body.length).padStart(7)}  ${room.padEnd(9)} ${name.slice(0, 100)}`);
}
