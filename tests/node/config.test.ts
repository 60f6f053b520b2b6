// The configs in JavaScript: the shared cases, the published schema, and the classes after PyTorch's
// TestBackendConfig (the names of its rows are in the names of the tests).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type EightfoldError, eightfold, inRoot, type NodeView } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';

const {
  BackendConfig,
  BackendPatternConfig,
  ConvertCustomConfig,
  DTypeConfig,
  DTypeWithConstraints,
  FuseCustomConfig,
  MatchAllNode,
  ObservationType,
  PrepareCustomConfig,
  QConfig,
  QConfigMapping,
} = eightfold;

type Check = typeof import('../../bindings/js/config/check.ts');
type Wire = typeof import('../../bindings/js/config/wire.ts');
const { readDef, read } = (await import(inRoot('dist/js/config/check.js'))) as Check;
const { wireOf } = (await import(inRoot('dist/js/config/wire.js'))) as Wire;

const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));
const refused = (body: () => unknown, message: RegExp) =>
  rejects(body, { code: 'invalid_config', message });

// ---------------------------------------------------------------- the cases of both languages
interface Case {
  name: string;
  type: string;
  json: unknown;
  writes?: unknown;
  lossy?: boolean;
  error?: { path: string; message: string; hint?: string };
}
const cases = JSON.parse(readFileSync(inRoot('tests/golden/config/cases.json'), 'utf8')) as Case[];

/** Refused by the core alone, which knows its names and understands patterns of names and graphs. */
const kCoreKnows = new Set([
  'a pattern graph with all that it can say',
  'a pattern graph with a cycle',
  'a pattern graph with a node that no output reaches',
  'a pattern graph without outputs',
  'a pattern graph that ends in anything',
  'a cyclic pattern in a backend',
  'an unknown preset',
  'unknown observer',
  'unknown name of a QConfig',
  'unknown name in an entry',
  'a malformed name pattern',
  'a part that is a number',
]);

interface Readable {
  toJSON(): unknown;
  equals(other: unknown): boolean;
}
type Class = { fromJSON(json: unknown): Readable };

function readCase(type: string, json: unknown): unknown {
  if (type === 'QConfig') return read({ $ref: '#/$defs/QConfigEntry' }, json, type);
  if (type === 'BackendConfig' && typeof json === 'string') return readDef('Backend', json);
  const known = (eightfold as unknown as Record<string, Class | undefined>)[type];
  return known ? known.fromJSON(json) : readDef(type, json);
}

for (const { name, type, json, writes, lossy, error } of cases) {
  test(`${type}: ${name}`, async () => {
    if (!error || kCoreKnows.has(name)) {
      const made = readCase(type, json);
      const written = asJson(made);
      const isClass = type in eightfold && type !== 'QConfig';
      if (error || !isClass) return;
      if (writes !== undefined) assert.deepEqual(written, writes);
      const again = readCase(type, written) as Readable;
      assert.deepEqual(asJson(again), written);
      if (!lossy) assert.ok(again.equals(made) && (made as Readable).equals(again));
      return;
    }
    const thrown = await refused(() => readCase(type, json), /./);
    const { path, message, hint = '' } = error;
    assert.ok(thrown.message.startsWith(`${path}: `), thrown.message);
    assert.ok(thrown.message.includes(message), thrown.message);
    assert.ok(thrown.hint.includes(hint), `hint: ${thrown.hint}`);
  });
}

test('the cases that the core alone refuses are cases', () => {
  const refusals = cases.filter(({ error }) => error).map(({ name }) => name);
  for (const name of kCoreKnows) assert.ok(refusals.includes(name), name);
});

// ---------------------------------------------------------------- the schema
const schemaFile = inRoot('schema/eightfold-config.schema.json');
type Json = Record<string, unknown>;

test('schema.ts is what its maker writes from the published schema', async () => {
  const maker = await import(pathToFileURL(inRoot('bindings/make_config_schema.mjs')).href);
  const file = inRoot('bindings/js/config/schema.ts');
  assert.equal(readFileSync(file, 'utf8'), maker.configSchemaFile());
});

/** Calls `visit` for every schema within a schema. */
function walk(schema: Json, visit: (schema: Json) => void): void {
  visit(schema);
  for (const [key, value] of Object.entries(schema)) {
    const maps = ['properties', '$defs'].includes(key);
    const lists = ['anyOf', 'oneOf', 'prefixItems'].includes(key);
    const single = ['items', 'not', 'propertyNames', 'additionalProperties'].includes(key);
    const inner = maps || lists ? Object.values(value as Json) : single && value ? [value] : [];
    for (const one of inner) walk(one as Json, visit);
  }
}

test('the schema says what is checked: it has no keyword that the checker does not know', () => {
  const known = new Set(
    `$schema $id $ref $defs title description x-hint anyOf oneOf not type const enum default minimum
     pattern minItems maxItems prefixItems items required properties propertyNames
     additionalProperties`.split(/\s+/),
  );
  const schema = JSON.parse(readFileSync(schemaFile, 'utf8')) as Json;
  const names = Object.keys(schema.$defs as Json);
  let closed = 0;
  walk(schema, (one) => {
    for (const key of Object.keys(one)) assert.ok(known.has(key), key);
    if (one.$ref) assert.ok(names.includes(String(one.$ref).slice('#/$defs/'.length)));
    if (one.type === 'object' && one.properties) {
      assert.equal(one.additionalProperties, false);
      closed++;
    }
  });
  assert.ok(closed > 12);
  for (const name of names) {
    assert.ok(((schema.$defs as Json)[name] as Json).description, `${name} has no description`);
  }
});

test('the package ships the schema', () => {
  const { exports, files } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
  assert.equal(inRoot(exports['./schema']), schemaFile);
  assert.ok(files.includes('schema'));
});

test('names that objects inherit are no keys of a config', async () => {
  for (const key of ['constructor', '__proto__', 'toString']) {
    const json = JSON.parse(`{"${key}": 1}`);
    await refused(() => FuseCustomConfig.fromJSON(json), /unknown key; known are preserved/);
  }
  const json = JSON.parse('{"floatToObserved": {"__proto__": "Conv"}}');
  const { floatToObserved } = PrepareCustomConfig.fromJSON(json);
  assert.deepEqual(Object.entries(floatToObserved), [['__proto__', 'Conv']]);
});

test('numbers that JSON cannot say are refused', async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    await refused(
      () => new DTypeWithConstraints({ dtype: 'int8', scaleMinLowerBound: value }),
      /^scaleMinLowerBound: must be a number/,
    );
  }
});

// ---------------------------------------------------------------- dtypes
test('dtype_config_from_dict: legacy and constrained forms are equal', () => {
  const bare = new DTypeConfig({ inputDtype: 'quint8', weightDtype: 'qint8', biasDtype: 'float' });
  const constrained = DTypeConfig.fromJSON({
    inputDtype: { dtype: 'uint8' },
    weightDtype: new DTypeWithConstraints({ dtype: 'int8' }),
    biasDtype: 'float32',
  });
  assert.ok(bare.equals(constrained));
  assert.deepEqual(
    [bare.inputDtype, bare.outputDtype, bare.weightDtype],
    ['uint8', undefined, 'int8'],
  );
  assert.equal(bare.biasDtype, 'float32');
  assert.ok(bare.inputDtypeWithConstraints.equals(new DTypeWithConstraints({ dtype: 'uint8' })));
  assert.ok(!bare.equals(new DTypeConfig({ inputDtype: 'uint8', weightDtype: 'int8' })));
});

test('dtype_config_to_dict: constraints as objects, what is not set left out', () => {
  const config = new DTypeConfig({
    inputDtype: { dtype: 'quint8', quantMinLowerBound: 0, quantMaxUpperBound: 127 },
    isDynamic: false,
  });
  assert.deepEqual(asJson(config), {
    inputDtype: { dtype: 'uint8', quantMinLowerBound: 0, quantMaxUpperBound: 127 },
    isDynamic: false,
  });
});

test('equality of constraints is field by field', () => {
  const one = { dtype: 'int8', scaleMinLowerBound: 2 ** -12 } as const;
  assert.ok(new DTypeWithConstraints(one).equals(new DTypeWithConstraints({ ...one })));
  assert.ok(!new DTypeWithConstraints(one).equals(new DTypeWithConstraints({ dtype: 'int8' })));
  assert.ok(
    !new DTypeWithConstraints(one).equals(one),
    'a plain object is no DTypeWithConstraints',
  );
});

// ---------------------------------------------------------------- pattern configs
const conv8 = new DTypeConfig({ inputDtype: 'uint8', outputDtype: 'uint8', weightDtype: 'int8' });
const fuser = () => null;
const getter = ([first]: [NodeView]) => first;

test('set_observation_type, set_dtype_configs, add_dtype_config', () => {
  const config = new BackendPatternConfig('Conv');
  assert.equal(config.observationType, 'OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT');
  assert.equal(config.setObservationType(ObservationType.INPUT_OUTPUT_NOT_OBSERVED), config);
  assert.equal(config.observationType, 'INPUT_OUTPUT_NOT_OBSERVED');

  const second = new DTypeConfig({ inputDtype: 'int8' });
  assert.equal(config.dtypeConfigs.length, 0);
  config.addDtypeConfig(conv8).addDtypeConfig({ inputDtype: 'int8' });
  assert.ok(config.dtypeConfigs[0]?.equals(conv8) && config.dtypeConfigs[1]?.equals(second));
  config.setDtypeConfigs([second]);
  assert.equal(config.dtypeConfigs.length, 1);
});

test('set_root_module and the other setters: unset before, the value after', () => {
  const values = {
    rootModule: 'Conv',
    qatModule: 'eightfold:QatConv',
    referenceQuantizedModule: 'Conv',
    fusedModule: 'eightfold:Conv',
    fuserMethod: fuser,
    rootNodeGetter: getter,
    extraInputsGetter: 'other_operand',
    inputOutputObserved: false,
    quantizeWhen: 'input_quantized',
    numTensorArgsToObservationType: { 1: ObservationType.OUTPUT_SHARE_OBSERVER_WITH_INPUT },
    inputTypeToIndex: { bias: 0, input: 1, weight: 2 },
  };
  const maps = ['numTensorArgsToObservationType', 'inputTypeToIndex'];
  for (const [field, value] of Object.entries(values)) {
    for (const underscore of ['', '_']) {
      const config = new BackendPatternConfig(['Conv', 'Relu']) as unknown as Json;
      const setter = `${underscore}set${field[0]!.toUpperCase()}${field.slice(1)}`;
      assert.deepEqual(config[field], maps.includes(field) ? {} : undefined);
      assert.equal((config[setter] as (value: unknown) => unknown)(value), config);
      assert.deepEqual(config[field], value);
    }
  }
  const legacy = new BackendPatternConfig('Conv');
  assert.equal(legacy._setUseLegacyPatternFormat(true), legacy);
});

test('what a setter refuses is located by its field', async () => {
  const config = () => new BackendPatternConfig(['Conv', 'Relu']);
  await refused(() => config().setRootModule(5 as never), /^rootModule: must be a string$/);
  await refused(() => config().setRootModule(''), /^rootModule: needs the name of an operator$/);
  await refused(
    () => config().addDtypeConfig({ inputDtype: 'int9' as never }),
    /^dtypeConfigs\[0\]\.inputDtype: unknown dtype 'int9'$/,
  );
  await refused(() => config().setObservationType('SHARE' as never), /^observationType: unknown/);
  await refused(
    () => config().setFuserMethod(undefined as never),
    /^fuserMethod: must be a string$/,
  );
});

test('either pattern field, not both; the one that is set may be set again', async () => {
  const complex = ['Relu', ['Add', MatchAllNode, 'Conv']] as const;
  const both = /^BackendPatternConfig: only one of pattern, patternComplexFormat and patternGraph/;
  await refused(() => new BackendPatternConfig('Conv').setPatternComplexFormat(complex), both);
  await refused(
    () => new BackendPatternConfig()._setPatternComplexFormat(complex).setPattern('Conv'),
    both,
  );
  const config = new BackendPatternConfig('Conv').setPattern(['Conv', 'Relu']);
  assert.deepEqual(config.pattern, ['Conv', 'Relu']);
});

test('tuples of one, and the old reversed form given as a forward one', async () => {
  await refused(
    () => new BackendPatternConfig(['Conv']),
    /^pattern: must be a list of two or more/,
  );
  const nested = ['Relu', ['BatchNormalization', 'Conv']] as unknown as string[];
  const error = await refused(() => new BackendPatternConfig(nested), /^pattern\[1\]: takes names/);
  assert.match(error.hint, /patternComplexFormat/);
  assert.deepEqual(new BackendPatternConfig(['A', 'B', 'C', 'D']).complexPattern, [
    'D',
    ['C', ['B', 'A']],
  ]);
});

test('backend_op_config from_dict and to_dict, both ways', () => {
  const json = {
    patternComplexFormat: ['Relu', ['Add', MatchAllNode, 'Conv']],
    observationType: 'OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT',
    dtypeConfigs: [asJson(conv8)],
    rootModule: 'Conv',
    fuserMethod: 'conv_add_relu',
    rootNodeGetter: 'last',
    extraInputsGetter: 'other_operand',
    numTensorArgsToObservationType: { 0: 'INPUT_OUTPUT_NOT_OBSERVED' },
    inputTypeToIndex: { weight: 1 },
    inputOutputObserved: true,
  };
  const made = new BackendPatternConfig()
    ._setPatternComplexFormat(['Relu', ['Add', MatchAllNode, 'Conv']])
    .addDtypeConfig(conv8)
    .setRootModule('Conv')
    .setFuserMethod('conv_add_relu')
    ._setRootNodeGetter('last')
    ._setExtraInputsGetter('other_operand')
    ._setNumTensorArgsToObservationType({ 0: ObservationType.INPUT_OUTPUT_NOT_OBSERVED })
    ._setInputTypeToIndex({ weight: 1 })
    ._setInputOutputObserved(true);
  assert.deepEqual(asJson(made), json);
  assert.ok(BackendPatternConfig.fromJSON(json).equals(made));
  assert.ok(!new BackendPatternConfig('Conv').equals(new BackendPatternConfig('Gemm')));
});

// ---------------------------------------------------------------- backends
test('backend_config_set_name and configs: a fresh list, in order, replaced in place', () => {
  const backend = new BackendConfig('first').setName('second');
  assert.equal(backend.name, 'second');
  const conv = new BackendPatternConfig('Conv');
  const fused = new BackendPatternConfig(['Gemm', 'Relu']).setFuserMethod('linear_relu');
  assert.equal(backend.setBackendPatternConfigs([fused, conv]), backend);
  assert.deepEqual(fused.complexPattern, ['Relu', 'Gemm'], 'the key is the reversed pair');
  assert.deepEqual(backend.configs, [fused, conv]);
  assert.notEqual(backend.configs, backend.configs);
  backend.configs.pop();

  const again = new BackendPatternConfig().setPatternComplexFormat(['Relu', 'Gemm']);
  backend.setBackendPatternConfig(again);
  assert.deepEqual(backend.configs, [again, conv]);
});

test('backend_config_from_dict and to_dict', () => {
  const json = {
    name: 'mine',
    configs: [{ pattern: ['Gemm', 'Relu'], fuserMethod: 'linear_relu' }, { pattern: 'Gemm' }],
  };
  const backend = BackendConfig.fromJSON(json);
  const built = new BackendConfig('mine')
    .setBackendPatternConfig(
      new BackendPatternConfig(['Gemm', 'Relu']).setFuserMethod('linear_relu'),
    )
    .setBackendPatternConfig({ pattern: 'Gemm' });
  assert.ok(backend.equals(built));
  assert.ok(BackendConfig.fromJSON(asJson(backend)).equals(backend));
  assert.deepEqual(
    asJson(backend).configs.map(({ pattern }: Json) => pattern),
    [['Gemm', 'Relu'], 'Gemm'],
  );
  assert.ok(!backend.equals(new BackendConfig('mine')));
  assert.ok(!backend.equals(BackendConfig.fromJSON({ ...json, name: 'other' })));
});

test('set_backend_pattern_config refuses a config without pattern, and a single op with a fuser', async () => {
  const backend = new BackendConfig().setBackendPatternConfig(new BackendPatternConfig('Conv'));
  await refused(
    () => backend.setBackendPatternConfig(new BackendPatternConfig()),
    /^configs\[1\]: has no pattern/,
  );
  const single = new BackendPatternConfig('Relu').setFuserMethod(fuser);
  await refused(() => backend.setBackendPatternConfig(single), /^configs\[1\]: is a single op/);
  await refused(() => BackendConfig.fromJSON({ configs: [conv8] }), /^configs\[0\].*: unknown key/);
  assert.equal(backend.configs.length, 1);
});

// ---------------------------------------------------------------- functions
const residual = () =>
  new BackendPatternConfig()
    .setPatternComplexFormat(['Relu', ['Add', MatchAllNode, 'Conv']])
    .setFuserMethod(fuser)
    .setRootNodeGetter(getter)
    .setExtraInputsGetter('other_operand');

test('a config with a function has no JSON; equality of functions is identity', async () => {
  const error = await refused(() => JSON.stringify(residual()), /function 'fuser'/);
  assert.ok(error.hint.length > 0);
  await refused(() => new BackendConfig().setBackendPatternConfig(residual()).toJSON(), /function/);
  assert.ok(residual().equals(residual()));
  assert.ok(!residual().equals(residual().setFuserMethod(() => null)));
});

test('on the wire functions have names', () => {
  const backend = BackendConfig.fromJSON({
    name: 'mine',
    configs: [residual(), { pattern: ['Conv', 'Relu'], fuserMethod: fuser }],
  });
  const { json, functions } = wireOf(backend);
  const { name, configs } = JSON.parse(json);
  assert.equal(name, 'mine');
  assert.deepEqual(
    configs.map((one: Json) => [one.fuserMethod, one.rootNodeGetter, one.extraInputsGetter]),
    [
      ['js:0', 'js:1', 'other_operand'],
      ['js:2', undefined, undefined],
    ],
  );
  assert.deepEqual([...functions.keys()], ['js:0', 'js:1', 'js:2']);
  assert.equal(functions.get('js:0')?.run, fuser);
  assert.equal(functions.get('js:1')?.run, getter);
  assert.equal(functions.get('js:2')?.pattern, '["Conv","Relu"]');
});

// ---------------------------------------------------------------- QConfigs and custom configs
test('a QConfigMapping: five styles, entries replaced in place, both ways', () => {
  const dynamic = 'default_dynamic_qconfig';
  const qconfig = new QConfig({ activation: { observer: 'MinMaxObserver', dtype: 'quint8' } });
  const mapping = new QConfigMapping()
    .setGlobal(qconfig)
    .setObjectType('ai.onnx:Conv', null)
    .setObjectType('Gemm', dynamic)
    .setObjectType('Conv', qconfig)
    .setModuleNameRegex('layer[0-9]', null)
    .setModuleName('backbone/conv1', null)
    .setModuleNameObjectTypeOrder('backbone', 'Conv', 0, null)
    .setModuleNameObjectTypeOrder('backbone', 'Conv', 1, dynamic);
  const plain = { activation: { observer: 'MinMaxObserver', dtype: 'uint8' } };
  const json = {
    global: plain,
    objectType: [
      ['Conv', plain],
      ['Gemm', dynamic],
    ],
    moduleNameRegex: [['layer[0-9]', null]],
    moduleName: [['backbone/conv1', null]],
    moduleNameObjectTypeOrder: [
      ['backbone', 'Conv', 0, null],
      ['backbone', 'Conv', 1, dynamic],
    ],
  };
  assert.deepEqual(asJson(mapping), json);
  assert.deepEqual(asJson(QConfigMapping.fromJSON(json)), json);
  assert.deepEqual(asJson(new QConfigMapping()), {});
});

test('setters of a mapping locate what is wrong', async () => {
  const mapping = new QConfigMapping().setObjectType('Conv', null);
  await refused(() => mapping.setObjectType('Gemm', 5 as never), /^objectType\[1\]\[1\]: must be/);
  await refused(
    () => mapping.setModuleNameObjectTypeOrder('a', 'Conv', -1, null),
    /^moduleNameObjectTypeOrder\[0\]\[2\]: must be a whole number/,
  );
  const wrong = { weight: { dtype: 'int9' } } as never;
  await refused(() => mapping.setGlobal(wrong), /^global\.weight\.dtype: unknown dtype 'int9'/);
  await refused(() => new QConfig({ weights: {} } as never), /^weights: unknown key/);
});

test('FuseCustomConfig, ConvertCustomConfig, PrepareCustomConfig: validity, both ways', async () => {
  const prepare = new PrepareCustomConfig()
    .setStandaloneModuleName('encoder', new QConfigMapping().setGlobal(null))
    .setStandaloneModuleClass('eightfold:Block', {}, new BackendConfig('mine'))
    .setStandaloneModuleName('encoder', new QConfigMapping().setObjectType('Conv', null), 'fast8')
    .setFloatToObservedMapping('LSTM', 'eightfold:ObservedLSTM')
    .setNonTraceableModuleNames(['decoder'])
    .setNonTraceableModuleClasses(['ai.onnx:Loop'])
    .setInputQuantizedIndexes([0])
    .setOutputQuantizedIndexes([1])
    .setPreservedAttributes(['author']);
  const json = {
    standaloneModules: [
      { name: 'encoder', qconfigMapping: { objectType: [['Conv', null]] }, backendConfig: 'fast8' },
      { op: 'eightfold:Block', qconfigMapping: {}, backendConfig: { name: 'mine', configs: [] } },
    ],
    floatToObserved: { LSTM: 'eightfold:ObservedLSTM' },
    nonTraceableModuleNames: ['decoder'],
    nonTraceableModuleClasses: ['Loop'],
    inputQuantizedIndexes: [0],
    outputQuantizedIndexes: [1],
    preservedAttributes: ['author'],
  };
  assert.deepEqual(asJson(prepare), json);
  assert.deepEqual(asJson(PrepareCustomConfig.fromJSON(json)), json);

  const convert = new ConvertCustomConfig()
    .setObservedToQuantizedMapping('eightfold:ObservedLSTM', 'eightfold:LSTM')
    .setPreservedAttributes(['author']);
  assert.ok(ConvertCustomConfig.fromJSON(asJson(convert)).equals(convert));
  const fuse = new FuseCustomConfig().setPreservedAttributes(['author']);
  assert.ok(FuseCustomConfig.fromJSON(asJson(fuse)).equals(fuse));
  assert.ok(!fuse.equals(new FuseCustomConfig()) && !fuse.equals(convert));

  await refused(
    () => FuseCustomConfig.fromJSON({ typo: 1 }),
    /^typo: unknown key; known are preservedAttributes$/,
  );
  await refused(() => fuse.setPreservedAttributes([3] as never), /^preservedAttributes\[0\]: must/);
  const error: EightfoldError = await refused(
    () => prepare.setStandaloneModuleName('x', { object_type: [] } as never),
    /^standaloneModules\[2\]\.qconfigMapping\.object_type: unknown key/,
  );
  assert.equal(error.hint, "do you mean 'objectType'?");
});
