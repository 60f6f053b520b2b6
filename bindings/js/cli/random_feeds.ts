// A sample for timing: free dimensions are 1, floats are uniform in 0..1 from a fixed seed.
import { EightfoldError } from '../errors.ts';
import { arrayTypes } from '../tensors.ts';
import type { Feeds, Tensor, TensorType, ValueInfo } from '../types.ts';

// A linear congruential generator (the constants of Numerical Recipes): enough for timing.
function* uniform(): Generator<number, never> {
  let state = 1;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

function randomTensor({ name, type, dims }: ValueInfo, numbers: Iterator<number>): Tensor {
  if (!dims || !(type in arrayTypes)) {
    throw new EightfoldError('invalid_input', `no random numbers fit the input '${name}'`, {
      hint: 'Give a sample with --inputs.',
    });
  }
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : 1));
  const count = shape.reduce((a, b) => a * b, 1);
  const array = arrayTypes[type as Exclude<TensorType, 'string'>];
  const data = new array(new ArrayBuffer(count * array.BYTES_PER_ELEMENT));
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  if (isFloat) for (let i = 0; i < count; i++) data[i] = numbers.next().value;
  if (type === 'uint8') for (let i = 0; i < count; i++) data[i] = numbers.next().value * 256;
  return { type: type as TensorType, data, dims: shape };
}

export function randomFeeds(inputs: readonly ValueInfo[]): Feeds {
  const numbers = uniform();
  return Object.fromEntries(inputs.map((input) => [input.name, randomTensor(input, numbers)]));
}
