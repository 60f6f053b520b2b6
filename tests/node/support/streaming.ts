// A small streaming detector and a recording for it, both made here: four filters of 32 samples hear a tone, an LSTM of
// eight cells smooths over the windows, a sigmoid answers. Inputs and outputs have the shape of voice detectors: a
// window with its context, the state [2, 1, 8] that is handed back, the rate.
import { onnxModel, type TensorSpec } from './onnx_builder.ts';

export const kRate = 16000;
export const kWindow = 320;
export const kContext = 64;
const kHidden = 8;
const kTaps = 32;
const kFilters = 4;
const kPeriod = 16;

const constant = (data: number[], dims = [data.length]): TensorSpec => ({ dims, data });
const numbers = (count: number, at: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => at(i));
const whole = (...data: number[]): TensorSpec => ({ type: 'int64', dims: [data.length], data });

/** Sines and cosines of the tone and of its octave. */
function filters(): number[] {
  return numbers(kFilters * kTaps, (i) => {
    const [filter, tap] = [Math.floor(i / kTaps), i % kTaps];
    const angle = (2 * Math.PI * tap * (filter < 2 ? 1 : 2)) / kPeriod;
    return (filter % 2 ? Math.cos(angle) : Math.sin(angle)) / 8;
  });
}

/** Gates i, o, f, c: open, open, half open, and the candidate that hears the filters. */
function gate(i: number): 'i' | 'o' | 'f' | 'c' {
  return (['i', 'o', 'f', 'c'] as const)[Math.floor(i / kHidden)]!;
}

export function detectorModel(): Buffer {
  const bias = { i: 2, o: 3, f: 0, c: -0.4 };
  const gates = 4 * kHidden;
  const model = onnxModel({
    opset: 13,
    nodes: [
      { op: 'Unsqueeze', inputs: ['input', 'one'], outputs: ['x'] },
      {
        op: 'Conv',
        name: 'filters',
        inputs: ['x', 'filters'],
        outputs: ['heard'],
        attributes: { kernel_shape: [kTaps], strides: [kPeriod] },
      },
      { op: 'Relu', inputs: ['heard'], outputs: ['loud'] },
      { op: 'ReduceMean', inputs: ['loud'], outputs: ['mean'], attributes: { axes: [2] } },
      { op: 'Transpose', inputs: ['mean'], outputs: ['step'], attributes: { perm: [2, 0, 1] } },
      { op: 'Split', inputs: ['state'], outputs: ['h', 'c'], attributes: { axis: 0 } },
      {
        op: 'LSTM',
        name: 'lstm',
        inputs: ['step', 'w', 'r', 'b', '', 'h', 'c'],
        outputs: ['', 'h1', 'c1'],
        attributes: { hidden_size: kHidden },
      },
      { op: 'Concat', inputs: ['h1', 'c1'], outputs: ['stateN'], attributes: { axis: 0 } },
      { op: 'Squeeze', inputs: ['h1', 'zero'], outputs: ['row'] },
      { op: 'Gemm', name: 'head', inputs: ['row', 'head', 'bias'], outputs: ['logit'] },
      { op: 'Sigmoid', inputs: ['logit'], outputs: ['output'] },
    ],
    initializers: {
      one: whole(1),
      zero: whole(0),
      filters: constant(filters(), [kFilters, 1, kTaps]),
      w: constant(
        numbers(gates * kFilters, (i) => (gate(i / kFilters) === 'c' ? 3 + (i % 5) / 5 : 0)),
        [1, gates, kFilters],
      ),
      r: constant(
        numbers(gates * kHidden, (i) => Math.sin(i) / 20),
        [1, gates, kHidden],
      ),
      b: constant(
        numbers(2 * gates, (i) => (i < gates ? bias[gate(i)] : 0)),
        [1, 2 * gates],
      ),
      head: constant(
        numbers(kHidden, () => 1),
        [kHidden, 1],
      ),
      bias: constant([-1]),
    },
    inputs: {
      input: { dims: ['batch', kWindow] },
      state: { dims: [2, 'batch', kHidden] },
      sr: { type: 'int64', dims: [] },
    },
    outputs: {
      output: { dims: ['batch', 1] },
      stateN: { dims: [2, 'batch', kHidden] },
    },
  });
  return Buffer.from(model);
}

/** Seconds of hiss, in every other half second a tone that swells and fades. */
export function recording(seconds: number): Float32Array {
  let noise = 1;
  return Float32Array.from({ length: seconds * kRate }, (_, i) => {
    noise = (Math.imul(noise, 1664525) + 1013904223) | 0;
    const phase = (i / kRate) % 1;
    const swell = phase < 0.5 ? Math.sin(2 * Math.PI * phase) : 0;
    const tone = 0.6 * swell * Math.sin((2 * Math.PI * i) / kPeriod);
    return tone + (0.02 * noise) / 2 ** 31;
  });
}

/** A mono WAV file of 16-bit samples. */
export function wavFile(signal: Float32Array, rate = kRate): Buffer {
  const out = Buffer.alloc(44 + 2 * signal.length);
  out.write('RIFF');
  out.writeUInt32LE(out.length - 8, 4);
  out.write('WAVEfmt ', 8);
  out.writeUInt32LE(16, 16);
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 2],
    [34, 16],
  ] as const)
    out.writeUInt16LE(value, at);
  out.writeUInt32LE(rate, 24);
  out.writeUInt32LE(2 * rate, 28);
  out.write('data', 36);
  out.writeUInt32LE(2 * signal.length, 40);
  signal.forEach((value, i) => {
    out.writeInt16LE(Math.round(Math.max(-1, Math.min(1, value)) * 32767), 44 + 2 * i);
  });
  return out;
}
