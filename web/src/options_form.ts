// The options form: filled from the package's own lists, read into QuantizeOptions and an ImageForm.
import type {
  Activations,
  Format,
  LayerReport,
  ModelInfo,
  QuantizeOptions,
} from '../../bindings/js/types.ts';
import { byId, h, show } from './dom.ts';
import type { ImageForm } from './image_form.ts';
import { PageError } from './problem.ts';

const kDefaults = { observer: 'HistogramObserver', backend: 'exact8' };
/** Samples on which float and int8 are compared layer by layer. */
const kCompared = 16;

const form = () => byId<HTMLFormElement>('options');

function field(name: string): HTMLInputElement & HTMLSelectElement {
  return form().elements.namedItem(name) as HTMLInputElement & HTMLSelectElement;
}

function fill(name: keyof typeof kDefaults, choices: readonly string[]): void {
  const options = choices.map((choice) => h('option', { value: choice }, choice));
  field(name).replaceChildren(...options);
  if (choices.includes(kDefaults[name])) field(name).value = kDefaults[name];
}

export function fillLists(lists: {
  observers: readonly string[];
  backends: readonly string[];
}): void {
  fill('observer', lists.observers);
  fill('backend', lists.backends);
}

/** The mode `auto` chooses among backends itself, and has a budget instead. */
function showMode(): void {
  const isAuto = field('mode').value === 'auto';
  field('backend').disabled = isAuto;
  field('accuracyBudget').disabled = !isAuto;
  show(byId('budget'), isAuto);
  show(byId('backend'), !isAuto);
}

export function watchMode(): void {
  field('mode').addEventListener('change', showMode);
  showMode();
}

/** Op types of the model as suggestions for what to keep float. */
export function suggestOps({ ops }: ModelInfo): void {
  const types = Object.keys(ops).map((name) => name.slice(name.lastIndexOf(':') + 1));
  byId('ops').replaceChildren(...types.map((value) => h('option', { value })));
}

function excludedNames(): string[] {
  return field('exclude')
    .value.split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

export function isExcluded({ node, opType }: LayerReport): boolean {
  const names = excludedNames();
  return names.includes(node) || names.includes(opType);
}

export function setExcluded({ node, opType }: LayerReport, exclude: boolean): void {
  const others = excludedNames().filter((name) => name !== node && (exclude || name !== opType));
  field('exclude').value = [...others, ...(exclude ? [node] : [])].join(', ');
}

export function clearExcluded(): void {
  field('exclude').value = '';
}

function backendOptions(): Pick<QuantizeOptions, 'backend' | 'mode' | 'accuracyBudget'> {
  if (field('mode').value === 'auto')
    return { mode: 'auto', accuracyBudget: Number(field('accuracyBudget').value) };
  return { backend: field('backend').value };
}

export function readOptions(): Omit<QuantizeOptions, 'calibration'> {
  const samples = field('samples').value;
  const activations = field('activations').value as Activations | '';
  return {
    format: field('format').value as Format,
    observer: field('observer').value,
    ...backendOptions(),
    perTensor: field('weights').value === 'tensor',
    ...(activations && { activations }),
    exclude: excludedNames(),
    samples: samples ? Number(samples) : undefined,
    biasCorrection: field('biasCorrection').checked,
    compareSamples: kCompared,
  };
}

/** Shows the image fields with a guess in them, or hides them; hidden ones are not checked. */
export function showImageForm(guess: ImageForm | undefined): void {
  const part = byId<HTMLFieldSetElement>('images');
  show(part, guess !== undefined);
  part.disabled = guess === undefined;
  if (!guess) return;
  const { crop, mean, std, ...plain } = guess;
  for (const [name, value] of Object.entries(plain)) field(name).value = String(value);
  field('crop').checked = crop;
  field('mean').value = mean.join(',');
  field('std').value = std.join(',');
}

function numbers(name: string, missing: number): number[] {
  const list = field(name)
    .value.split(',')
    .map((text) => text.trim());
  const parsed = list.map((text) => (text ? Number(text) : missing));
  if (parsed.every(Number.isFinite)) return parsed;
  throw new PageError(
    'invalid_config',
    `${name} is not a list of numbers`,
    'For example 0.485, 0.456, 0.406',
  );
}

export function readImageForm(): ImageForm {
  const form: ImageForm = {
    width: Number(field('width').value),
    height: Number(field('height').value),
    crop: field('crop').checked,
    channels: field('channels').value as ImageForm['channels'],
    layout: field('layout').value as ImageForm['layout'],
    scale: Number(field('scale').value),
    mean: numbers('mean', 0),
    std: numbers('std', 1),
  };
  if (form.scale === 0 || form.std.includes(0))
    throw new PageError('invalid_config', 'scale and std divide: they cannot be 0');
  return form;
}
