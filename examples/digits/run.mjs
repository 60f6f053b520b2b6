// Quantizes the digits classifier and shows what came of it: bytes, accuracy, signal to noise ratio
// per layer, latency. The quantized file goes to examples/digits/out/digits-int8.onnx.
import { mkdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSession, init, inspect, quantize } from 'eightfold';
import { openData, readModelFile, readNpzFile, writeBytes } from 'eightfold/node';

const folder = dirname(fileURLToPath(import.meta.url));
const output = join(folder, 'out', 'digits-int8.onnx');

const { build } = await init();
const float = readModelFile(join(folder, 'model.onnx')).bytes;
const { inputs } = await inspect(float);
const calibration = openData(join(folder, 'calib.npz'), inputs);
const test = openData(join(folder, 'test.npz'), inputs);
const labels = readNpzFile(join(folder, 'test.npz')).labels.data;

console.log(
  `Quantizing ${relative('.', join(folder, 'model.onnx'))} with ${calibration.length} samples`,
);
console.log(`(WebAssembly build ${build.variant}, kernels ${build.isa})\n`);
const start = performance.now();
const { model, report } = await quantize(float, { calibration, compareSamples: 32 });
const seconds = ((performance.now() - start) / 1000).toFixed(2);
mkdirSync(dirname(output), { recursive: true });
writeBytes(output, model);

const [before, after] = [await measure(float), await measure(model)];
printLayers(report.layers);
printSummary(before, after);
console.log(`\n${seconds} s. Wrote ${relative('.', output)}`);

function argmax(values) {
  return values.indexOf(Math.max(...values));
}

/** Accuracy over the test set, and the median time of one run. */
async function measure(bytes) {
  const session = await createSession(bytes);
  const times = [];
  let right = 0;
  let index = 0;
  for await (const feeds of test) {
    const begin = performance.now();
    const { logits } = await session.run(feeds);
    times.push(performance.now() - begin);
    if (argmax([...logits.data]) === Number(labels[index++])) right++;
  }
  session.delete();
  times.sort((a, b) => a - b);
  return { bytes: bytes.length, accuracy: right / index, ms: times[times.length >> 1] };
}

function printLayers(layers) {
  console.log('  layer              op                  runs as   SQNR');
  for (const { node, opType, int8, sqnr, reason } of layers) {
    const decibels = sqnr === undefined ? '' : `${sqnr.toFixed(1)} dB  ${bar(sqnr)}`;
    const type = int8 ? 'int8' : 'float';
    console.log(`  ${node.padEnd(18)} ${opType.padEnd(19)} ${type.padEnd(8)} ${decibels}`);
    if (reason) console.log(`    ${reason}`);
  }
}

function bar(sqnr) {
  return '#'.repeat(Math.max(0, Math.min(30, Math.round(sqnr / 2))));
}

function printSummary(before, after) {
  const row = (title, text, better) =>
    console.log(
      `  ${title.padEnd(18)} ${text(before).padStart(10)} ${text(after).padStart(10)}   ${better}`,
    );
  const ratio = (key) => `${(before[key] / after[key]).toFixed(2)} times`;
  console.log(`\n  ${''.padEnd(18)} ${'float'.padStart(10)} ${'int8'.padStart(10)}`);
  row('file', ({ bytes }) => `${bytes} B`, `${ratio('bytes')} smaller`);
  row(
    'accuracy',
    ({ accuracy }) => `${(accuracy * 100).toFixed(2)} %`,
    `${labels.length} test images`,
  );
  row('latency', ({ ms }) => `${ms.toFixed(3)} ms`, `${ratio('ms')} as fast`);
  const [{ sqnr, argmaxAgreement }] = report.outputs;
  const same = (argmaxAgreement * 100).toFixed(1);
  console.log(`\n  logits: ${sqnr.toFixed(1)} dB, ${same} % of the samples with the same answer`);
  console.log(
    `  ${(report.int8MacShare * 100).toFixed(1)} % of ${report.macs} multiply-accumulates are int8`,
  );
}
