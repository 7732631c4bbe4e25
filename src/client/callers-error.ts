/** Errors with the stack of the caller who awaits. */
import { ShoalError } from '../base/errors.ts';

/** The same error, made where the call resumes: there the runtime knows who awaits it. */
export function callersError(error: unknown): unknown {
  if (!(error instanceof ShoalError)) return error;
  const { code, message, node, cause } = error;
  return new ShoalError(code, message, {
    ...(node === undefined ? {} : { node }),
    ...(cause === undefined ? {} : { cause }),
  });
}
