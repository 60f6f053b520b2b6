// What the page's benchmark times: one layer of each kind, and the user's model where there is one.
import type { Feeds } from '../../../bindings/js/types.ts';
import { kLayers, type Layer, layerFeeds, layerModel } from './layers.ts';

/** Two files of one network, and what each is fed. */
export interface Subject {
  name: string;
  float: { model: Uint8Array; feeds: Feeds; externalData?: Record<string, File> };
  int8: { model: Uint8Array; feeds: Feeds };
}

/** A subject as it crosses to the worker: layers are made there. */
export type Asked = Subject | { layer: string };

const kChosen = [
  '3x3 28x28x128',
  '1x1 28x28 192 <-> 32',
  'depthwise 14x14x576',
  'vector 1024 x 1024',
];
/** A chain of large layers is cut: a phone has to hold its weights. */
const kMostWeights = 3e6;

export const layerNames = (): readonly string[] => kChosen;

function shortened(layer: Layer): Layer {
  const weights = (count: number) =>
    layer.shapes
      .slice(0, count)
      .reduce((sum, shape) => sum + shape.in * shape.out * Math.max(1, shape.kernel ** 2), 0);
  if (layer.kind === 'depthwise') return layer;
  let count = layer.shapes.length;
  while (count > 1 && weights(count) > kMostWeights) --count;
  return { ...layer, shapes: layer.shapes.slice(0, count) };
}

export function subjectOf(asked: Asked): Subject {
  if (!('layer' in asked)) return asked;
  const layer = shortened(kLayers.find(({ name }) => name === asked.layer)!);
  const { floats, integers } = layerFeeds(layer);
  return {
    name: asked.layer,
    float: { model: layerModel(layer, 'float'), feeds: floats },
    int8: { model: layerModel(layer, 'exact8'), feeds: integers },
  };
}
