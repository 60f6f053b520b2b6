// The one error type of the API. What the core throws arrives as a plain object (bindings/guard.h)
// and leaves as an EightfoldError; so does every other fault inside the module.
import { type ErrorCode, errorCodes } from './error_codes.ts';

export interface ErrorPlace {
  /** Name of the node it happened at; empty when there is none. */
  node?: string;
  /** Op type of that node. */
  opType?: string;
  /** What to do next. */
  hint?: string;
  cause?: unknown;
}

/** An error's parts, as they cross a worker's border. */
export interface ErrorParts {
  code: ErrorCode;
  message: string;
  node: string;
  opType: string;
  hint: string;
}

export class EightfoldError extends Error implements ErrorParts {
  override readonly name = 'EightfoldError';
  readonly code: ErrorCode;
  readonly node: string;
  readonly opType: string;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.node = place.node ?? '';
    this.opType = place.opType ?? '';
    this.hint = place.hint ?? '';
  }
}

const isParts = (value: unknown): value is ErrorParts =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as ErrorParts).code === 'string' &&
  (value as ErrorParts).code in errorCodes;

export function partsOf({ code, message, node, opType, hint }: ErrorParts): ErrorParts {
  return { code, message, node, opType, hint };
}

export const textOf = (value: unknown) => (value instanceof Error ? value.message : String(value));

/** Whatever was thrown, as an EightfoldError. */
export function toEightfoldError(thrown: unknown): EightfoldError {
  if (thrown instanceof EightfoldError) return thrown;
  if (isParts(thrown)) return new EightfoldError(thrown.code, thrown.message, thrown);
  const cause = thrown;
  const name = thrown instanceof Error ? thrown.name : '';
  if (name === 'BindingError') {
    const hint = 'A deleted model or session cannot be used any more.';
    return new EightfoldError('invalid_state', textOf(thrown), { hint, cause });
  }
  if (thrown instanceof RangeError) {
    const hint = 'The model is nested too deep, or memory for the result is short.';
    return new EightfoldError('limit_exceeded', textOf(thrown), { hint, cause });
  }
  const hint = 'Please report this with the model, and start a new instance.';
  return new EightfoldError('internal', textOf(thrown), { hint, cause });
}

/** Runs a call into the core; what it throws is an EightfoldError. */
export function call<T>(body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    throw toEightfoldError(thrown);
  }
}
