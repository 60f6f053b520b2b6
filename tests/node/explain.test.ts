// `inspect --backend` for people, and configs from files; on explanations made by hand.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import {
  type Eightfold,
  type Explanation,
  eightfold,
  inRoot,
  type NodeExplanation,
} from './support/eightfold.ts';
import { rejects } from './support/expect.ts';

const load = (file: string) => import(inRoot('dist/js/cli', file));
const { describeExplanation, describeNode, nodesNamed, paintFor } = (await load(
  'explain.js',
)) as typeof import('../../bindings/js/cli/explain.ts');
const { configsOf } = (await load(
  'configs.js',
)) as typeof import('../../bindings/js/cli/configs.ts');

function row(node: string, opType: string, more: Partial<NodeExplanation> = {}): NodeExplanation {
  const nothing = { pattern: '', members: [node], nearMisses: [], reason: '', dtypes: '' };
  const float = {
    quantized: false,
    makesData: true,
    mode: 'float',
    observed: [],
    runsAs: opType,
    kernel: '',
  };
  return { node, opType, ...nothing, ...float, ...more };
}

const integer = { quantized: true, mode: 'static', pattern: 'Conv' };
const conv = row('stem/conv', 'Conv', {
  ...integer,
  pattern: '(Relu, Conv)',
  members: ['stem/conv', 'stem/relu'],
  dtypes: 'uint8 -> uint8, weight int8 per channel',
  runsAs: 'QLinearConv',
  kernel: 'conv_i8_simd128',
  observed: [
    {
      value: 'x',
      role: 'input',
      observer: 'HistogramObserver',
      dtype: 'uint8',
      quantMin: 0,
      quantMax: 255,
      slot: 3,
      sharedWith: ['pooled'],
    },
    {
      value: 'b',
      role: 'weight',
      observer: '',
      dtype: '',
      quantMin: 0,
      quantMax: 0,
    },
  ],
});
const explanation: Explanation = {
  backend: 'exact8',
  nodes: [
    conv,
    row('body/conv', 'Conv', { ...integer, runsAs: 'QLinearConv' }),
    row('pool', 'MaxPool', { ...integer, runsAs: 'MaxPool' }),
    row('exp', 'Exp', {
      reason: 'no pattern has Exp',
      nearMisses: [{ pattern: '(Mul, Exp)', reason: 'exp is used by 2 nodes' }],
    }),
    row('exp2', 'Exp', { reason: 'no pattern has Exp' }),
    row('exp3', 'Exp', { reason: 'no pattern has Exp' }),
    row('head', 'Slice', { reason: "its input 'exp' is not quantized" }),
    row('turned', 'Transpose', { reason: "its input 'exp2' is not quantized" }),
    row('softmax', 'Softmax', { ...integer, reason: 'the operator has no int8 form' }),
    row('shape', 'Shape', { makesData: false, reason: 'it takes no data' }),
    row('index', 'Gather', { makesData: false, reason: "its input 'shape' is int64, not float32" }),
  ],
  quantized: 4,
  floatNodes: 5,
  remarks: [],
};
const plain = paintFor({});

test('what stays float comes first, by its reason; then what runs in float all the same', () => {
  assert.equal(
    describeExplanation(explanation, plain),
    `exact8: 4 of 9 nodes are quantized, but 1 of them runs in float here

Stay float

  no pattern has Exp
    Exp  exp2, exp3
    Exp  exp
      nearly (Mul, Exp): exp is used by 2 nodes

  its input is not quantized
    Slice      head (exp)
    Transpose  turned (exp2)

Quantized, but run in float here

  the operator has no int8 form
    Softmax  softmax

Quantized, by what they run as

  QLinearConv (static), 2 nodes
    by (Relu, Conv); uint8 -> uint8, weight int8 per channel; conv_i8_simd128
      stem/conv
    by Conv
      body/conv

  MaxPool (static), 1 node
    by Conv
      pool

Shapes and indexes
  Shape 1, Gather 1

--node NAME tells all about one node.`,
  );
});

test('all about one node', () => {
  assert.equal(
    describeNode(conv, plain),
    `stem/conv  Conv
  runs as      QLinearConv, kernel conv_i8_simd128
  mode         static
  claimed by   (Relu, Conv)
  fused from   stem/conv, stem/relu
  dtypes       uint8 -> uint8, weight int8 per channel
          value  observer           range
  input   x      HistogramObserver  uint8 0..255  slot 3, shared with pooled
  weight  b      not observed`,
  );
  assert.equal(
    describeNode(explanation.nodes[3]!, plain),
    `exp  Exp
  stays float  no pattern has Exp
  runs as      Exp
  mode         float
  nearly matched
    (Mul, Exp): exp is used by 2 nodes`,
  );
  assert.match(
    describeNode(nodesNamed(explanation, 'softmax')[0]!, plain),
    /but +the operator has/,
  );
});

test('a node is found by its name, or by that of a node that was fused into it', async () => {
  assert.deepEqual(nodesNamed(explanation, 'stem/relu'), [conv]);
  assert.throws(() => nodesNamed(explanation, 'conv'), /no node 'conv' .*stem\/conv, body\/conv/);
});

test('colours are for terminals alone', () => {
  const painted = describeExplanation(explanation, paintFor({ isTTY: true }, {}));
  assert.notEqual(painted, describeExplanation(explanation, plain));
  assert.equal(stripVTControlCharacters(painted), describeExplanation(explanation, plain));
  assert.equal(paintFor({ isTTY: true }, { NO_COLOR: '1' })('red', 'x'), 'x');
});

// ---------------------------------------------------------------- files
const folder = mkdtempSync(join(tmpdir(), 'eightfold-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, json: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof json === 'string' ? json : JSON.stringify(json));
  return path;
}
const known = { backendNames: async () => ['exact8', 'fast8'] } as Eightfold;
const $schema = 'https://example.com/schema.json';

test('--backend is a name or a file, --config a file; the flag wins', async () => {
  const qconfigMapping = { global: null };
  const config = file('config.json', { $schema, backend: 'fast8', qconfigMapping });
  assert.deepEqual(await configsOf({}, known), {});
  assert.deepEqual(await configsOf({ backend: 'fast8' }, known), { backend: 'fast8' });
  assert.deepEqual(await configsOf({ config }, known), { backend: 'fast8', qconfigMapping });
  assert.deepEqual(await configsOf({ config, backend: 'exact8' }, known), {
    backend: 'exact8',
    qconfigMapping,
  });
  const backend = file('backend.json', { $schema, name: 'mine', configs: [{ pattern: 'Conv' }] });
  const made = await configsOf({ config, backend }, known);
  assert.ok(
    new eightfold.BackendConfig('mine')
      .setBackendPatternConfig({ pattern: 'Conv' })
      .equals(made.backend),
  );
});

test('what is wrong with a file is told with its name and place', async () => {
  const wrong = file('wrong.json', { configs: [{ pattern: 'Conv', dtypeConfigs: ['int8'] }] });
  await rejects(() => configsOf({ backend: wrong }, known), {
    code: 'invalid_config',
    message: /wrong\.json: configs\[0\]\.dtypeConfigs\[0\]: must be an object$/,
  });
  const typo = file('typo.json', { qconfig_mapping: {} });
  const error = await rejects(() => configsOf({ config: typo }, known), {
    code: 'invalid_config',
    message: /typo\.json: qconfig_mapping: unknown key/,
  });
  assert.equal(error.hint, "do you mean 'qconfigMapping'?");
  await rejects(() => configsOf({ config: file('no.json', '{"backend":') }, known), {
    code: 'invalid_config',
    message: /no\.json: .*JSON/,
  });
  await assert.rejects(configsOf({ backend: 'abacus' }, known), /unknown backend 'abacus' .*fast8/);
  await assert.rejects(configsOf({ config: join(folder, 'none.json') }, known), /ENOENT/);
});
