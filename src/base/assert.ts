/**
 * Assertions for our own bugs. They stay on in production and are never reached by what a peer sends:
 * bad input is an error reply or a `ShoalError`, not a failed assertion.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws {@link AssertionError} when `condition` is false: a bug in Shoal itself. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(`bug in shoal: ${message}`);
}

/** Ends a switch over a union: the compiler proves that no case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`bug in shoal: unexpected ${String(value)}`);
}
