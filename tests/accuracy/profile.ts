// Which nodes onnxruntime-web really executes for a model, in order, after its own fusions: name,
// op type, and the element types and shapes of inputs and outputs. Taken from its profile.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { kRepository } from './data.ts';
import type { Feeds } from './tensor.ts';

export interface ExecutedNode {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly TypedShape[];
  readonly outputs: readonly TypedShape[];
}

export interface TypedShape {
  readonly type: string;
  readonly dims: readonly number[];
}

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly args: {
    readonly op_name?: string;
    readonly input_type_shape?: Record<string, number[]>[];
    readonly output_type_shape?: Record<string, number[]>[];
  };
}

const shapes = (list: Record<string, number[]>[] = []): TypedShape[] =>
  list.flatMap((entry) => Object.entries(entry).map(([type, dims]) => ({ type, dims })));

function executedNodes(profile: string): ExecutedNode[] {
  const events = JSON.parse(profile) as ProfileEvent[];
  return events
    .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
    .map(({ name, args }) => ({
      name: name.replace(/_kernel_time$/, ''),
      opType: args.op_name ?? '',
      inputs: shapes(args.input_type_shape),
      outputs: shapes(args.output_type_shape),
    }));
}

// The child's output goes to a file: a pipe that is full makes its writes fail.
async function outputOf(script: string, input: Uint8Array): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'eightfold-profile-'));
  const path = join(folder, 'profile.json');
  const file = openSync(path, 'w');
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(process.execPath, ['--import', 'tsx', script], {
        cwd: kRepository,
        stdio: ['pipe', file, 'pipe'],
      });
      let err = '';
      child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text));
      child.on('error', reject);
      child.on('close', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`the profiling process ended with ${code}: ${err.slice(0, 2000)}`));
      });
      child.stdin!.on('error', reject).end(input);
    });
    return readFileSync(path, 'utf8');
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

export async function profileOrtWeb(model: Uint8Array, feeds: Feeds): Promise<ExecutedNode[]> {
  const script = fileURLToPath(new URL('./profile_child.ts', import.meta.url));
  const out = await outputOf(script, serialize({ model, feeds }));
  return executedNodes(out.slice(out.indexOf('[')));
}
