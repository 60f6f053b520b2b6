// The cards on top of the report: what was gained, and what it cost.
import { h } from './dom.ts';
import { bytes, count, decibels, level, milliseconds, percent } from './format.ts';
import type { Outcome } from './job.ts';
import { kThreshold, type StreamScore } from './stream_score.ts';

interface Card {
  id: string;
  label: string;
  value: string;
  note: string;
  level?: 'good' | 'fair' | 'bad';
}

function heardCards({ windows, meanError, agreement }: StreamScore): Card[] {
  return [
    {
      id: 'agreement',
      label: 'Same decision as float',
      value: percent(agreement),
      note: `on ${windows} windows, at probability ${kThreshold}`,
      level: agreement >= 0.99 ? 'good' : agreement >= 0.95 ? 'fair' : 'bad',
    },
    {
      id: 'error',
      label: 'Mean probability error',
      value: meanError.toFixed(4),
      note: 'between float and int8',
    },
  ];
}

/** The same best class, or for outputs that are no class scores the largest error. */
function agreementCard({ agreement, report }: Outcome): Card {
  if (!agreement) {
    const worst = Math.max(...report.outputs.map(({ maxAbsError }) => maxAbsError));
    const value = Number.isFinite(worst) ? worst.toPrecision(3) : '-';
    return { id: 'error', label: 'Largest output error', value, note: 'on the compared samples' };
  }
  const share = agreement.agreement;
  return {
    id: 'agreement',
    label: 'Same answer as float',
    value: percent(share),
    note: `best class, on ${agreement.samples} samples`,
    level: share >= 0.98 ? 'good' : share >= 0.9 ? 'fair' : 'bad',
  };
}

function accuracyCard({ agreement }: Outcome): Card | undefined {
  if (!agreement?.accuracy) return undefined;
  const { float, int8 } = agreement.accuracy;
  return {
    id: 'accuracy',
    label: 'Accuracy, int8',
    value: percent(int8),
    note: `float ${percent(float)}, on ${agreement.samples} labelled samples`,
  };
}

function latencyCard({ latency, heard }: Outcome): Card {
  const gain = latency.float / latency.int8;
  const runs =
    latency.rows > 1 ? `in runs of ${latency.rows}` : 'one at a time, way to the worker included';
  return {
    id: 'latency',
    label: heard ? 'Time per window, int8' : 'Time per sample, int8',
    value: milliseconds(latency.int8),
    note: `float ${milliseconds(latency.float)}: ${gain.toFixed(2)} x the speed, ${runs}`,
  };
}

function cardsOf(outcome: Outcome): Card[] {
  const { report } = outcome;
  const { float, int8 } = report.bytes;
  const worst = report.outputs.reduce(
    (least, { sqnr }) => Math.min(least, sqnr ?? least),
    Number.POSITIVE_INFINITY,
  );
  const cards: (Card | undefined)[] = [
    {
      id: 'bytes',
      label: 'Size, int8',
      value: bytes(int8),
      note: `float ${bytes(float)}: ${(float / int8).toFixed(2)} x smaller`,
    },
    {
      id: 'macs',
      label: 'Arithmetic in int8',
      value: percent(report.int8MacShare),
      note: `of ${count(report.macs)} multiply-accumulates`,
    },
    {
      id: 'sqnr',
      label: report.outputs.length > 1 ? 'Worst output SQNR' : 'Output SQNR',
      value: decibels(worst),
      note: 'signal to quantization noise',
      level: level(worst),
    },
    ...(outcome.heard
      ? heardCards(outcome.heard)
      : [agreementCard(outcome), accuracyCard(outcome)]),
    latencyCard(outcome),
  ];
  return cards.filter((card) => card !== undefined);
}

export function cardItems(outcome: Outcome): HTMLElement[] {
  return cardsOf(outcome).map(({ id, label, value, note, level }) =>
    h(
      'li',
      { id: `card-${id}`, 'data-level': level },
      h('span', { class: 'label' }, label),
      h('span', { class: 'value' }, value),
      h('span', { class: 'note' }, note),
    ),
  );
}
