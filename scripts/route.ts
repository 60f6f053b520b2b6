// Writes docs/ROUTE.md: one tiny model printed after each step of the route (`npm run route`).
// With --check it writes nothing and fails when the page differs from what the code does now.
import { readFileSync, writeFileSync } from 'node:fs';
import { eightfold, type Feeds, inRoot } from '../tests/node/support/eightfold.ts';
import { onnxModel } from '../tests/node/support/onnx_builder.ts';

const kPage = inRoot('docs/ROUTE.md');

/** A pattern without randomness, so that the page is the same on every machine. */
const wave = (count: number, scale: number) =>
  Array.from({ length: count }, (_, i) => Math.fround(scale * ((((i * 7) % 11) - 5) / 5)));

function tinyModel(): Uint8Array {
  return onnxModel({
    inputs: { image: { dims: ['N', 1, 4, 4] } },
    outputs: { score: { dims: ['N', 2] } },
    nodes: [
      {
        op: 'Conv',
        name: 'conv',
        inputs: ['image', 'kernel'],
        outputs: ['edges'],
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      },
      {
        op: 'BatchNormalization',
        name: 'bn',
        inputs: ['edges', 'gamma', 'beta', 'mean', 'variance'],
        outputs: ['normal'],
      },
      { op: 'Relu', name: 'relu', inputs: ['normal'], outputs: ['active'] },
      { op: 'GlobalAveragePool', name: 'pool', inputs: ['active'], outputs: ['pooled'] },
      { op: 'Flatten', name: 'flatten', inputs: ['pooled'], outputs: ['features'] },
      { op: 'Gemm', name: 'head', inputs: ['features', 'matrix', 'offset'], outputs: ['score'] },
    ],
    initializers: {
      kernel: { dims: [3, 1, 3, 3], data: wave(27, 1) },
      gamma: { dims: [3], data: [1, 0.5, 2] },
      beta: { dims: [3], data: [0, 0.25, -0.5] },
      mean: { dims: [3], data: [0, 0, 0] },
      variance: { dims: [3], data: [1, 1, 1] },
      matrix: { dims: [3, 2], data: wave(6, 0.5) },
      offset: { dims: [2], data: [0.1, -0.1] },
    },
  });
}

const samples: Feeds[] = Array.from({ length: 4 }, (_, n) => ({
  image: { type: 'float32', data: Float32Array.from(wave(16, 1 + n / 4)), dims: [1, 1, 4, 4] },
}));

async function page(): Promise<string> {
  const float = await eightfold.loadModel(tinyModel());
  const fused = await eightfold.fuse(float);
  const prepared = await eightfold.prepare(fused);
  await eightfold.calibrate(prepared, samples);
  await eightfold.correctBias(prepared, samples);
  const quantized = await eightfold.convert(prepared);
  const lowered = await eightfold.lower(quantized);
  const steps: [string, string, string][] = [
    ['loadModel', 'As imported: the float graph of the file.', await float.text()],
    [
      'fuse',
      'BatchNormalization folded into the weights, Relu part of the convolution.',
      await fused.text(),
    ],
    [
      'prepare, calibrate, correctBias, convert',
      'The reference model: float operators between DequantizeLinear and QuantizeLinear, int8 weights, int32 biases.',
      await quantized.text(),
    ],
    [
      'lower',
      'Integer operators in place of the groups. This graph runs, and is the QOperator file.',
      await lowered.text(),
    ],
  ];
  const sections = steps.map(
    ([verb, what, text]) => `## ${verb}\n\n${what}\n\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n`,
  );
  return [
    '# The route of one tiny model',
    '',
    '<!-- Written by `npm run route`; do not edit. -->',
    '',
    'One convolution, normalized and rectified, a pool and a linear layer, printed after each step.',
    'A line reads `node: outputs = Op(inputs) {attributes}`.',
    '',
    ...sections,
  ].join('\n');
}

const text = await page();
if (process.argv.includes('--check')) {
  if (text !== readFileSync(kPage, 'utf8')) {
    console.error('docs/ROUTE.md is not what the code does now: run `npm run route`');
    process.exitCode = 1;
  }
} else {
  writeFileSync(kPage, text);
}
