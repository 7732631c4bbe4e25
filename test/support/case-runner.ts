/**
 * Runs the cases of a contract one after the other in a process without a test runner, and prints one JSON line for each:
 * its name, and what went wrong or null.
 */

/** A case that has not ended by then waits for an event that never comes. */
const CASE_MS_MAX = 20_000;

export async function runCases(
  define: (test: (name: string, body: () => Promise<void>) => void) => void,
): Promise<void> {
  const cases: { readonly name: string; readonly body: () => Promise<void> }[] = [];
  define((name, body) => cases.push({ name, body }));
  for (const { name, body } of cases) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end within ${CASE_MS_MAX} ms`)), CASE_MS_MAX);
    });
    let failure: string | null = null;
    try {
      await Promise.race([body(), expired]);
    } catch (error) {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    } finally {
      clearTimeout(timer);
    }
    console.log(JSON.stringify({ name, failure }));
  }
}
