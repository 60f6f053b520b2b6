// Runs child processes and tells the person in front of the screen what is going on.
// Long quiet steps print a line with the elapsed time every few seconds; a failure prints the tail of the output.
import { spawn } from 'node:child_process';

const kHeartbeatMs = 10_000;
const kTailLines = 120;

// The last line a quiet child printed, shown by the heartbeat.
let lastLine = '';

/** An error whose message is meant for the person who typed the command: printed without a stack. */
export class StepError extends Error {}

export function elapsed(since) {
  const seconds = (Date.now() - since) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Runs `work` under a title; prints the title first, a heartbeat while it lasts, and the time it took. */
export async function step(title, work) {
  const start = Date.now();
  say(`> ${title}`);
  lastLine = '';
  const beat = setInterval(() => say(`  ... ${elapsed(start)} ${lastLine}`), kHeartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    const took = Date.now() - start;
    if (took > 2000) say(`  ${title}: ${elapsed(start)}`);
  }
}

function start(command, args, { cwd, env, stdio }) {
  return spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio });
}

function waitFor(child, command) {
  return new Promise((done, fail) => {
    child.on('error', (error) =>
      fail(new StepError(`could not start ${command}: ${error.message}`)),
    );
    child.on('close', (code, signal) => done(signal ? `signal ${signal}` : code));
  });
}

/** Runs a command quietly and returns {code, stdout, stderr, output}; never throws on an exit code. */
export async function capture(command, args = [], options = {}) {
  const child = start(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '', output: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8');
    child[name].on('data', (part) => {
      text[name] += part;
      text.output += part;
      lastLine = part.trimEnd().split('\n').at(-1).slice(0, 100);
    });
  }
  const code = await waitFor(child, command);
  return { code, ...text };
}

/** Runs a command quietly; on failure throws a StepError that holds the tail of its output. */
export async function quiet(command, args = [], options = {}) {
  const result = await capture(command, args, options);
  if (result.code === 0) return result;
  const tail = result.output.trimEnd().split('\n').slice(-kTailLines).join('\n');
  throw new StepError(`${[command, ...args].join(' ')}\n${tail}\nfailed (${result.code})`);
}

/** Runs a command whose output goes straight to the terminal; returns its exit code. */
export async function live(command, args = [], options = {}) {
  const child = start(command, args, { ...options, stdio: ['ignore', 'inherit', 'inherit'] });
  return waitFor(child, command);
}

/** As `live`, and a StepError when the exit code is not 0. */
export async function mustRun(command, args = [], options = {}) {
  const code = await live(command, args, options);
  if (code !== 0) throw new StepError(`${[command, ...args].join(' ')} failed (${code})`);
}

/** The last lines of every script: runs main and turns a StepError into a plain message. */
export async function runMain(main) {
  try {
    const code = await main();
    process.exitCode = typeof code === 'number' ? code : 0;
  } catch (error) {
    process.stderr.write(`${error instanceof StepError ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
