// What the user has chosen so far: a model, samples to calibrate with, samples to check on. Files are read and
// understood here, completely or not at all: a bad file leaves what was chosen before.
import { audioStreamOf } from '../../bindings/js/stream.ts';
import type { ModelInfo, ValueInfo } from '../../bindings/js/types.ts';
import { type ArraySamples, readArrays } from './arrays.ts';
import type { Core } from './core.ts';
import { byId, h, show } from './dom.ts';
import { bytes, count } from './format.ts';
import { guessImageForm, type ImageForm } from './image_form.ts';
import type { Delivery } from './inbox.ts';
import type { Task } from './job.ts';
import { PageError } from './problem.ts';
import { imageSet } from './samples.ts';

export interface ChosenModel {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  info: ModelInfo;
  externalData: Record<string, File>;
}

export interface Chosen {
  model?: ChosenModel;
  /** Raw files, kept so that another model can read them anew. */
  arrayFiles: readonly File[];
  arrays: readonly ArraySamples[];
  images: readonly File[];
  recordings: readonly File[];
}

export const kNothing: Chosen = { arrayFiles: [], arrays: [], images: [], recordings: [] };

const contentOf = async (file: File) => new Uint8Array(await file.arrayBuffer());

async function readModel(core: Core, file: File, data: readonly File[]): Promise<ChosenModel> {
  // Read when the model is: files stay on disk until then.
  const externalData = Object.fromEntries(data.map((part) => [part.name, part]));
  const content = await contentOf(file);
  const info = await core.inspect(content);
  return { name: file.name, bytes: content, info, externalData };
}

/** The inputs a caller has to feed; the input that takes an image is the first of them that could. */
export function imageInput({ inputs }: ModelInfo): [ValueInfo, ImageForm] | undefined {
  if (inputs.length !== 1) return undefined;
  const form = guessImageForm(inputs[0]!);
  return form && [inputs[0]!, form];
}

/** Adds new files to what was chosen: a model replaces the model, samples replace the samples. */
export async function choose(core: Core, old: Chosen, delivery: Delivery): Promise<Chosen> {
  const { model: file, data = [] } = delivery;
  const model = file ? await readModel(core, file, data) : old.model;
  const fresh = delivery.arrays.length + delivery.images.length + delivery.recordings.length > 0;
  const {
    images,
    arrays: arrayFiles,
    recordings,
  } = fresh ? delivery : { ...old, arrays: old.arrayFiles };
  if ([images, arrayFiles, recordings].filter(({ length }) => length > 0).length > 1)
    throw new PageError(
      'invalid_input',
      'images, .npz arrays and recordings do not mix',
      'Give one kind of samples.',
    );
  if (images.length && model && !imageInput(model.info))
    throw new PageError(
      'invalid_input',
      'this model does not take one image',
      'Give an .npz whose arrays are named as the model inputs.',
    );
  if (recordings.length && model && !audioStreamOf(model.info))
    throw new PageError(
      'invalid_input',
      'this model does not take a recording',
      'It needs a float input of one signal, such as [1, 512]; give other models an .npz.',
    );
  const arrays: ArraySamples[] = [];
  if (model) for (const file of arrayFiles) arrays.push(await readArrays(file, model.info));
  return { model, arrayFiles, arrays, images, recordings };
}

export type SampleChoice = Pick<Task, 'calibration' | 'check' | 'data' | 'form'>;

/** The samples to calibrate with and those to check on: a second .npz, or the same. */
export function sampleSets(
  { model, arrays, images }: Chosen,
  form: () => ImageForm,
): SampleChoice | undefined {
  if (!model) return undefined;
  if (images.length) {
    const now = form();
    const set = imageSet(images, now, imageInput(model.info)![0]);
    return { calibration: set, check: set, data: 'images/', form: now };
  }
  const [first, second = first] = arrays;
  return first && second && { calibration: first.set, check: second.set, data: first.name };
}

function shape({ name, type, dims }: ValueInfo): string {
  return `${name}: ${type} [${dims?.map((dim) => dim ?? '?').join(', ') ?? '...'}]`;
}

function sampleFact({ arrays, arrayFiles, images, recordings }: Chosen): string {
  const [heard, checked] = recordings.map(({ name }) => name);
  if (heard) return checked ? `${heard}; to check on: ${checked}` : heard;
  if (images.length) return `${images.length} image${images.length > 1 ? 's' : ''}`;
  if (!arrays.length) return arrayFiles.map(({ name }) => name).join(', ') || 'none yet';
  const texts = arrays.map(({ name, set }) => `${set.length} in ${name}`);
  return texts.length > 1 ? `${texts[0]}; to check on: ${texts[1]}` : texts[0]!;
}

export function showChosen(chosen: Chosen): void {
  const facts: [string, string][] = [];
  if (chosen.model) {
    const { name, bytes: content, info } = chosen.model;
    const opset = info.opsets[''] ?? info.opsets['ai.onnx'];
    facts.push(
      [
        'Model',
        `${name}, ${bytes(content.length)}, ${count(info.parameters)} weights, opset ${opset ?? '-'}`,
      ],
      ['Input', info.inputs.map(shape).join('; ')],
      ['Output', info.outputs.map(shape).join('; ')],
    );
  } else facts.push(['Model', 'none yet']);
  facts.push(['Samples', sampleFact(chosen)]);
  const list = byId('chosen');
  list.replaceChildren(...facts.flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]));
  show(list, true);
}
