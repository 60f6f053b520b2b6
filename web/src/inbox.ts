// Files on their way in: dropped anywhere on the page or picked, sorted by what they are.
import { byId } from './dom.ts';
import { PageError } from './problem.ts';

export interface Delivery {
  model?: File;
  /** Files beside the model that hold its weights. */
  data?: File[];
  arrays: File[];
  images: File[];
  recordings: File[];
}

const kData = /\.(data|onnx_data|bin|weights?)$/i;
const kImages = /\.(png|jpe?g|webp|gif|bmp|avif)$/i;
const kRecordings = /\.(wav|mp3|ogg|oga|opus|flac|m4a|aac)$/i;

type Kind = keyof Delivery;

function kindOf({ name, type }: File): Kind | undefined {
  if (/\.onnx$/i.test(name)) return 'model';
  if (/\.npz$/i.test(name)) return 'arrays';
  if (kData.test(name)) return 'data';
  if (type.startsWith('audio/') || kRecordings.test(name)) return 'recordings';
  return type.startsWith('image/') || kImages.test(name) ? 'images' : undefined;
}

function sortFiles(files: readonly File[]): Delivery {
  const delivery: Required<Omit<Delivery, 'model'>> = {
    data: [],
    arrays: [],
    images: [],
    recordings: [],
  };
  let model: File | undefined;
  for (const file of files) {
    const kind = kindOf(file);
    if (kind === 'model') model = file;
    else if (kind) delivery[kind].push(file);
    else
      throw new PageError(
        'unknown_file',
        `${file.name} is neither a model, nor samples`,
        'Give an .onnx model, and images, .npz arrays or a recording.',
      );
  }
  return { model, ...delivery };
}

/** Calls `onFiles` with what is dropped or picked, `onError` when a file is of no use. */
export function watchFiles(
  onFiles: (delivery: Delivery) => void,
  onError: (error: unknown) => void,
): void {
  const take = (files: readonly File[]) => {
    if (files.length === 0) return;
    try {
      onFiles(sortFiles(files));
    } catch (error) {
      onError(error);
    }
  };
  const picker = byId<HTMLInputElement>('files');
  picker.addEventListener('change', () => {
    take([...(picker.files ?? [])]);
    picker.value = ''; // the same file may be picked again
  });

  const zone = byId('drop');
  const over = (inside: boolean) => {
    zone.dataset.over = String(inside);
  };
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) over(false);
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    over(false);
    take([...(event.dataTransfer?.files ?? [])]);
  });
}
