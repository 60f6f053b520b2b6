// docs/BACKENDS.md does what it says: its js blocks run in order as one module, then its commands;
// each text block is what the block before it prints.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { float } from './support/digits.ts';
import { eightfold, inRoot } from './support/eightfold.ts';
import { onnxModel } from './support/onnx_builder.ts';

// In the package's own folder, so that `eightfold` means this package; what it writes stays there.
const kFolder = inRoot('build/backends_page');
const kCut = '---- end of a block';

interface Block {
  kind: string;
  text: string;
  /** Of the text block that follows; empty when none does. */
  prints: string;
}

function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  for (const [, kind, text] of page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (kind !== 'text') blocks.push({ kind: kind!, text: text!, prints: '' });
    else blocks.at(-1)!.prints = text!;
  }
  return blocks;
}

function run(args: string[]): string {
  const options = { cwd: kFolder, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  assert.equal(status, 0, stderr);
  return stdout;
}

const blocks = blocksOf(readFileSync(inRoot('docs/BACKENDS.md'), 'utf8'));

test('the module of the page prints what the page shows', () => {
  const scripts = blocks.filter(({ kind }) => kind === 'js');
  assert.ok(scripts.length > 10);
  rmSync(kFolder, { recursive: true, force: true });
  mkdirSync(kFolder, { recursive: true });
  symlinkSync(inRoot('examples'), `${kFolder}/examples`);
  // As TypeScript, for engines that do not know `using`.
  const module = scripts.map(({ text }) => `${text}console.log('${kCut}');\n`).join('');
  writeFileSync(`${kFolder}/page.mts`, module);
  const printed = run(['--import', 'tsx', 'page.mts']).split(`${kCut}\n`);
  scripts.forEach(({ text, prints }, i) => {
    assert.equal(printed[i], prints, text);
  });
});

test('the commands of the page print what the page shows', () => {
  const commands = blocks.filter(({ kind }) => kind === 'sh');
  assert.ok(commands.length > 0);
  for (const { text, prints } of commands) {
    const [npx, name, ...args] = text.trim().split(' ');
    assert.deepEqual([npx, name], ['npx', 'eightfold']);
    assert.equal(run([inRoot('dist/js/cli.js'), ...args]), prints, text);
  }
});

test('the sigmoid of the page has the fixed parameters it asks for', async () => {
  const model = onnxModel({
    nodes: [
      { op: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['h'] },
      { op: 'Sigmoid', name: 'gate', inputs: ['h'], outputs: ['y'] },
    ],
    inputs: { x: { dims: [1, 2, 3, 3] } },
    outputs: { y: { dims: [1, 2, 3, 3] } },
    initializers: { w: { dims: [2, 2, 1, 1], data: [1, -1, 0.5, 2] } },
  });
  const config = JSON.parse(readFileSync(`${kFolder}/config.json`, 'utf8'));
  const calibration = [
    {
      x: float(
        Array.from({ length: 18 }, (_, i) => Math.sin(i)),
        [1, 2, 3, 3],
      ),
    },
  ];
  const { nodes } = await eightfold.explain(model, config);
  assert.deepEqual(
    nodes.map(({ node, quantized }) => [node, quantized]),
    [
      ['conv', true],
      ['gate', true],
    ],
  );
  assert.equal(nodes[1]!.observed.at(-1)!.observer, 'FixedQParamsObserver');
  const { model: file } = await eightfold.quantize(model, { ...config, calibration });
  using quantized = await eightfold.loadModel(file);
  assert.match(await quantized.text(), /y_scale = float32.* \{0\.00390625\}/);

  // Without the entry for Sigmoid the target's constraint refuses.
  const { Sigmoid: _, ...others } = Object.fromEntries(config.qconfigMapping.objectType);
  config.qconfigMapping.objectType = Object.entries(others);
  const refused = await eightfold.explain(model, config);
  assert.match(refused.nodes[1]!.reason, /fixed parameters alone/);
});
