/** Runs the contract of the state stores on Node, and prints one JSON line per case. Bundled and started by state-store.test.ts. */
import { runCases } from '../support/case-runner.ts';
import { defineStateStoreContract } from './state-store-contract.ts';
import { statePlaces } from './state-store-worlds.ts';

if (process.versions['bun'] !== undefined) throw new Error('this runner is for Node; it was started by Bun');

for (const { name: place, missing, start, contract } of statePlaces()) {
  if (missing !== null) continue;
  const stop = await start();
  await runCases((test) => defineStateStoreContract(contract, (name, body) => test(`${place}: ${name}`, body)));
  await stop();
}
process.exit(0);
