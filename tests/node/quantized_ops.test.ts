// Each integer operator of ONNX and com.microsoft that files of other tools hold, alone, on onnxruntime-web in the
// same run: equal byte by byte. Parameters are constants and, a second time, come at run time. Where the operator does
// not define the bits, the row says why and what is allowed instead.
import { test } from 'node:test';
import {
  assertSame,
  Dice,
  type Filled,
  runBoth,
  scalar,
  type Tolerance,
  Writer,
} from './support/both_runtimes.ts';
import type { AttributeValue, DataType } from './support/onnx_builder.ts';

const kMicrosoft = 'com.microsoft';

interface Row {
  what: string;
  op: string;
  domain?: string;
  /** Operands; null where absent. Those in `data` are always fed. */
  operands: (dice: Dice) => (Filled | null)[];
  data: number[];
  /** Operands that onnxruntime wants as constants. */
  fixed?: number[];
  attributes?: Record<string, AttributeValue>;
  output: DataType;
  opset?: number;
  tolerance?: Tolerance;
  because?: string;
}

const kFloatSums: Pick<Row, 'tolerance' | 'because'> = {
  tolerance: { relative: 1e-5 },
  because: 'sums of floats, whose order is free',
};

const rows: Row[] = [];

// ---- ONNX
for (const [x, w] of [
  ['uint8', 'int8'],
  ['uint8', 'uint8'],
  ['int8', 'int8'],
] as const) {
  const kinds: [string, number, number, Record<string, AttributeValue>][] = [
    ['', 1, 4, { pads: [1, 1, 1, 1] }],
    [' with strides', 1, 4, { strides: [2, 1], pads: [0, 1, 2, 1] }],
    [' in groups', 2, 4, { group: 2, dilations: [2, 1] }],
    [' depthwise', 4, 4, { group: 4, auto_pad: 'SAME_UPPER' }],
  ];
  for (const [kind, group, channels, attributes] of kinds) {
    for (const perChannel of [false, true]) {
      rows.push({
        what: `${x}, ${w}${kind}${perChannel ? ' per channel' : ''}`,
        op: 'QLinearConv',
        operands: (d) => [
          d.bytes(x, 2, channels, 7, 6),
          d.scale(),
          d.zero(x),
          d.bytes(w, 4, channels / group, 3, 3),
          perChannel ? d.scales(4) : d.scale(),
          // onnxruntime wants zero points of signed channels to be 0.
          perChannel
            ? { type: w, dims: [4], data: [0, 0, 0, 0] }
            : scalar(w, w === 'int8' ? 0 : 128),
          d.floats(0.1, 0.4),
          d.zero(x),
          d.integers('int32', -3000, 3000, 4),
        ],
        data: [0],
        attributes,
        output: x,
      });
    }
  }
  rows.push({
    what: `${x}, ${w}`,
    op: 'QLinearMatMul',
    operands: (d) => [
      d.bytes(x, 2, 5, 19),
      d.scale(),
      d.zero(x),
      d.bytes(w, 19, 7),
      d.scale(),
      d.zero(w),
      d.floats(0.1, 0.4),
      d.zero(x),
    ],
    data: [0],
    output: x,
  });
}
rows.push(
  {
    what: 'a matrix of its own per batch, per column',
    op: 'QLinearMatMul',
    operands: (d) => [
      d.u8(3, 4, 8),
      d.scale(),
      d.zero('uint8'),
      d.s8(8, 9),
      d.scales(9),
      { type: 'int8', dims: [9], data: Array(9).fill(0) },
      d.floats(0.1, 0.3),
      d.zero('uint8'),
    ],
    data: [0, 3],
    output: 'uint8',
  },
  {
    what: 'padded',
    op: 'ConvInteger',
    operands: (d) => [d.u8(1, 3, 6, 6), d.u8(4, 3, 3, 3), d.zero('uint8'), scalar('uint8', 128)],
    data: [0],
    attributes: { pads: [1, 1, 1, 1] },
    output: 'int32',
  },
  {
    what: 'per column',
    op: 'MatMulInteger',
    operands: (d) => [d.u8(2, 5, 11), d.s8(11, 6), d.zero('uint8'), d.integers('int8', -9, 9, 6)],
    data: [0],
    output: 'int32',
  },
  {
    what: 'a constant B',
    op: 'MatMulInteger',
    operands: (d) => [d.u8(2, 5, 11), d.s8(11, 6), d.zero('uint8'), d.integers('int8', -9, 9, 6)],
    data: [0],
    fixed: [1],
    output: 'int32',
  },
);
for (const type of ['uint8', 'int8', 'uint16', 'int16', 'uint4', 'int4'] as const) {
  const wide = type.endsWith('16') ? [-900, 900] : type.endsWith('4') ? [0, 7] : [0, 100];
  const zeros = (d: Dice, ...dims: number[]) =>
    d.integers(type, type.startsWith('u') ? 0 : wide[0]!, wide[1]!, ...dims);
  const forms: [string, (d: Dice) => Filled, (d: Dice) => Filled, Record<string, number>][] = [
    ['per tensor', (d) => d.floats(0.01, 0.3), (d) => zeros(d), {}],
    ['per axis', (d) => d.floats(0.01, 0.3, 6), (d) => zeros(d, 6), { axis: 1 }],
    [
      'in blocks',
      (d) => d.floats(0.01, 0.3, 3, 2, 4),
      (d) => zeros(d, 3, 2, 4),
      { axis: 1, block_size: 4 },
    ],
    [
      'in blocks of the last axis',
      (d) => d.floats(0.01, 0.3, 3, 6, 2),
      (d) => zeros(d, 3, 6, 2),
      { axis: -1, block_size: 2 },
    ],
  ];
  for (const [form, scale, zero, attributes] of forms) {
    // The border knows no types of 4 and 16 bits: what is quantized is dequantized again.
    rows.push({
      what: `${type} ${form}`,
      op: 'QuantizeLinear>DequantizeLinear',
      operands: (d) => [d.floats(-20, 20, 3, 6, 4), scale(d), zero(d)],
      data: [0],
      fixed: [2],
      attributes,
      output: 'float32',
    });
  }
}
for (const type of ['int16', 'uint16', 'int4', 'uint4', 'int8'] as const) {
  rows.push({
    what: type,
    op: 'QuantizeLinear>DequantizeLinear',
    domain: kMicrosoft,
    operands: (d) => [d.floats(-20, 20, 3, 4), d.floats(0.01, 0.3), d.integers(type, 0, 7)],
    data: [0],
    fixed: [2],
    output: 'float32',
  });
}

// ---- com.microsoft
for (const type of ['uint8', 'int8'] as const) {
  const x = (d: Dice, ...dims: number[]) => [d.bytes(type, ...dims), d.scale(), d.zero(type)];
  const unary = (what: string, op: string, dims: number[], rest: Partial<Row> = {}) =>
    rows.push({
      what: `${type} ${what}`,
      op,
      domain: kMicrosoft,
      operands: (d) => [...x(d, ...dims), d.scale(), d.zero(type)],
      data: [0],
      fixed: [1, 2, 3, 4],
      output: type,
      ...rest,
    });
  unary('all bytes', 'QLinearLeakyRelu', [300], { attributes: { alpha: { float: 0.13 } } });
  unary('all bytes', 'QLinearSigmoid', [300], {
    operands: (d) => [
      ...x(d, 300),
      scalar('float32', 1 / 256),
      scalar(type, type === 'int8' ? -128 : 0),
    ],
  });
  unary('last axis', 'QLinearSoftmax', [3, 11], {
    attributes: { axis: -1, opset: 13 },
    operands: (d) => [
      ...x(d, 3, 11),
      scalar('float32', 1 / 256),
      scalar(type, type === 'int8' ? -128 : 0),
    ],
  });
  unary('first axis', 'QLinearSoftmax', [5, 7], {
    attributes: { axis: 0, opset: 13 },
    operands: (d) => [
      ...x(d, 5, 7),
      scalar('float32', 1 / 256),
      scalar(type, type === 'int8' ? -128 : 0),
    ],
  });
  const window = { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] };
  unary('', 'QLinearAveragePool', [2, 5, 7, 6], { attributes: window });
  unary('pads count', 'QLinearAveragePool', [2, 5, 7, 6], {
    attributes: { ...window, count_include_pad: 1 },
  });
  unary('channels last', 'QLinearAveragePool', [2, 7, 6, 5], {
    attributes: { ...window, channels_last: 1 },
  });
  unary('', 'QLinearGlobalAveragePool', [2, 5, 7, 6], { attributes: { channels_last: 0 } });
  unary('channels last', 'QLinearGlobalAveragePool', [2, 7, 6, 5], {
    attributes: { channels_last: 1 },
  });
  for (const op of ['QLinearAdd', 'QLinearMul']) {
    for (const [what, left, right] of [
      ['equal shapes', [2, 3, 5, 4], [2, 3, 5, 4]],
      ['a scalar', [2, 3, 5, 4], []],
      ['a channel', [2, 3, 5, 4], [3, 1, 1]],
      ['both ways', [4, 1, 6], [5, 1]],
    ] as const) {
      rows.push({
        what: `${type} ${what}`,
        op,
        domain: kMicrosoft,
        operands: (d) => [...x(d, ...left), ...x(d, ...right), d.scale(), d.zero(type)],
        data: [0, 3],
        output: type,
      });
    }
  }
  rows.push(
    {
      what: type,
      op: 'QLinearConcat',
      domain: kMicrosoft,
      operands: (d) => [
        d.scale(),
        d.zero(type),
        ...x(d, 2, 3, 4),
        ...x(d, 2, 1, 4),
        ...x(d, 2, 2, 4),
      ],
      data: [2, 5, 8],
      attributes: { axis: 1 },
      output: type,
    },
    {
      what: type,
      op: 'QLinearWhere',
      domain: kMicrosoft,
      operands: (d) => [
        d.integers('bool', 0, 1, 4, 1, 3),
        ...x(d, 4, 5, 3),
        ...x(d, 5, 1),
        d.scale(),
        d.zero(type),
      ],
      data: [0, 1, 4],
      fixed: [2, 3, 5, 6, 7, 8],
      output: type,
    },
    ...[0, 1].map(
      (transB): Row => ({
        what: `${type}, transB ${transB}`,
        op: 'QGemm',
        domain: kMicrosoft,
        operands: (d) => [
          ...x(d, 6, 13),
          d.s8(...(transB ? [9, 13] : [13, 9])),
          d.scales(9),
          { type: 'int8', dims: [9], data: Array(9).fill(0) },
          d.integers('int32', -2000, 2000, 9),
          d.floats(0.05, 0.2),
          d.zero(type),
        ],
        data: [0],
        attributes: { transB, alpha: { float: 1 } },
        output: type,
      }),
    ),
    {
      what: `${type}, floats out`,
      op: 'QGemm',
      domain: kMicrosoft,
      operands: (d) => [
        ...x(d, 13, 6),
        d.s8(13, 9),
        d.scale(),
        scalar('int8', 3),
        d.integers('int32', -2000, 2000, 9),
      ],
      data: [0],
      attributes: { transA: 1, alpha: { float: 0.5 } },
      output: 'float32',
    },
    {
      what: type,
      op: 'MatMulIntegerToFloat',
      domain: kMicrosoft,
      operands: (d) => [
        d.bytes(type, 2, 5, 12),
        d.s8(12, 9),
        d.scale(),
        d.scales(9),
        d.zero(type),
        { type: 'int8', dims: [9], data: Array(9).fill(0) },
        d.floats(-1, 1, 9),
      ],
      data: [0],
      output: 'float32',
    },
    {
      what: `B ${type}`,
      op: 'DynamicQuantizeMatMul',
      domain: kMicrosoft,
      operands: (d) => [d.floats(-2, 3, 4, 12), d.bytes(type, 12, 9), d.scale(), d.zero(type)],
      data: [0],
      output: 'float32',
    },
  );
}
rows.push({
  what: 'per column, biased',
  op: 'DynamicQuantizeMatMul',
  domain: kMicrosoft,
  operands: (d) => [
    d.floats(-2, 3, 2, 4, 12),
    d.s8(12, 9),
    d.scales(9),
    { type: 'int8', dims: [9], data: Array(9).fill(0) },
    d.floats(-1, 1, 9),
  ],
  data: [0],
  output: 'float32',
});
for (const bits of [4, 8, 2]) {
  for (const zeros of ['none', 'packed', 'float']) {
    if (bits === 8 && zeros === 'float') continue; // onnxruntime refuses to run it
    const [n, k, block] = [10, 40, 16];
    const blocks = Math.ceil(k / block);
    rows.push({
      what: `${bits} bits, zero points ${zeros}`,
      op: 'MatMulNBits',
      domain: kMicrosoft,
      operands: (d) => [
        d.floats(-1, 1, 3, k),
        d.u8(n, blocks, (block * bits) / 8),
        d.floats(0.01, 0.1, n * blocks),
        ...(zeros === 'packed' ? [d.u8(n * Math.ceil((blocks * bits) / 8))] : []),
        ...(zeros === 'float' ? [d.floats(2, 10, n * blocks)] : []),
      ],
      data: [0],
      fixed: [1, 2, 3],
      attributes: { K: k, N: n, bits, block_size: block },
      output: 'float32',
      ...kFloatSums,
    });
  }
}
rows.push(
  {
    what: 'groups by index, biased',
    op: 'MatMulNBits',
    domain: kMicrosoft,
    operands: (d) => [
      d.floats(-1, 1, 2, 3, 32),
      d.u8(10, 2, 8),
      d.floats(0.01, 0.1, 20),
      null,
      { type: 'int32', dims: [32], data: Array.from({ length: 32 }, (_, i) => (i * 7) % 2) },
      d.floats(-1, 1, 10),
    ],
    data: [0],
    fixed: [1, 2, 4, 5],
    attributes: { K: 32, N: 10, bits: 4, block_size: 16 },
    output: 'float32',
    ...kFloatSums,
  },
  ...(['uint4', 'int4', 'uint8'] as const).flatMap((type) =>
    [false, true].map(
      (zeros): Row => ({
        what: `${type}${zeros ? ', zero points' : ''}`,
        op: 'GatherBlockQuantized',
        domain: kMicrosoft,
        operands: (d) => {
          const packed = type === 'uint8';
          const fill = (...dims: number[]) =>
            packed ? d.u8(...dims) : d.integers(type, type === 'int4' ? -8 : 0, 7, ...dims);
          return [
            fill(9, packed ? 16 : 32),
            d.integers('int64', 0, 8, 2, 3),
            d.floats(0.01, 0.1, 9, 2),
            ...(zeros ? [fill(9, packed ? 1 : 2)] : []),
          ];
        },
        data: [1],
        fixed: [0, 2, 3],
        attributes: { gather_axis: 0, quantize_axis: 1, block_size: 16, bits: 4 },
        output: 'float32',
      }),
    ),
  ),
);

function modelOf(row: Row, late: boolean, seed: number): Writer {
  const writer = new Writer();
  writer.opset = row.opset ?? 21;
  const operands = row.operands(new Dice(seed));
  const inputs = operands.map((operand, i) => {
    if (!operand) return '';
    const isFed = row.data.includes(i) || (late && !row.fixed?.includes(i));
    return isFed ? writer.feed(operand) : writer.constant(operand);
  });
  const [first, second] = row.op.split('>');
  let output = writer.node(first!, inputs, row.attributes, row.domain);
  if (second) {
    output = writer.node(second, [output, ...inputs.slice(1)], row.attributes, row.domain);
  }
  writer.output(output, row.output);
  return writer;
}

for (const [seed, row] of rows.entries()) {
  const form = row.because ? ` (${row.because})` : '';
  for (const late of [false, true]) {
    const changes = row
      .operands(new Dice(seed))
      .some((operand, i) => operand && !row.data.includes(i) && !row.fixed?.includes(i));
    if (late && !changes) continue;
    test(`${row.op} ${row.what}${late ? ', parameters at run time' : ''}${form}`, async () => {
      const writer = modelOf(row, late, seed);
      assertSame(await runBoth(writer.bytes(), writer.feeds), row.tolerance);
    });
  }
}
