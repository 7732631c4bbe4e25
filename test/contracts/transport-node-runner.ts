/**
 * Runs the transport contract over `node:net` on real Node, and prints one JSON line per case. It is bundled and started
 * by transport.test.ts.
 */
import { NodeTransport } from '../../src/io/node-transport.ts';
import { defineTransportContract } from './transport-contract.ts';

/** A case that has not ended by then waits for an event that never comes. */
const CASE_MS_MAX = 20_000;

if (process.versions['bun'] !== undefined) throw new Error('this runner is for Node; it was started by Bun');

const cases: { readonly name: string; readonly body: () => Promise<void> }[] = [];
defineTransportContract(
  (options) => new NodeTransport(options),
  (name, body) => cases.push({ name, body }),
);

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
process.exit(0);
