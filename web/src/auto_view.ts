// What the mode `auto` chose: a word for each layer, and a sentence for all of them.
import type { LayerReport, QuantizeOptions, Report } from '../../bindings/js/types.ts';

interface Auto {
  report: Pick<Report, 'exact' | 'layers'>;
  options: Pick<QuantizeOptions, 'accuracyBudget'>;
}

/** Kernels differ only where there is something to multiply. */
const isChosen = ({ int8, macs }: LayerReport) => int8 && macs > 0;

/** `turbo` and `exact8` where the mode chose between them, else `int8` and `float`. */
export function runsAs({ exact }: Auto['report']): (layer: LayerReport) => string {
  const names = new Set(exact);
  return (layer) => {
    if (!exact || !isChosen(layer)) return layer.int8 ? 'int8' : 'float';
    return names.has(layer.node) ? 'exact8' : 'turbo';
  };
}

/** Nothing for other modes. */
export function autoLine({ report, options }: Auto): string | undefined {
  if (!report.exact) return undefined;
  const word = runsAs(report);
  const layers = report.layers.filter(isChosen);
  const turbo = layers.filter((layer) => word(layer) === 'turbo').length;
  const budget = `${options.accuracyBudget} dB`;
  if (turbo === layers.length)
    return `auto: turbo kernels for every layer, and no output loses more than ${budget} against exact8.`;
  if (turbo === 0)
    return `auto: every layer stays exact8: with turbo kernels an output would lose more than ${budget}.`;
  return `auto: turbo kernels for ${turbo} of ${layers.length} layers. The others stay exact8, so that no output loses more than ${budget}.`;
}
