// The section of single layers: every form of our kernels against onnxruntime-web's operators.

import { kLayers, layerFeeds, layerModel, macs } from '../../web/src/bench/layers.ts';
import { openOurs, openTheirs } from './engines.ts';
import { attempt, rate, ratio, type Section, timed } from './section.ts';

export const layers: Section = {
  key: 'layers',
  title: 'Layers',
  note: `Chains of one layer in billions of multiply-accumulates a second, and how many times as fast as onnxruntime-web's
int8 operators (uint8 activations, int8 weights) each of our forms is; the last column is turbo against its float. What
the forms promise the kernels: web/src/bench/layers.ts.`,
  columns: [
    'float',
    'exact8',
    'fast8',
    'turbo',
    'onnxruntime-web float',
    'onnxruntime-web int8',
    'exact8 of int8',
    'fast8 of int8',
    'turbo of int8',
    'turbo of float',
  ],
  judged: 8,
  what: 'layer',
  names: kLayers.map(({ name }) => name),
  async row(name, rounds) {
    const layer = kLayers.find((each) => each.name === name)!;
    const { integers, floats } = layerFeeds(layer);
    const models = Object.fromEntries(
      (['float', 'exact8', 'fast8', 'turbo'] as const).map((form) => [
        form,
        layerModel(layer, form),
      ]),
    );
    const engines = [
      await openOurs(models.float!, floats),
      await openOurs(models.exact8!, integers),
      await openOurs(models.fast8!, integers),
      await openOurs(models.turbo!, integers),
      await attempt(() => openTheirs(models.float!, floats)),
      await attempt(() => openTheirs(models.exact8!, integers)),
    ];
    const [float, exact8, fast8, turbo, theirFloat, theirInt8] = await timed(engines, rounds);
    const all = [float, exact8, fast8, turbo, theirFloat, theirInt8];
    return [
      ...all.map((times) => rate(times, macs(layer))),
      ratio(theirInt8, exact8),
      ratio(theirInt8, fast8),
      ratio(theirInt8, turbo),
      ratio(theirFloat, turbo),
    ];
  },
};
