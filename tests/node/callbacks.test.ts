// Functions of a BackendConfig, asked by a core that follows a script: in this thread, and across the border
// of a worker (both ends of a channel in one thread, so that the functions are the very same).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Question } from '../../bindings/js/core.ts';
import {
  type Eightfold,
  eightfold,
  type FusedNode,
  inRoot,
  type NodeView,
} from './support/eightfold.ts';
import { rejects } from './support/expect.ts';
import { FakeCore, residualQuestion, wireNode } from './support/fake_core.ts';

const { BackendConfig, BackendPatternConfig, FuseCustomConfig, MatchAllNode, QConfigMapping } =
  eightfold;
const { PrepareCustomConfig, ConvertCustomConfig, QConfig } = eightfold;

const load = (file: string) => import(inRoot('dist/js', file));
const { LocalEightfold } = (await load('local.js')) as typeof import('../../bindings/js/local.ts');
const { connect } = (await load('worker.js')) as typeof import('../../bindings/js/worker.ts');
const { makeDesk } = (await load(
  'worker/desk.js',
)) as typeof import('../../bindings/js/worker/desk.ts');

interface Place {
  name: string;
  /** Runs the body with an instance on this core. */
  on<T>(fake: FakeCore, body: (instance: Eightfold) => Promise<T>): Promise<T>;
}

const local = (fake: FakeCore) =>
  new LocalEightfold({ core: fake.core(), variant: 'simd128', threads: 1 });

const places: Place[] = [
  { name: 'in thread', on: (fake, body) => body(local(fake)) },
  {
    name: 'in worker',
    async on(fake, body) {
      const { port1, port2 } = new MessageChannel();
      expose(
        makeDesk(async () => local(fake)),
        nodeEndpoint(port1),
      );
      const stop = () => {
        port1.close();
        port2.close();
      };
      const remote = await connect(nodeEndpoint(port2), {}, stop);
      try {
        return await body(remote);
      } finally {
        // A handle's delete() has no answer: one more call says that it has arrived.
        await remote.qconfigNames();
        remote.terminate();
      }
    },
  },
];

type Residual = [NodeView, [NodeView, NodeView, NodeView]];

/** The residual example with functions; each may be replaced. */
function residualBackend(changes: Record<string, unknown> = {}) {
  const functions = {
    fuserMethod: (_: boolean, _relu: NodeView, [, , conv]: NodeView[]): FusedNode => ({
      opType: 'eightfold:ConvAdd',
      attributes: { activation: 'Relu', alpha: 0.5, table: conv!.initializers[1]! },
      removeAttributes: ['auto_pad'],
      initializers: { 1: { type: 'float32', data: Float32Array.of(3, 4), dims: [2] } },
    }),
    rootNodeGetter: ([, [, , conv]]: Residual) => conv,
    extraInputsGetter: ([, [, extra]]: Residual) => [extra],
    ...changes,
  };
  const pattern = new BackendPatternConfig()
    ._setPatternComplexFormat(['Relu', ['Add', MatchAllNode, 'Conv']])
    .setFuserMethod(functions.fuserMethod as never)
    ._setRootNodeGetter(functions.rootNodeGetter as never)
    ._setExtraInputsGetter(functions.extraInputsGetter as never);
  return new BackendConfig('mine').setBackendPatternConfig(pattern);
}

const kPattern = '["Relu",["Add","MatchAllNode","Conv"]]';

/** Fuses, and says what the core was told; nothing but the models is left, and they are freed. */
async function fuse({ on }: Place, fake: FakeCore, options: Parameters<Eightfold['fuse']>[1]) {
  await on(fake, async (instance) => {
    const model = await instance.loadModel(new Uint8Array());
    try {
      const fused = await instance.fuse(model, options);
      assert.equal(fused.info.stage, 'fused');
      assert.equal(fake.alive, 2, 'the model and the fused one');
      fused.delete();
    } finally {
      model.delete();
    }
  }).finally(() => assert.equal(fake.alive, 0, 'nothing leaks'));
  return fake;
}

for (const place of places) {
  test(`the residual example, ${place.name}`, async () => {
    const fuseCustomConfig = new FuseCustomConfig().setPreservedAttributes(['author']);
    const options = { backend: residualBackend(), fuseCustomConfig };
    const { calls, replies } = await fuse(place, new FakeCore([[residualQuestion()]]), options);

    assert.equal(calls.length, 1);
    const [verb, backend, custom, names] = calls[0]!;
    assert.equal(verb, 'startFusing');
    const [config] = JSON.parse(backend as string).configs;
    assert.deepEqual([config.fuserMethod, config.rootNodeGetter, config.extraInputsGetter], names);
    assert.deepEqual(JSON.parse(custom as string), { preservedAttributes: ['author'] });
    const tensor = (name: string, values: number[]) => ({
      name,
      type: 'float32',
      dims: [2],
      data: new Uint8Array(Float32Array.from(values).buffer),
    });
    assert.deepEqual(replies, [
      [
        {
          root: 3,
          extraInputs: [2],
          fused: {
            opType: 'eightfold:ConvAdd',
            attributes: { activation: 'Relu', alpha: 0.5, table: tensor('table', [1, -2]) },
            removeAttributes: ['auto_pad'],
            initializers: { 1: tensor('1', [3, 4]) },
          },
          refusal: '',
        },
      ],
    ]);
  });

  test(`what functions are given, ${place.name}`, async () => {
    const seen: Record<string, unknown[]> = {};
    const backend = residualBackend({
      fuserMethod: (...args: unknown[]) => {
        seen.fuser = args;
      },
      rootNodeGetter: async (match: Residual) => {
        seen.root = [match];
        await new Promise((done) => setTimeout(done));
        return match[1][2];
      },
    });
    await fuse(place, new FakeCore([[residualQuestion()]]), { backend });
    const [[relu, [add, extra, conv]]] = seen.root as [Residual];
    assert.deepEqual(
      [relu.opType, add.opType, extra.opType, conv.opType],
      ['Relu', 'Add', '', 'Conv'],
    );
    assert.deepEqual([extra.name, extra.matchAll, conv.matchAll], ['x', true, false]);
    assert.deepEqual(add.inputs, ['x', 'conv1_out']);
    const weight = { type: 'float32', dims: [2], data: Float32Array.of(1, -2) };
    assert.deepEqual(conv.initializers, { 1: weight });
    assert.deepEqual(conv.attributes, {
      group: 1,
      auto_pad: 'NOTSET',
      pads: [0, 1],
      table: weight,
    });
    assert.equal(seen.fuser?.[0], false, 'isQat');
    assert.deepEqual(seen.fuser?.slice(1), [relu, [add, extra, conv]]);
  });

  test(`fuser arguments by the format of the pattern, ${place.name}`, async () => {
    const nodes = [
      wireNode('relu', 'Relu'),
      wireNode('bn', 'BatchNormalization'),
      wireNode('conv', 'Conv'),
    ];
    const asks = { asksRoot: false, asksExtraInputs: false, asksFuser: true, nodes };
    const names = (part: unknown): unknown => {
      if (Array.isArray(part)) return part.map(names);
      if (typeof part !== 'object' || part === null) return part;
      if ('opType' in part) return (part as NodeView).name;
      return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, names(value)]));
    };
    const rows: [string, Partial<Question>, unknown[]][] = [
      ['forward', { pattern: 'forward', shape: [0, [1, 2]] }, [false, 'conv', 'bn', 'relu']],
      ['complex', { pattern: 'complex', shape: [0, [1, 2]] }, [false, 'relu', ['bn', 'conv']]],
      ['a complex op alone', { pattern: 'complex', shape: 0 }, [false, 'relu']],
      [
        'graph',
        { pattern: 'graph', shape: { act: 0, norm: 1, c: 2 } },
        [false, { act: 'relu', norm: 'bn', c: 'conv' }],
      ],
    ];
    for (const [name, question, wanted] of rows) {
      let given: unknown[] = [];
      const fuserMethod = (...args: unknown[]) => {
        given = args;
        return null;
      };
      const fake = new FakeCore([[residualQuestion({ ...asks, ...question })]]);
      await fuse(place, fake, { backend: residualBackend({ fuserMethod }) });
      assert.deepEqual(names(given), wanted, name);
    }
  });

  test(`a getter of a graph finds its nodes by name, ${place.name}`, async () => {
    const question = residualQuestion({
      pattern: 'graph',
      shape: { relu: 0, add: 1, skip: 2, conv: 3 },
    });
    const backend = residualBackend({
      rootNodeGetter: ({ conv }: Record<string, NodeView>) => conv,
      extraInputsGetter: ({ skip }: Record<string, NodeView>) => [skip],
      fuserMethod: () => ({}),
    });
    const { replies } = await fuse(place, new FakeCore([[question]]), { backend });
    const { root, extraInputs, fused } = replies[0]![0]!;
    assert.deepEqual([root, extraInputs], [3, [2]]);
    assert.deepEqual(fused, {
      opType: '',
      attributes: {},
      removeAttributes: [],
      initializers: {},
    });
  });

  test(`only what is asked is answered, match after match, round after round, ${place.name}`, async () => {
    const rounds = [
      [
        residualQuestion({ asksFuser: false, asksRoot: false, fuserMethod: 'conv_add_relu' }),
        residualQuestion({ asksExtraInputs: false }),
      ],
      [],
      [residualQuestion()],
    ];
    const order: string[] = [];
    const backend = residualBackend({
      rootNodeGetter: ([, [, , conv]]: Residual) => {
        order.push('root');
        return conv;
      },
      extraInputsGetter: () => {
        order.push('extra');
        return [];
      },
      fuserMethod: () => {
        order.push('fuser');
        return { refusal: 'groups are too small' };
      },
    });
    const { replies } = await fuse(place, new FakeCore(rounds), { backend });
    assert.deepEqual(order, ['extra', 'root', 'fuser', 'root', 'extra', 'fuser']);
    const left = { fused: null, extraInputs: [] };
    const refusal = 'groups are too small';
    assert.deepEqual(replies, [
      [
        { ...left, root: -1, refusal: '' },
        { ...left, root: 3, refusal },
      ],
      [],
      [{ ...left, root: 3, refusal }],
    ]);
  });

  test(`a function that throws: code, node, and the very cause, ${place.name}`, async () => {
    for (const role of ['fuserMethod', 'rootNodeGetter', 'extraInputsGetter']) {
      for (const isAsync of [false, true]) {
        const own = Object.assign(new TypeError('no such field'), { circle: {} as unknown });
        own.circle = [own, () => 'a function cannot cross a border'];
        const thrower = () => {
          if (isAsync) return Promise.reject(own);
          throw own;
        };
        const fake = new FakeCore([[residualQuestion()]]);
        const error = await rejects(
          () => fuse(place, fake, { backend: residualBackend({ [role]: thrower }) }),
          { code: 'callback_failed', node: 'relu1', opType: 'Relu' },
        );
        assert.equal(error.cause, own);
        assert.equal(error.message, `the ${role} of ${kPattern} threw: no such field`);
        assert.deepEqual(fake.replies, []);
      }
    }
  });

  test(`a function may throw anything, ${place.name}`, async () => {
    const thrower = () => {
      throw 'just a text';
    };
    const backend = residualBackend({ rootNodeGetter: thrower });
    const error = await rejects(
      () => fuse(place, new FakeCore([[residualQuestion()]]), { backend }),
      { code: 'callback_failed', message: /threw: just a text$/ },
    );
    assert.equal(error.cause, 'just a text');
  });

  test(`a reply of the wrong shape is refused by name, ${place.name}`, async () => {
    const stranger = { name: 'conv1', opType: 'Conv' };
    const rows: [role: string, returned: unknown, message: RegExp][] = [
      ['rootNodeGetter', undefined, /no node of the match/],
      ['rootNodeGetter', stranger, /no node of the match/],
      ['rootNodeGetter', [stranger], /no node of the match/],
      ['extraInputsGetter', undefined, /a list of nodes/],
      ['extraInputsGetter', stranger, /a list of nodes/],
      ['extraInputsGetter', [stranger], /no node of the match/],
      ['fuserMethod', 'conv', /must be an object/],
      ['fuserMethod', [], /must be an object/],
      ['fuserMethod', { optype: 'Conv' }, /optype: unknown key; known are opType/],
      ['fuserMethod', { opType: 5 }, /opType: must be a string/],
      ['fuserMethod', { attributes: [] }, /attributes: must be an object/],
      ['fuserMethod', { attributes: { group: () => 1 } }, /attributes\.group: must be/],
      ['fuserMethod', { attributes: { pads: [[1]] } }, /attributes\.pads\[0\]: must be/],
      ['fuserMethod', { attributes: { table: {} } }, /tensor 'table' has no dims/],
      ['fuserMethod', { attributes: { pads: [1, 'a'] } }, /attributes\.pads, which mixes/],
      ['fuserMethod', { attributes: { alpha: Number.NaN } }, /attributes\.alpha: must be/],
      ['fuserMethod', { removeAttributes: 'pads' }, /removeAttributes: must be a list/],
      ['fuserMethod', { initializers: { w: 1 } }, /initializers\.w: must be the index/],
      ['fuserMethod', { initializers: { 12345: {} } }, /must be the index of an input/],
      ['fuserMethod', { initializers: { 1: 5 } }, /initializers\["1"\]: must be a tensor/],
      [
        'fuserMethod',
        { initializers: { 1: { type: 'float32', data: new Float32Array(2), dims: [3] } } },
        /tensor '1' has 2 elements, where its dims \[3\] say 3/,
      ],
      ['fuserMethod', { refusal: 5 }, /refusal: must be a string/],
    ];
    for (const [role, returned, message] of rows) {
      const fake = new FakeCore([[residualQuestion()]]);
      const backend = residualBackend({ [role]: () => returned });
      const error = await rejects(() => fuse(place, fake, { backend }), {
        code: 'invalid_config',
        node: 'relu1',
        opType: 'Relu',
        message,
      });
      assert.ok(error.message.startsWith(`the ${role} of ${kPattern} `), error.message);
      assert.deepEqual(fake.replies, []);
    }
  });

  test(`a backend without functions crosses as text alone, ${place.name}`, async () => {
    const rows: [Parameters<Eightfold['fuse']>[1], unknown][] = [
      [undefined, 'exact8'],
      [{ backend: 'fast8' }, 'fast8'],
      [
        { backend: { name: 'mine', configs: [{ pattern: 'ai.onnx:Conv' }] } },
        {
          name: 'mine',
          configs: [
            {
              pattern: 'Conv',
              observationType: 'OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT',
              dtypeConfigs: [],
            },
          ],
        },
      ],
    ];
    for (const [options, wanted] of rows) {
      const { calls } = await fuse(place, new FakeCore(), options);
      assert.deepEqual(calls, [['fuse', JSON.stringify(wanted), '{}']]);
    }
    const wrong = { configs: [{ pattern: ['Conv'] }] };
    await rejects(() => fuse(place, new FakeCore(), { backend: wrong }), {
      code: 'invalid_config',
      message: /^configs\[0\]\.pattern: must be a list of two or more/,
    });
  });

  test(`classes among the options cross as JSON, ${place.name}`, async () => {
    const fake = new FakeCore();
    const qconfigMapping = new QConfigMapping()
      .setGlobal(new QConfig({ activation: { observer: 'MinMaxObserver' } }))
      .setObjectType('Conv', null);
    const prepareCustomConfig = new PrepareCustomConfig().setInputQuantizedIndexes([0]);
    const convertCustomConfig = new ConvertCustomConfig().setPreservedAttributes(['author']);
    await place.on(fake, async (instance) => {
      using model = await instance.loadModel(new Uint8Array());
      using fused = await instance.fuse(model);
      using prepared = await instance.prepare(fused, {
        backend: new BackendConfig('mine'),
        qconfigMapping,
        prepareCustomConfig,
      });
      using _ = await instance.convert(prepared, {
        qconfigMapping: { objectType: [['Conv', new QConfig()]] },
        convertCustomConfig,
      });
      await instance.explain(model, { backend: 'fast8', mode: 'dynamic', exclude: ['Gemm'] });
    });
    const texts = fake.calls
      .slice(1)
      .map(([verb, ...rest]) => [
        verb,
        ...rest.map((text) => (String(text).startsWith('{') ? JSON.parse(text as string) : text)),
      ]);
    assert.deepEqual(texts, [
      [
        'prepare',
        { name: 'mine', configs: [] },
        {
          qconfigMapping: {
            global: { activation: { observer: 'MinMaxObserver' } },
            objectType: [['Conv', null]],
          },
          prepareCustomConfig: { inputQuantizedIndexes: [0] },
        },
      ],
      [
        'convert',
        {
          qconfigMapping: { objectType: [['Conv', {}]] },
          convertCustomConfig: { preservedAttributes: ['author'] },
        },
      ],
      ['explain', 'float', '"fast8"', { mode: 'dynamic', exclude: ['Gemm'] }],
    ]);
    assert.equal(fake.alive, 0);
  });

  test(`explain fuses by functions first, ${place.name}`, async () => {
    const fake = new FakeCore([[residualQuestion()]]);
    const explanation = await place.on(fake, (instance) =>
      instance.explain(new Uint8Array(), { backend: residualBackend() }),
    );
    assert.equal(explanation.backend, 'fake');
    const [[asking], [verb, stage, backend]] = fake.calls as unknown as [string[], string[]];
    assert.deepEqual([asking, verb, stage], ['startFusing', 'explain', 'fused']);
    const [config] = JSON.parse(backend!).configs;
    assert.equal(
      config.fuserMethod ?? config.rootNodeGetter ?? config.extraInputsGetter,
      undefined,
    );
    assert.equal(fake.alive, 0);
  });

  test(`backend() is a BackendConfig, ${place.name}`, async () => {
    const made = await place.on(new FakeCore(), (instance) => instance.backend('fast8'));
    assert.ok(made instanceof BackendConfig);
    assert.ok(
      made.equals(
        new BackendConfig('fast8').setBackendPatternConfig({ pattern: ['Conv', 'Relu'] }),
      ),
    );
  });
}
