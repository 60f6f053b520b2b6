// The residual example, relu(skip + conv(x)), in three ways: a preset, JSON that names built-in functions, and
// functions in JavaScript, in this thread and across a worker. Each makes one int8 node of it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  type BackendConfigJson,
  type Eightfold,
  eightfold,
  type Model,
  type NodeView,
  node,
} from './support/eightfold.ts';
import { rejects } from './support/expect.ts';
import { residualModel, residualSamples } from './support/residual.ts';

const model = residualModel();
const samples = residualSamples;

// ---------------------------------------------------------------- the three ways
const dtypeConfigs = [
  { inputDtype: 'uint8', outputDtype: 'uint8', weightDtype: 'int8', biasDtype: 'float32' },
] as const;

/** A backend whose residual pattern has these functions. */
function backendWith(functions: object): BackendConfigJson {
  return {
    name: 'mine',
    configs: [
      {
        patternComplexFormat: ['Relu', ['Add', 'MatchAllNode', 'Conv']],
        fusedModule: 'eightfold:ConvAdd',
        ...functions,
      },
      { pattern: ['Conv', 'Relu'], fuserMethod: 'conv_relu', dtypeConfigs },
      { pattern: 'eightfold:Conv', rootModule: 'Conv', dtypeConfigs },
      { pattern: 'eightfold:ConvAdd', rootModule: 'Conv', dtypeConfigs },
    ],
  };
}

type Match = [relu: NodeView, sum: [add: NodeView, extra: NodeView, conv: NodeView]];
const calls: string[] = [];
const functions = {
  rootNodeGetter: ([, [, , conv]]: Match) => {
    calls.push(`root ${conv.name}`);
    return conv;
  },
  extraInputsGetter: async ([, [, extra]]: Match) => {
    await new Promise((done) => setTimeout(done));
    calls.push(`extra ${extra.name} ${extra.matchAll}`);
    return [extra];
  },
  fuserMethod: (isQat: boolean, relu: NodeView, [add, , conv]: Match[1]) => {
    calls.push(`fuse ${isQat} ${relu.opType} ${add.opType} ${conv.opType}`);
    return { opType: 'eightfold:ConvAdd', attributes: { activation: 'Relu' } };
  },
};
const built = { fuserMethod: 'conv_add_relu', extraInputsGetter: 'match_all' };
const ways: [name: string, backend: string | BackendConfigJson][] = [
  ['a preset', 'onednn'],
  ['JSON', backendWith(built)],
  ['functions', backendWith(functions)],
];

// ---------------------------------------------------------------- the tests
const worker = await node.startWorker();
after(() => worker.terminate());
const places: [string, Eightfold][] = [
  ['in thread', await eightfold.init()],
  ['in worker', worker],
];

const opsOf = ({ info }: Model) => info.ops;
const allocated = async (instance: Eightfold) => (await instance.memory()).allocatedBytes;

for (const [place, instance] of places) {
  test(`three ways make the same model, ${place}`, async () => {
    const texts: string[] = [];
    const files: Uint8Array[] = [];
    for (const [name, backend] of ways) {
      using float_ = await instance.loadModel(model);
      using fused = await instance.fuse(float_, { backend });
      assert.deepEqual(opsOf(fused), { 'eightfold:Conv': 1, 'eightfold:ConvAdd': 1 }, name);
      texts.push(await fused.text());

      using prepared = await instance.prepare(fused, { backend });
      await instance.calibrate(prepared, samples);
      using quantized = await instance.convert(prepared);
      using lowered = await instance.lower(quantized);
      const { 'eightfold:QLinearConvAdd': sums, ...others } = opsOf(lowered);
      assert.equal(sums, 1, `${name}: ${Object.keys(others).join(', ')}`);
      files.push(await instance.toOnnx(quantized));
    }
    for (const text of texts) assert.equal(text, texts[0]);
    for (const file of files) assert.deepEqual(file, files[1]);
  });

  test(`the functions are asked once for the match, ${place}`, async () => {
    calls.length = 0;
    const backend = backendWith(functions);
    const { model: file, report } = await instance.quantize(model, {
      calibration: samples,
      backend,
    });
    assert.deepEqual(calls, ['root body', 'extra stem_relu true', 'fuse false Relu Add Conv']);
    assert.ok(file.length > 0 && report.layers.every(({ int8 }) => int8));
    assert.ok(report.outputs.every(({ sqnr }) => sqnr > 20));
  });

  test(`explain() tells what the functions made of it, ${place}`, async () => {
    const { nodes, quantized } = await instance.explain(model, { backend: backendWith(functions) });
    assert.deepEqual(
      nodes.map(({ node, opType, runsAs }) => [node, opType, runsAs]),
      [
        ['stem', 'eightfold:Conv', 'QLinearConv'],
        ['body', 'eightfold:ConvAdd', 'QLinearConvAdd'],
      ],
    );
    assert.equal(quantized, 2);
    const inputs = nodes[1]!.observed.filter(({ role }) => role === 'input');
    assert.equal(inputs.length, 2, 'two activation inputs');
  });

  test(`a function that throws ends the call and leaves nothing, ${place}`, async () => {
    const own = new RangeError('no');
    const thrower = () => {
      throw own;
    };
    const backend = backendWith({ ...functions, fuserMethod: thrower });
    const fails = async () => {
      const error = await rejects(
        () => instance.quantize(model, { calibration: samples, backend }),
        { code: 'callback_failed', node: 'last', opType: 'Relu' },
      );
      assert.equal(error.cause, own);
    };
    await fails();
    const mark = await allocated(instance);
    await fails();
    assert.equal(await allocated(instance), mark);
  });

  test(`a fuser that leaves the match, and says why, ${place}`, async () => {
    const refusal = 'not today';
    const backend = backendWith({ ...functions, fuserMethod: () => ({ refusal }) });
    const { report } = await instance.quantize(model, { calibration: samples, backend });
    assert.ok(report.remarks.some(({ reason }) => reason.includes(refusal)));
    assert.ok(report.layers.some(({ opType }) => opType === 'Add'));
  });
}
