// The section of limits: each dense kernel against what its inner loop could do at best, in the same turns.
import { kLayers, layerFeeds, layerModel, macs } from '../../web/src/bench/layers.ts';
import { openOurs } from './engines.ts';
import { type LimitForm, openLimit } from './limits.ts';
import { attempt, type Cell, rate, ratio, type Section, timed } from './section.ts';

const kForms = { float: 'f32', exact8: 'i16', fast8: 'pairs', turbo: 'quads' } as const;
const kRows = kLayers.filter(({ kind }) => kind === 'product' || kind === 'window');
type Target = keyof typeof kForms;

const nameOf = (target: string, layer: string) => `${target}: ${layer}`;

export const roofline: Section = {
  key: 'roofline',
  title: 'Limits',
  note: `Dense kernels against loops of the same instructions on operands that never leave the first cache, in
billions of multiply-accumulates a second (tests/bench/limits.ts). Share: how much of its limit a kernel reaches, packing,
edges and rounding included. Engines whose relaxed dot product is one exact instruction run all integer forms by it:
there "fused" is the limit.`,
  columns: ['kernel', 'limit', 'share', 'fused', 'share of fused'],
  judged: 2,
  what: 'kernel',
  names: (Object.keys(kForms) as Target[]).flatMap((target) =>
    kRows.map(({ name }) => nameOf(target, name)),
  ),
  async row(name, rounds) {
    const [target, layerName] = name.split(': ') as [Target, string];
    const layer = kRows.find((each) => each.name === layerName)!;
    const { integers, floats } = layerFeeds(layer);
    const limit = (form: LimitForm) => attempt(() => openLimit(form));
    const [own, fused] = [await limit(kForms[target]), await limit('fused')];
    const ours = await openOurs(layerModel(layer, target), target === 'float' ? floats : integers);
    const [kernel, best, single] = await timed([ours, own, fused], rounds);
    const work = macs(layer);
    const cells = (times: readonly number[] | undefined, engine: typeof own): Cell[] => {
      if (!times || typeof engine === 'string') return [undefined, undefined];
      const mine = kernel!.map((time) => (time * engine.macs) / work);
      return [rate(times, engine.macs), ratio(times, mine)];
    };
    const other = target === 'float' ? [undefined, undefined] : cells(single, fused);
    return [rate(kernel, work), ...cells(best, own), ...other];
  },
};
