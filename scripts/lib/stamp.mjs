// Idempotence: a part of the tool folder is built beside its place, moved there in one rename, and stamped last.
// A stamp holds the version of the recipe; another version, or an interrupted run, builds the part again.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { prefix } from './paths.mjs';
import { say } from './run.mjs';

const stampPath = (name) => join(prefix, 'stamps', name);

export function isStamped(name, version) {
  try {
    return readFileSync(stampPath(name), 'utf8') === version;
  } catch {
    return false;
  }
}

export function writeStamp(name, version) {
  mkdirSync(dirname(stampPath(name)), { recursive: true });
  const temporary = `${stampPath(name)}.${process.pid}`;
  writeFileSync(temporary, version);
  renameSync(temporary, stampPath(name));
}

/** Builds <prefix>/<name> by `build(temporary folder)` unless its stamp says `version` already. */
export async function part(name, version, build) {
  if (isStamped(name, version)) return;
  const target = join(prefix, name);
  const temporary = join(prefix, `tmp-${name}-${process.pid}`);
  rmSync(stampPath(name), { force: true });
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  try {
    await build(temporary);
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
    writeStamp(name, version);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// Temporary folders of runs that were interrupted; with the lock held, none is in use.
function removeLeftovers() {
  for (const entry of readdirSync(prefix)) {
    if (entry.startsWith('tmp-')) rmSync(join(prefix, entry), { recursive: true, force: true });
  }
}

/** Runs `work` while no other clone works on the tool folder. A lock whose owner has died is taken over. */
export async function withLock(work) {
  mkdirSync(prefix, { recursive: true });
  const lock = join(prefix, 'lock');
  for (let told = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    let owner = 0;
    try {
      owner = Number(readFileSync(lock, 'utf8'));
    } catch {
      continue; // released between the two calls
    }
    if (!owner || !isAlive(owner)) {
      rmSync(lock, { force: true });
      continue;
    }
    if (!told) say(`  waiting for process ${owner}, which is setting up the same tool folder`);
    told = true;
    await new Promise((wake) => setTimeout(wake, 500));
  }
  try {
    removeLeftovers();
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}
