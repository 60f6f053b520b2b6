// The command line as a child process, in a folder of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inRoot } from './eightfold.ts';

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Sent that many milliseconds after the start. */
  interruptAfter?: number;
  env?: Record<string, string>;
}

export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'eightfold-cli-'));

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  run(args: readonly string[], { interruptAfter, env }: RunOptions = {}): Promise<Finished> {
    const child = spawn(process.execPath, [inRoot('dist/js/cli.js'), ...args], {
      cwd: this.folder,
      env: { ...process.env, ...env },
    });
    const texts = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
    if (interruptAfter !== undefined) setTimeout(() => child.kill('SIGINT'), interruptAfter);
    return new Promise((done) => child.on('close', (code) => done({ code, ...texts })));
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
