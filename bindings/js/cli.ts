#!/usr/bin/env node
// The command line: arguments here, one file per command in cli/.
// Exit codes: 0 done, 1 failed (code, node and hint on stderr), 2 wrong usage.
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { bench } from './cli/bench.ts';
import { compareModels } from './cli/compare.ts';
import { inspectModel } from './cli/inspect.ts';
import { listOperators } from './cli/operators.ts';
import { count, imageOptions, UsageError } from './cli/options.ts';
import { quantizeModel } from './cli/quantize.ts';
import { runModel } from './cli/run.ts';
import { complain } from './cli/text.ts';
import { init } from './index.ts';
import type { InitOptions } from './types.ts';

const kFailed = 1;
const kWrongUsage = 2;

const version = (): string =>
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

const json = () => new Option('--json', 'print machine-readable output alone on stdout');
const data = (what: string) =>
  new Option(
    `${what} <data>`,
    'an .npz file, a folder of .npz files, or a folder of images',
  ).makeOptionMandatory();
const samples = () => new Option('--samples <n>', 'use at most this many samples').argParser(count);

function collect(value: string, list: string[] = []): string[] {
  return [...list, value];
}

function addCommands(program: Command): void {
  program
    .command('inspect <model>')
    .description('what a model is; with --backend what would become of each node, and why')
    .option('--backend <name|file.json>', 'explain what it would do with the model')
    .option('--config <file.json>', 'the same by {backend, qconfigMapping, prepareCustomConfig}')
    .option('--qconfig <name>', 'the QConfig of all nodes')
    .option('--node <name>', 'all about one node')
    .addOption(json())
    .action(inspectModel);

  const quantize = program
    .command('quantize <model>')
    .description('make an int8 model with your own data')
    .requiredOption('-o, --output <out>', 'the ONNX file to write')
    .addOption(data('--calibration'))
    .addOption(
      new Option('--format <form>', 'form of the file')
        .choices(['qdq', 'qoperator'])
        .default('qdq'),
    )
    .option('--backend <name|file.json>', 'what the model is quantized for (default: "exact8")')
    .option('--config <file.json>', '{backend, qconfigMapping, prepareCustomConfig} of the model')
    .addOption(
      new Option('--mode <mode>', 'what becomes integers (default: "static")').choices([
        'static',
        'auto',
        'dynamic',
        'weight_only',
        'float16',
      ]),
    )
    .option(
      '--observer <name>',
      'how ranges of activations are found (default: "HistogramObserver")',
    )
    .option('--per-tensor', 'one weight scale per tensor instead of one per channel')
    .addOption(
      new Option('--activations <type>', 'type of activations (default: "uint8")').choices([
        'uint8',
        'int8',
      ]),
    )
    .addOption(samples())
    .option('--exclude <node-or-op>', 'leave it float (may be repeated)', collect)
    .option(
      '--accuracy-budget <dB>',
      'what --mode auto may lose against exact8 (default: 3)',
      Number,
    )
    .addOption(
      new Option(
        '--external-data [bytes]',
        'write tensors of so many bytes or more (1024) to <out>.data; needed above 2 GiB',
      ).argParser(count),
    )
    .option('--report <file.json>', 'write the report there')
    .addOption(json());
  imageOptions(quantize).action(quantizeModel);

  const run = program
    .command('run <model>')
    .description('run a float, QDQ or QOperator model')
    .addOption(data('--inputs'))
    .requiredOption('-o, --output <out.npz>', 'the outputs, stacked as the inputs were')
    .addOption(samples())
    .addOption(json());
  imageOptions(run).action(runModel);

  const compare = program
    .command('compare <float> <quantized>')
    .description('SQNR in dB, largest error and argmax agreement, per output and per layer')
    .addOption(data('--inputs'))
    .addOption(samples())
    .addOption(json());
  imageOptions(compare).action(compareModels);

  program
    .command('operators')
    .description('the operators that run')
    .addOption(json())
    .action(listOperators);

  const timing = program
    .command('bench <model>')
    .description('latency of one run')
    .addOption(new Option('--against <engine>', 'compare with').choices(['onnxruntime-web']))
    .option('--inputs <data>', 'the sample to run; random numbers otherwise')
    .addOption(new Option('--rounds <n>', 'interleaved rounds').argParser(count).default(15))
    .addOption(json());
  imageOptions(timing).action(bench);
}

function makeProgram(): Command {
  const program = new Command('eightfold')
    .description('Quantizes float ONNX models to int8, and proves that they still work.')
    .version(version())
    .addOption(
      new Option(
        '--threads <n>',
        'threads of a run (default: one per processor, up to 4)',
      ).argParser(count),
    )
    .hook('preAction', async (all) => {
      const { threads } = all.opts<InitOptions>();
      if (threads) await init({ threads });
    })
    .showHelpAfterError('(--help says more)')
    .exitOverride();
  addCommands(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : kWrongUsage;
  complain(error);
  return error instanceof UsageError || error instanceof InvalidArgumentError
    ? kWrongUsage
    : kFailed;
}

// A closed pipe (`| head`) is no failure of ours.
process.stdout.on('error', () => process.exit(process.exitCode ?? 0));

try {
  await makeProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
