// Operators that nobody knows: the model loads, inspect names them, and they fail only when they are run.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Workshop } from './support/cli.ts';
import { eightfold, node, type UnsupportedOp } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';
import { type GraphSpec, type NodeSpec, onnxModel } from './support/onnx_builder.ts';

const shop = new Workshop();
after(() => shop.close());

const invented = (name: string, input: string, output: string): NodeSpec => ({
  op: 'Invented',
  name,
  domain: 'org.example',
  inputs: [input],
  outputs: [output],
});
const relu = (input: string, output: string): NodeSpec => ({
  op: 'Relu',
  name: output,
  inputs: [input],
  outputs: [output],
});
const kValue = { dims: [2] };
const kOpsets = { 'org.example': 3 };

interface Case {
  what: string;
  model: Uint8Array;
  unsupported: UnsupportedOp[];
  /** The node that a run fails at. */
  fails?: string;
}

const branch = (...nodes: NodeSpec[]): { graph: GraphSpec } => ({
  graph: { nodes, inputs: {}, outputs: { [nodes.at(-1)!.outputs[0]!]: kValue } },
});

const kCases: Case[] = [
  {
    what: 'operators of another domain',
    model: onnxModel({
      nodes: [invented('first', 'x', 'a'), relu('a', 'b'), invented('second', 'b', 'y')],
      inputs: { x: kValue },
      outputs: { y: kValue },
      opsets: kOpsets,
    }),
    unsupported: [
      { domain: 'org.example', opType: 'Invented', opset: 3, nodes: ['first', 'second'] },
    ],
    fails: 'first',
  },
  {
    what: "an operator that ONNX's own domain does not have, without a name",
    model: onnxModel({
      nodes: [{ op: 'Invented', inputs: ['x'], outputs: ['y'] }],
      inputs: { x: kValue },
      outputs: { y: kValue },
    }),
    unsupported: [{ domain: '', opType: 'Invented', opset: 13, nodes: ['Invented_0'] }],
    fails: 'Invented_0',
  },
  {
    what: 'in the body of a function',
    model: onnxModel({
      nodes: [{ op: 'Twice', name: 'call', domain: 'local', inputs: ['x'], outputs: ['y'] }],
      inputs: { x: kValue },
      outputs: { y: kValue },
      opsets: { ...kOpsets, local: 1 },
      functions: [
        {
          domain: 'local',
          name: 'Twice',
          inputs: ['from'],
          outputs: ['to'],
          nodes: [relu('from', 'inner'), invented('within', 'inner', 'to')],
        },
      ],
    }),
    unsupported: [{ domain: 'org.example', opType: 'Invented', opset: 3, nodes: ['call/within'] }],
    fails: 'call/within',
  },
  {
    what: 'in a branch of an If',
    model: onnxModel({
      nodes: [
        {
          op: 'If',
          name: 'choice',
          inputs: ['flag'],
          outputs: ['y'],
          attributes: {
            then_branch: branch(relu('x', 'yes')),
            else_branch: branch(invented('hidden', 'x', 'no')),
          },
        },
      ],
      inputs: { x: kValue, flag: { type: 'bool', dims: [] } },
      outputs: { y: kValue },
      opsets: kOpsets,
    }),
    unsupported: [{ domain: 'org.example', opType: 'Invented', opset: 3, nodes: ['hidden'] }],
  },
];

const x = { type: 'float32', data: Float32Array.of(-1, 2), dims: [2] } as const;

for (const { what, model, unsupported, fails } of kCases) {
  test(`unknown operators: ${what}`, async () => {
    const info = await eightfold.inspect(model);
    const unknown = info.unsupported.filter(({ opType }) => opType === 'Invented');
    assert.deepEqual(unknown, unsupported);
    using loaded = await eightfold.loadModel(model);
    const again = await eightfold.inspect(await eightfold.toOnnx(loaded));
    assert.deepEqual(again.unsupported, info.unsupported);
    assert.deepEqual(again.ops, info.ops);
    if (!fails) return;
    using session = await eightfold.createSession(loaded);
    await rejects(() => session.run({ x }), {
      code: 'unsupported_op',
      node: fails,
      opType: 'Invented',
    });
  });

  test(`the command line on unknown operators: ${what}`, async () => {
    const path = shop.path('model.onnx');
    writeFileSync(path, model);
    const shown = await shop.run(['inspect', path]);
    assert.equal(shown.code, 0, shown.stderr);
    const { domain, opset, nodes } = unsupported[0]!;
    const columns = ['Invented', domain || 'ai.onnx', opset, nodes.length, nodes.join(', ')];
    assert.match(shown.stdout, new RegExp(`^${columns.join(' +')}$`, 'm'));
    const json = JSON.parse((await shop.run(['inspect', path, '--json'])).stdout);
    const unknown = (json.unsupported as UnsupportedOp[]).filter(
      ({ opType }) => opType === 'Invented',
    );
    assert.deepEqual(unknown, unsupported);
    if (!fails) return;
    const inputs = shop.path('x.npz');
    node.writeNpzFile(inputs, { x });
    const run = await shop.run(['run', path, '--inputs', inputs, '-o', shop.path('y.npz')]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /unsupported_op/);
    assert.match(run.stderr, new RegExp(`node: ${fails} \\(Invented\\)`));
  });
}

test('a model without unknown operators has none', async () => {
  const model = onnxModel({
    nodes: [relu('x', 'y')],
    inputs: { x: kValue },
    outputs: { y: kValue },
  });
  assert.deepEqual((await eightfold.inspect(model)).unsupported, []);
});
