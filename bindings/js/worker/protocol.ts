// What crosses between a page and its worker, beside plain data: handles as numbers, the place of
// samples that are pulled one by one, results and errors in envelopes.
import type { Question, Reply } from '../core.ts';
import type { ErrorParts } from '../errors.ts';
import type { Feeds, InitOptions, ModelInfo, Progress } from '../types.ts';

export interface HandleRef {
  readonly eightfoldHandle: number;
}
export const isHandleRef = (value: unknown): value is HandleRef =>
  typeof value === 'object' && value !== null && 'eightfoldHandle' in value;

/** Stands where the samples were among the arguments. */
export const kSamplesHere = { eightfoldSamples: true } as const;
export const isSamplesHere = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'eightfoldSamples' in value;

/** Stands for a backend among the options: its JSON, and the functions that stay with the client. */
export interface BackendThere {
  eightfoldBackend: string;
  functions: string[];
}
export const isBackendThere = (value: unknown): value is BackendThere =>
  typeof value === 'object' && value !== null && 'eightfoldBackend' in value;

/** What a client knows of a handle without asking. */
export interface HandleFacts extends HandleRef {
  kind: 'model' | 'prepared' | 'session';
  info?: ModelInfo;
  inputNames?: readonly string[];
  outputNames?: readonly string[];
}

export type Answer = { value: unknown } | { error: ErrorParts };

export interface Request {
  /** Names this call for abort(). */
  id: number;
  /** The handle whose method is called; none for a verb. */
  target?: HandleRef;
  method: string;
  args: unknown[];
  /** The last argument takes `signal` and `onProgress`. */
  isLong: boolean;
}

/** Samples on the client's side; the worker pulls. */
export interface SampleSource {
  total: number | undefined;
  open(): number;
  next(walk: number): Promise<Feeds | null>;
  close(walk: number): Promise<void>;
}

/** Functions of a backend, on the client's side; null when one of them failed there. */
export type Asked = (questions: Question[]) => Promise<Reply[] | null>;

/** Stands for external data among the options: files as they are, addresses as text. */
export interface ExternalHere {
  eightfoldExternal: Record<string, Blob | string>;
}
export const isExternalHere = (value: unknown): value is ExternalHere =>
  typeof value === 'object' && value !== null && 'eightfoldExternal' in value;

/** External data that stays with the client; null when it is not there, or its function failed. */
export type AskExternal = (
  location: string,
  offset: number,
  length: number,
) => Promise<Uint8Array | null>;

/** What the worker exposes. */
export interface DeskApi {
  init(options: InitOptions): Promise<Answer>;
  call(
    request: Request,
    onProgress: ((progress: Progress) => void) | null,
    samples: SampleSource | null,
    asked: Asked | null,
    external: AskExternal | null,
  ): Promise<Answer>;
  abort(id: number): void;
  free(handle: HandleRef): void;
}
