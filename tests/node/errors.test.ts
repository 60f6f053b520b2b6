// Bad input: each gets the typed error, nothing crashes, the instance works afterwards, and no
// memory is lost on the throwing path.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digitSamples, digits, float, tinyModel, tinySamples } from './support/digits.ts';
import { eightfold, type Feeds, type Tensor } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';
import { message, onnxModel } from './support/onnx_builder.ts';

async function works(): Promise<void> {
  const session = await eightfold.createSession(tinyModel());
  const { y } = await session.run({ x: float([1, 1, 1, 1], [1, 4]) });
  assert.deepEqual(Array.from(y!.data as Float32Array), [3, 0, 3.25]);
  session.delete();
}

async function allocated(): Promise<number> {
  return (await eightfold.memory()).allocatedBytes;
}

/** Fails as expected, leaves the instance working and the memory at its mark. */
async function harmless(body: () => unknown, expected: Parameters<typeof rejects>[1]) {
  await works();
  await rejects(body, expected);
  await works();
  const mark = await allocated();
  const error = await rejects(body, expected);
  await works();
  assert.equal(await allocated(), mark);
  return error;
}

async function refused(...args: Parameters<typeof harmless>): Promise<void> {
  await harmless(...args);
}

const quantize = (model: Uint8Array, calibration: Iterable<Feeds>) =>
  eightfold.quantize(model, { calibration });

test('files that are no models', async (t) => {
  const good = digits();
  const files: Record<string, Uint8Array> = {
    empty: new Uint8Array(0),
    text: new TextEncoder().encode('<!doctype html><title>not found</title>'),
    zeros: new Uint8Array(1000),
    'half of one': good.slice(0, good.length >> 1),
    'all but the last byte': good.slice(0, -1),
  };
  for (const [name, bytes] of Object.entries(files)) {
    await t.test(name, () => refused(() => eightfold.loadModel(bytes), { code: 'invalid_model' }));
  }
  await t.test('not bytes', () =>
    refused(() => eightfold.loadModel('model.onnx' as unknown as Uint8Array), {
      code: 'invalid_input',
    }),
  );
});

test('bit flips never crash: a model, or a typed error', async () => {
  const good = digits();
  await works();
  let refused = 0;
  for (let i = 0; i < 400; i++) {
    const bytes = good.slice();
    // The graph's structure is at the beginning and the end of this file, weights are between.
    const at = i % 2 ? (i * 7) % 2500 : good.length - 1 - ((i * 13) % 2500);
    bytes[at]! ^= 1 << (i % 8);
    try {
      await quantize(bytes, digitSamples(1));
    } catch (error) {
      assert.ok(error instanceof eightfold.EightfoldError, String(error));
      assert.notEqual(error.code, 'internal', `byte ${at}, bit ${i % 8}: ${error.message}`);
      refused++;
    }
  }
  assert.ok(refused > 20, `${refused} refused`);
  await works();
});

test('a cyclic graph', async () => {
  const bytes = onnxModel({
    nodes: [
      { op: 'Add', name: 'first', inputs: ['x', 'b'], outputs: ['a'] },
      { op: 'Relu', name: 'second', inputs: ['a'], outputs: ['b'] },
    ],
    inputs: { x: { dims: [2] } },
    outputs: { b: { dims: [2] } },
  });
  const error = await harmless(() => eightfold.loadModel(bytes), { code: 'invalid_graph' });
  assert.ok(['first', 'second'].includes(error.node));
});

test('an operator without implementation is named when it runs', async () => {
  const bytes = onnxModel({
    nodes: [{ op: 'Frobnicate', name: 'frob', inputs: ['x'], outputs: ['y'] }],
    inputs: { x: { dims: [2] } },
    outputs: { y: { dims: [2] } },
  });
  await harmless(
    async () => {
      using session = await eightfold.createSession(bytes);
      await session.run({ x: float([1, 2], [2]) });
    },
    { code: 'unsupported_op', node: 'frob', opType: 'Frobnicate' },
  );
});

test('weights whose shape does not fit are named with their node', async () => {
  const bytes = onnxModel({
    nodes: [{ op: 'MatMul', name: 'product', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: { x: { dims: [1, 4] } },
    outputs: { y: { dims: [1, 2] } },
    initializers: { w: { dims: [3, 2], data: [1, 2, 3, 4, 5, 6] } },
  });
  const run = async () => {
    using session = await eightfold.createSession(bytes);
    await session.run({ x: float([1, 2, 3, 4], [1, 4]) });
  };
  await harmless(run, { code: 'invalid_shape', node: 'product', opType: 'MatMul' });
});

test('nesting too deep', async () => {
  // If in If in If ...: a body is an attribute of kind graph (type 5, field 6).
  let graph = message([[2, 'leaf']]);
  for (let i = 0; i < 3000; i++) {
    const attribute = message([
      [1, 'then_branch'],
      [6, graph],
      [20, 5],
    ]);
    graph = message([
      [
        1,
        message([
          [1, 'c'],
          [2, 'y'],
          [4, 'If'],
          [5, attribute],
        ]),
      ],
    ]);
  }
  const input = message([[11, message([[1, 'c']])]]);
  const bytes = message([
    [1, 8],
    [7, new Uint8Array([...input, ...graph])],
    [8, message([[2, 13]])],
  ]);
  await harmless(() => eightfold.loadModel(bytes), { code: 'limit_exceeded' });
});

test('feeds that do not fit', async (t) => {
  const x = float([1, 2, 3, 4], [1, 4]);
  const cases: Record<string, [Record<string, unknown>, RegExp]> = {
    'a missing input': [{}, /x/],
    'an unknown input': [{ x, z: x }, /z/],
    'a wrong dtype': [{ x: { type: 'int32', data: Int32Array.of(1, 2, 3, 4), dims: [1, 4] } }, /x/],
    'a wrong rank': [{ x: float([1, 2, 3, 4], [4]) }, /x/],
    'a wrong dimension': [{ x: float([1, 2, 3], [1, 3]) }, /x/],
    'too little data': [{ x: { ...x, data: new Float32Array(3) } }, /x/],
    'the wrong array': [{ x: { ...x, data: new Float64Array(4) } }, /x/],
    'a plain array': [{ x: { ...x, data: [1, 2, 3, 4] } }, /x/],
    'a negative dimension': [{ x: { ...x, dims: [-1, 4] } }, /x/],
    'a dimension that is no number': [{ x: { ...x, dims: ['1', 4] } }, /x/],
    'a huge dimension': [{ x: { ...x, dims: [2 ** 40, 4] } }, /x/],
    'an unknown type': [{ x: { ...x, type: 'float31' } }, /x/],
    'no tensor': [{ x: 5 }, /x/],
    null: [{ x: null }, /x/],
  };
  using session = await eightfold.createSession(tinyModel());
  for (const [name, [feeds, text]] of Object.entries(cases)) {
    await t.test(name, async () => {
      const run = () => session.run(feeds as Record<string, Tensor>);
      await harmless(run, { code: 'invalid_input', message: text });
      const { y } = await session.run({ x });
      assert.equal(y!.data.length, 3);
    });
  }
});

test('calibration data that is none', async (t) => {
  const nan = { x: float([1, Number.NaN, 3, 4], [1, 4]) };
  const infinite = { x: float([1, Number.POSITIVE_INFINITY, 3, 4], [1, 4]) };
  await t.test('no samples', () =>
    refused(() => quantize(tinyModel(), []), { code: 'invalid_data' }),
  );
  await t.test('NaN', () => refused(() => quantize(tinyModel(), [nan]), { code: 'invalid_data' }));
  await t.test('NaN after good samples', () =>
    refused(() => quantize(tinyModel(), [...tinySamples(3), nan]), { code: 'invalid_data' }),
  );
  await t.test('only infinities', () =>
    refused(() => quantize(tinyModel(), [infinite]), { code: 'invalid_data' }),
  );
  await t.test('wrong names', () =>
    refused(() => quantize(tinyModel(), [{ y: nan.x }]), { code: 'invalid_input' }),
  );
  await t.test('not iterable', () =>
    refused(() => quantize(tinyModel(), 5 as unknown as Feeds[]), { code: 'invalid_input' }),
  );
});

test("an error of the user's own generator is passed on as it is", async () => {
  const own = new Error('the camera is gone');
  function* samples(): Generator<Feeds> {
    yield* tinySamples(2);
    throw own;
  }
  await assert.rejects(quantize(tinyModel(), samples()), own);
  await works();
});

test('configurations that are wrong', async (t) => {
  const calibration = tinySamples(4);
  const cases: Record<string, object> = {
    backend: { backend: 'abacus' },
    observer: { observer: 'GuessObserver' },
    format: { format: 'zip' },
    exclude: { exclude: ['no such node'] },
    activations: { activations: 'int4' },
  };
  for (const [name, options] of Object.entries(cases)) {
    await t.test(name, () =>
      refused(() => eightfold.quantize(tinyModel(), { calibration, ...options }), {
        code: 'invalid_config',
      }),
    );
  }
  await t.test('unknown key in a mapping', async () => {
    using model = await eightfold.loadModel(tinyModel());
    using fused = await eightfold.fuse(model);
    const qconfigMapping = { globl: {} } as object;
    await harmless(() => eightfold.prepare(fused, { qconfigMapping }), {
      code: 'invalid_config',
      message: /globl/,
    });
  });
});

test('verbs out of order', async (t) => {
  using model = await eightfold.loadModel(tinyModel());
  using fused = await eightfold.fuse(model);
  using prepared = await eightfold.prepare(fused);
  await t.test('convert before calibrate', () =>
    refused(() => eightfold.convert(prepared), { code: 'invalid_state' }),
  );
  await t.test('a deleted model', async () => {
    const gone = await eightfold.loadModel(tinyModel());
    gone.delete();
    gone.delete();
    await harmless(() => eightfold.fuse(gone), { code: 'invalid_state' });
  });
  await t.test('a deleted session', async () => {
    const session = await eightfold.createSession(tinyModel());
    session.delete();
    await rejects(() => session.run(tinySamples(1)[0]!), { code: 'invalid_state' });
  });
  await t.test('something that is no model', () =>
    refused(() => eightfold.fuse({} as typeof model), { code: 'invalid_input' }),
  );
});

test('external data that is not at hand, and a callback that throws', async () => {
  const bytes = onnxModel({
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: { x: { dims: [2] } },
    outputs: { y: { dims: [2] } },
    initializers: { w: { dims: [2], data: [], external: { location: 'w.bin', length: 8 } } },
  });
  await harmless(() => eightfold.loadModel(bytes), { code: 'unsupported_model' });
  const missing = { externalData: { 'other.bin': new Uint8Array(8) } };
  await harmless(() => eightfold.loadModel(bytes, missing), { code: 'invalid_model' });
  const short = { externalData: { 'w.bin': new Uint8Array(3) } };
  await harmless(() => eightfold.loadModel(bytes, short), { code: 'invalid_model' });
  const own = new Error('disk on fire');
  const externalData = () => {
    throw own;
  };
  await assert.rejects(eightfold.loadModel(bytes, { externalData }), own);
  await works();
});

test('tensors beyond the memory of the instance', async () => {
  const bytes = onnxModel({
    nodes: [{ op: 'Expand', name: 'huge', inputs: ['x', 'shape'], outputs: ['y'] }],
    inputs: { x: { dims: [1] } },
    outputs: { y: { dims: ['N'] } },
    initializers: { shape: { type: 'int64', dims: [1], data: [2 ** 36] } },
  });
  await harmless(
    async () => {
      using session = await eightfold.createSession(bytes);
      await session.run({ x: float([1], [1]) });
    },
    { code: 'out_of_memory' },
  );
});

test('the module that does not start', async () => {
  const wasmBinary = new Uint8Array([0, 1, 2, 3]);
  await rejects(() => eightfold.createInstance({ wasmBinary }), { code: 'internal' });
  await rejects(() => eightfold.createInstance({ variant: 'mmx' as 'auto' }), {
    code: 'invalid_config',
  });
  await rejects(() => eightfold.createInstance({ isa: 'mmx' }), { code: 'invalid_config' });
});
