/** Runs the contract of `shoal/keyv` over the package as an application finds it, and prints one JSON line per case. Bundled and started by keyv.test.ts. */
import { runCases } from '../support/case-runner.ts';
import { defineKeyvContract, type KeyvWorld } from './keyv-contract.ts';

// The names are no literals for the compiler: this package's own build need not be there when the sources are checked.
const names: readonly string[] = ['shoal/keyv', 'shoal/client', 'shoal/server'];

async function world(): Promise<KeyvWorld> {
  const modules = await Promise.all(names.map((name) => import(name) as Promise<object>));
  return Object.assign({}, ...modules) as KeyvWorld;
}

await runCases((test) => defineKeyvContract(world, test));
process.exit(0);
