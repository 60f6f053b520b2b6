// One model measured: the float model on onnxruntime-web, then Eightfold's int8 model on our own
// Session and on onnxruntime-web, the two runtimes against each other, and what really ran on integers.
import type { QuantizeResult } from '../../bindings/js/types.ts';
import { atLeast, atMost, type Verdict } from './bounds.ts';
import { readModel } from './data.ts';
import { eightfold, type Format, type LayerReport, quantizeByDefault } from './eightfold.ts';
import { calibrationFeeds, evaluate, feedsOf } from './evaluate.ts';
import {
  dequantizedBetween,
  floatBetween,
  int8Share,
  type LayerMacs,
  macsExecuted,
  unnamedFloat,
} from './mac.ts';
import { Sqnr } from './metrics.ts';
import type { ModelRow, Sets } from './models.ts';
import { profileOrtWeb } from './profile.ts';
import { type Engine, ortWeb } from './runners.ts';
import { type Figures, sameChoice } from './scores.ts';
import type { Answer } from './tensor.ts';

/** A verdict and the runtime it was reached on. */
export interface PlacedVerdict extends Verdict {
  readonly where: string;
}

export interface FloatRun {
  readonly row: ModelRow;
  readonly sets: Sets;
  readonly model: Uint8Array;
  readonly answers: readonly Answer[];
  readonly figures: Figures;
  /** The harness itself on trial: the figures its data's README quotes. */
  readonly quoted: readonly Verdict[];
}

export interface Int8Run {
  readonly format: Format;
  readonly bytes: number;
  /** Of all multiply-accumulates, in percent; those that may stay in float count as well. */
  readonly share: number;
  /** Of each output that is a signal, against float, in dB. */
  readonly sqnr: Readonly<Record<string, number>>;
  readonly figures: Readonly<Record<string, Figures>>;
  readonly verdicts: readonly PlacedVerdict[];
  readonly layers: readonly LayerReport[];
}

async function answersOf(
  engine: Engine,
  model: Uint8Array,
  row: ModelRow,
  sets: Sets,
): Promise<Answer[]> {
  const runner = await engine.open(model);
  try {
    return await evaluate(runner, sets.test, row);
  } finally {
    await runner.close();
  }
}

async function quotedVerdicts(run: Omit<FloatRun, 'quoted'>): Promise<Verdict[]> {
  const { row, sets, model } = run;
  let figures = run.figures;
  if (sets.quoted) {
    const answers = await answersOf(ortWeb, model, row, { ...sets, test: sets.quoted });
    figures = row.score(answers, answers, sets.quoted);
  }
  return Object.entries(row.quoted).map(([name, want]) => {
    const value = figures[name]!;
    const bound = `${want} +- ${row.quotedSlack}`;
    return { what: `float ${name}`, value, bound, ok: Math.abs(value - want) <= row.quotedSlack };
  });
}

export async function measureFloat(row: ModelRow): Promise<FloatRun> {
  const sets = await row.sets();
  const model = readModel(row.name);
  const answers = await answersOf(ortWeb, model, row, sets);
  const run = { row, sets, model, answers, figures: row.score(answers, answers, sets.test) };
  return { ...run, quoted: await quotedVerdicts(run) };
}

function likeness(
  signals: readonly string[],
  wanted: readonly Answer[],
  got: readonly Answer[],
): Record<string, number> {
  return Object.fromEntries(
    signals.map((name) => {
      const sqnr = new Sqnr();
      for (const [i, answer] of wanted.entries()) sqnr.add(answer[name]!, got[i]![name]!);
      return [name, sqnr.decibels];
    }),
  );
}

// Of a signal that is fed back, a tie moved by one step goes into all steps that follow.
const kLeastAgreement = 35;
const kLeastInStreams = 30;

/** Our Session against onnxruntime-web on the same int8 file. */
function runtimesAgree(
  { signals, choice, stream }: ModelRow,
  ours: readonly Answer[],
  theirs: readonly Answer[],
): Verdict[] {
  const noise = Object.entries(likeness(signals, theirs, ours)).map(([name, decibels]) =>
    atLeast(
      `SQNR of ${name} between runtimes, dB`,
      decibels,
      stream ? kLeastInStreams : kLeastAgreement,
    ),
  );
  return choice
    ? [...noise, atLeast('same choice in both runtimes, %', sameChoice(choice, ours, theirs), 99)]
    : noise;
}

/** The layers whose share in int8 is counted. */
function counted<Layer extends LayerMacs>({ staysFloat }: ModelRow, layers: readonly Layer[]) {
  return layers.filter(({ opType }) => !staysFloat?.includes(opType));
}

/** Without those that are integers in Eightfold alone. */
function elsewhere<Layer extends LayerMacs>(
  { floatElsewhere }: ModelRow,
  layers: readonly Layer[],
) {
  return layers.filter(({ opType }) => !floatElsewhere?.includes(opType));
}

/** What Eightfold says of its own lowered graph. */
function reportVerdicts(row: ModelRow, layers: readonly LayerReport[]): Verdict[] {
  const share = atLeast('MACs in int8, %', int8Share(counted(row, layers)), row.int8Macs);
  if (!row.unbroken) return [share];
  return [share, atMost('float layers between integer layers', floatBetween(layers).length, 0)];
}

/** What onnxruntime-web really executed for the first sample. */
async function integerVerdicts(
  { row, sets }: FloatRun,
  { model, report }: QuantizeResult,
): Promise<Verdict[]> {
  const [feeds] = feedsOf(sets.test, { ...row, batch: 1 });
  const nodes = await profileOrtWeb(model, feeds!);
  const executed = elsewhere(row, macsExecuted(nodes));
  const verdicts = [
    atLeast('MACs in int8, %', int8Share(counted(row, executed)), row.int8Macs),
    atMost(
      'float layers the report does not name',
      unnamedFloat(executed, report.layers).length,
      0,
    ),
  ];
  if (row.unbroken) {
    const breaks = dequantizedBetween(nodes).length;
    verdicts.push(atMost('dequantize between integer layers', breaks, 0));
  }
  return verdicts;
}

export async function measureInt8(float: FloatRun, format: Format): Promise<Int8Run> {
  const { row, sets } = float;
  const quantized = await quantizeByDefault(
    float.model,
    calibrationFeeds(float.model, sets.calibration, row),
    format,
  );
  const figures: Record<string, Figures> = {};
  const verdicts: PlacedVerdict[] = [];
  const answers: Answer[][] = [];
  const place = (where: string, found: readonly Verdict[]) =>
    verdicts.push(...found.map((verdict) => ({ ...verdict, where })));
  for (const engine of [eightfold, ortWeb]) {
    const got = await answersOf(engine, quantized.model, row, sets);
    const scored = row.score(got, float.answers, sets.test);
    figures[engine.name] = scored;
    answers.push(got);
    place(
      engine.name,
      row.bounds.map((bound) => bound(float.figures, scored)),
    );
  }
  place('both', runtimesAgree(row, answers[0]!, answers[1]!));
  place(eightfold.name, reportVerdicts(row, quantized.report.layers));
  place(ortWeb.name, await integerVerdicts(float, quantized));
  return {
    format,
    bytes: quantized.model.length,
    share: int8Share(quantized.report.layers),
    sqnr: likeness(row.signals, float.answers, answers[0]!),
    figures,
    verdicts,
    layers: quantized.report.layers,
  };
}
