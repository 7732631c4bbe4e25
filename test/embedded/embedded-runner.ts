/**
 * Runs the cases of an embedded node in a process of its own, on Bun or on Node, and prints one JSON line for each.
 * It does not exit: it ends when nothing is left that keeps it.
 */
import { defineEmbeddedContract } from './embedded-contract.ts';
import { defineFakeTimerContract, defineUnderFake } from './fake-timer-contract.ts';

const cases: { readonly name: string; readonly body: () => Promise<void> }[] = [];
const define = (name: string, body: () => Promise<void>): void => {
  cases.push({ name, body });
};
defineEmbeddedContract(define);
defineFakeTimerContract(define);
if (process.versions['bun'] === undefined) {
  const { mock } = await import('node:test');
  defineUnderFake(define, 'node:test', () => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
    return () => mock.timers.reset();
  });
}

for (const { name, body } of cases) {
  let failure: string | null = null;
  try {
    await body();
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  console.log(JSON.stringify({ name, failure }));
}
