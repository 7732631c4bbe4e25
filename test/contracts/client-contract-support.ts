/** The way in which the client contract expects calls to fail. */
import assert from 'node:assert/strict';
import type { ErrorCode, ShoalError } from '../../src/base/errors.ts';

/** Resolves to the error; fails where the promise is fulfilled, or rejects with another code or text. */
export async function rejects(promise: Promise<unknown>, code: ErrorCode, text?: RegExp): Promise<ShoalError> {
  let error: ShoalError | null = null;
  try {
    await promise;
  } catch (thrown) {
    error = thrown as ShoalError;
  }
  assert.ok(error !== null, `it was fulfilled where ${code} was expected`);
  assert.equal(error.name, 'ShoalError', error.stack);
  assert.equal(error.code, code, error.stack);
  if (text !== undefined) assert.match(error.message, text);
  return error;
}

/** A promise, and what fulfils it. Node 20 has no `Promise.withResolvers`. */
export function deferred<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
