// The mode auto: turbo where the budget allows it, exact8 elsewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseExact, type Trial } from '../../bindings/js/auto.ts';
import { digitSamples, digits } from './support/digits.ts';
import { eightfold } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';

const quantize = (accuracyBudget: number, extra: object = {}) =>
  eightfold.quantize(digits(), {
    calibration: digitSamples(40),
    mode: 'auto',
    accuracyBudget,
    ...extra,
  });

test('auto: a wide budget is turbo, byte for byte', async () => {
  const auto = await quantize(100);
  const turbo = await eightfold.quantize(digits(), {
    calibration: digitSamples(40),
    backend: 'turbo',
  });
  assert.deepEqual(auto.report.exact, []);
  assert.deepEqual(auto.model, turbo.model);
});

test('auto: the budget holds against exact8', async () => {
  const exact8 = await eightfold.quantize(digits(), { calibration: digitSamples(40) });
  const base = exact8.report.outputs[0]!.sqnr;
  const lengths: number[] = [];
  for (const budget of [0.5, 3, 6]) {
    const { report } = await quantize(budget);
    lengths.push(report.exact!.length);
    // Trials see fewer samples than the final run.
    assert.ok(report.outputs[0]!.sqnr > base - budget - 1, `${report.outputs[0]!.sqnr}, ${base}`);
  }
  assert.deepEqual(
    lengths,
    [...lengths].sort((a, b) => b - a),
  );
});

test('auto: one-shot samples are enough', async () => {
  async function* once() {
    yield* digitSamples(40);
  }
  const [again, shot] = [await quantize(3), await quantize(3, { calibration: once() })];
  assert.deepEqual(shot.model, again.model);
});

test('auto: a budget is a number of dB', async () => {
  await rejects(() => quantize(-1), { code: 'invalid_config', message: /accuracyBudget is -1/ });
  await rejects(() => quantize(Number.NaN), {
    code: 'invalid_config',
    message: /accuracyBudget is NaN/,
  });
});

test('exact: names of the fused model alone', async () => {
  const options = { calibration: digitSamples(4), backend: 'turbo' as const, exact: ['nothing'] };
  await rejects(() => eightfold.quantize(digits(), options), {
    code: 'invalid_config',
    message: /exact\[0\].*nothing/,
  });
});

// Layers a, b, c of equal noise but for b; an output keeps the budget once b and one more are exact.
const fakeTrial = (exact: readonly string[] | 'all'): Trial => {
  const names = ['a', 'b', 'c', 'd'];
  const is = (name: string) => exact === 'all' || exact.includes(name);
  let noise = 1e-5;
  const layers = names.map((node) => {
    noise += is(node) ? 0 : node === 'b' ? 1e-3 : 1e-6 * (node === 'c' ? 5 : 1);
    return { node, opType: 'Conv', output: node, sqnr: -10 * Math.log10(noise), maxAbsError: 0 };
  });
  const sqnr = layers[3]!.sqnr;
  const outputs = [{ name: 'y', sqnr, maxAbsError: 0, argmaxAgreement: 1 }];
  return {
    comparison: { samples: 1, layers, outputs },
    macs: new Map(names.map((name) => [name, 1000])),
  };
};

test('auto: the layers that add most noise per work go first', async () => {
  const tried: string[] = [];
  const attempt = async (exact: readonly string[] | 'all') => {
    tried.push(exact === 'all' ? 'all' : exact.join(''));
    return fakeTrial(exact);
  };
  assert.deepEqual(await chooseExact(attempt, 0.9), ['b', 'c']);
  assert.deepEqual(await chooseExact(attempt, 3), ['b']);
  assert.deepEqual(await chooseExact(attempt, 60), []);
  assert.deepEqual(tried.slice(0, 2), ['all', '']);
});
