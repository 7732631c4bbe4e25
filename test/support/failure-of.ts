/** What a call was refused with; a call that succeeds fails the test. */
export async function failureOf(call: PromiseLike<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await call;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new TypeError(`it was refused with something that is no Error: ${String(error)}`, { cause: error });
  }
  throw new Error(`it was expected to fail, and answered ${JSON.stringify(value)}`);
}
