// The form of an audio stream: filled with what shapes and names suggest, read into what is run.
import { type AudioStream, audioStreamOf } from '../../bindings/js/stream.ts';
import type { ModelInfo } from '../../bindings/js/types.ts';
import { byId, h, show } from './dom.ts';
import { PageError } from './problem.ts';

const kZero = '';

const part = () => byId<HTMLFieldSetElement>('stream');

function control(name: string): HTMLInputElement | HTMLSelectElement {
  return part().querySelector<HTMLInputElement | HTMLSelectElement>(`[name="${name}"]`)!;
}

function option(value: string, text: string, chosen: string): HTMLOptionElement {
  return h('option', { value, selected: value === chosen }, text);
}

const names = (all: readonly { name: string }[], chosen: string) =>
  all.map(({ name }) => option(name, name, chosen));

/** One select for each input that may be a state: the output that is fed to it at the next window. */
function stateFields(info: ModelInfo, stream: AudioStream): HTMLElement[] {
  const floats = info.inputs.filter(
    ({ name, type }) => type === 'float32' && name !== stream.input,
  );
  return floats.map(({ name }) => {
    const from = stream.state[name]?.from ?? kZero;
    const choices = [...names(info.outputs, from), option(kZero, 'nothing: stays zero', from)];
    const select = h('select', { 'data-state': name }, ...choices);
    return h('label', {}, `${name} is fed from`, select);
  });
}

let filled: ModelInfo | undefined;

/**
 * Shows the fields with a guess in them, or hides them; hidden ones are not checked. What was corrected stays until
 * another model comes.
 */
export function showStreamForm(info: ModelInfo | undefined): void {
  const stream = info && audioStreamOf(info);
  show(part(), stream !== undefined);
  part().disabled = stream === undefined;
  if (!info || !stream || info === filled) return;
  filled = info;
  const floats = info.inputs.filter(({ type }) => type === 'float32');
  control('streamInput').replaceChildren(...names(floats, stream.input));
  control('streamOutput').replaceChildren(...names(info.outputs, stream.output));
  control('window').value = String(stream.dims.at(-1));
  control('context').value = String(stream.context);
  control('rate').value = String(stream.rate);
  byId('states').replaceChildren(...stateFields(info, stream));
}

/** When another input takes the signal, the others are the states. */
export function watchStreamForm(info: () => ModelInfo | undefined): void {
  control('streamInput').addEventListener('change', () => {
    const now = info();
    const stream = now && audioStreamOf(now, { input: control('streamInput').value });
    if (now && stream) byId('states').replaceChildren(...stateFields(now, stream));
  });
}

export function readStreamForm(info: ModelInfo): AudioStream {
  const [window, context] = [Number(control('window').value), Number(control('context').value)];
  if (context >= window)
    throw new PageError('invalid_config', 'the context is as long as the window', 'Make it less.');
  const selects = [...part().querySelectorAll<HTMLSelectElement>('[data-state]')];
  const stream = audioStreamOf(info, {
    input: control('streamInput').value,
    output: control('streamOutput').value,
    window,
    context,
    rate: Number(control('rate').value),
    from: Object.fromEntries(selects.map(({ dataset, value }) => [dataset.state!, value || null])),
  });
  if (stream) return stream;
  throw new PageError('invalid_input', 'this model does not take a recording');
}
