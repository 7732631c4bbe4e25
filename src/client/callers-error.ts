/** Errors with the stack of the caller who awaits. */
import { ShoalError } from '../base/errors.ts';

/**
 * The same error, made where the call resumes: there the runtime knows who awaits it. What is none of ours came of arguments that types
 * would have refused, such as null for options, or was thrown by the caller's iterable: it is the cause.
 */
export function callersError(error: unknown): ShoalError {
  if (!(error instanceof ShoalError)) {
    const reason = error instanceof Error ? error.message : String(error);
    return new ShoalError('InvalidArgument', `the arguments cannot be used: ${reason}`, { cause: error });
  }
  const { code, message, node, cause, replicaCount, answer } = error;
  return new ShoalError(code, message, {
    ...(node === undefined ? {} : { node }),
    ...(cause === undefined ? {} : { cause }),
    ...(replicaCount === undefined ? {} : { replicaCount, answer }),
  });
}
