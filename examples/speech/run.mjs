// node examples/speech/run.mjs MODEL.onnx RECORDING.wav
// Quantizes a streaming detector with a recording, states fed forward, and draws the probabilities of float and int8
// over it. The quantized file goes to examples/speech/out/.
import { mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSession, inspect, quantize } from 'eightfold';
import { readModelFile, readWavFile, writeBytes } from 'eightfold/node';
import { audioFeeds, audioStreamOf, runStream } from 'eightfold/stream';

const kEvery = 8; // windows from one calibration sample to the next
const kColumns = 100;
const kShades = ' .:-=+*#%@';

const [path, recording] = process.argv.slice(2);
if (!path || !recording) {
  console.error('usage: node examples/speech/run.mjs MODEL.onnx RECORDING.wav');
  process.exit(2);
}

const { rate, signal } = readWavFile(recording);
const float = readModelFile(path).bytes;
const stream = audioStreamOf(await inspect(float), { rate });
if (!stream) {
  console.error(`${path} takes no signal`);
  process.exit(1);
}

const before = await listen(float);
const calibration = before.feeds.filter((_, i) => i % kEvery === 0);
const { model, report } = await quantize(float, { calibration });
const after = await listen(model);

const output = join(dirname(fileURLToPath(import.meta.url)), 'out', `int8-${basename(path)}`);
mkdirSync(dirname(output), { recursive: true });
writeBytes(output, model);

const errors = before.heard.map((p, i) => Math.abs(p - after.heard[i]));
const same = before.heard.filter((p, i) => p > 0.5 === after.heard[i] > 0.5).length;
const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
console.log(`float |${shades(before.heard)}|\nint8  |${shades(after.heard)}|\n`);
console.log(`${errors.length} windows, the same decision in ${same}`);
console.log(`mean error ${mean.toFixed(4)}, largest ${Math.max(...errors).toFixed(3)}`);
console.log(`${(100 * report.int8MacShare).toFixed(1)} % of the arithmetic in int8`);
console.log(`wrote ${output}`);

/** The probability of each window, and what was fed. */
async function listen(bytes) {
  const session = await createSession(bytes);
  const [feeds, heard] = [[], []];
  for await (const step of runStream(session, stream, audioFeeds(stream, signal))) {
    feeds.push(step.feeds);
    heard.push(step.outputs[stream.output].data[0]);
  }
  session.delete();
  return { feeds, heard };
}

/** One character for each of so many parts: how sure the model is there on average. */
function shades(heard) {
  const columns = Math.min(kColumns, heard.length);
  return Array.from({ length: columns }, (_, column) => {
    const at = (c) => Math.floor((c * heard.length) / columns);
    const part = heard.slice(at(column), at(column + 1));
    const mean = part.reduce((a, b) => a + b, 0) / part.length;
    return kShades[Math.min(kShades.length - 1, Math.floor(mean * kShades.length))];
  }).join('');
}
