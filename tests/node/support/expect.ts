// Assertions on EightfoldErrors.
import assert from 'node:assert/strict';
import { type EightfoldError, type ErrorCode, eightfold } from './eightfold.ts';

interface Expected {
  code: ErrorCode;
  node?: string;
  opType?: string;
  message?: RegExp;
}

/** The call fails with a typed error, and that error has a text. */
export async function rejects(body: () => unknown, expected: Expected): Promise<EightfoldError> {
  try {
    await body();
  } catch (error) {
    assert.ok(error instanceof eightfold.EightfoldError, `not an EightfoldError: ${String(error)}`);
    assert.equal(error.code, expected.code, `${error.code}: ${error.message}`);
    assert.ok(error.message.length > 0);
    if (expected.node !== undefined) assert.equal(error.node, expected.node);
    if (expected.opType !== undefined) assert.equal(error.opType, expected.opType);
    if (expected.message) assert.match(error.message, expected.message);
    return error;
  }
  return assert.fail(`no error; expected ${expected.code}`);
}
