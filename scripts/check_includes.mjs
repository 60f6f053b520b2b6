// Reads the #include lines of src/ against the floor plan: a room may include itself and the rooms its line in
// cmake/rooms.cmake names, never sideways or up. Also: no include of headers that drag locale tables into the module.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { walk } from './lib/files.mjs';
import { root } from './lib/paths.mjs';
import { runMain, StepError, say } from './lib/run.mjs';

const kHeavyHeaders = new Set([
  'regex',
  'iostream',
  'istream',
  'ostream',
  'sstream',
  'fstream',
  'iomanip',
  'locale',
]);

/** {room: set of rooms it may include}, from the table that CMake links by. */
export function readFloorPlan(text) {
  const plan = new Map();
  for (const [, room, below] of text.matchAll(/^ef_room\((\w+)([^)]*)\)$/gm)) {
    plan.set(room, new Set([room, ...below.trim().split(/\s+/).filter(Boolean)]));
  }
  return plan;
}

/** A message for an include that room `room` may not make, or undefined. Headers in src/ itself stand above all rooms. */
function judge(plan, room, kind, target) {
  if (kind === '<') {
    return kHeavyHeaders.has(target) ? `<${target}> is too heavy for the core` : undefined;
  }
  if (!target.includes('/')) {
    return room ? `"${target}" must be named from src/ on: "${room}/${target}"` : undefined;
  }
  const other = target.split('/')[0];
  if (!plan.has(other)) return `"${target}" is in no room of cmake/rooms.cmake`;
  if (room && !plan.get(room).has(other)) {
    return `${room} may not include ${other} (it may: ${[...plan.get(room)].join(', ')})`;
  }
  return undefined;
}

/** The violations in one file as "path:line: message". */
export function checkFile(plan, path, text) {
  const parts = path.split('/');
  const room = parts.length > 2 ? parts[1] : undefined;
  if (room && !plan.has(room)) return [`${path}:1: the room ${room} is not in cmake/rooms.cmake`];
  const found = [];
  text.split('\n').forEach((line, index) => {
    const include = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(line);
    const message = include && judge(plan, room, include[1], include[2]);
    if (message) found.push(`${path}:${index + 1}: ${message}`);
  });
  return found;
}

/** All violations in src/. */
export function checkIncludes() {
  const plan = readFloorPlan(readFileSync(join(root, 'cmake/rooms.cmake'), 'utf8'));
  return walk(join(root, 'src'), (path) => /\.(h|cpp|inc)$/.test(path)).flatMap((path) =>
    checkFile(plan, relative(root, path), readFileSync(path, 'utf8')),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(async () => {
    const violations = checkIncludes();
    if (violations.length) throw new StepError(violations.join('\n'));
    say('includes follow the floor plan');
  });
}
