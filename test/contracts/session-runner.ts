/** Runs the contract of `shoal/express-session` over the package as an application finds it, and prints one JSON line per case. Bundled and started by session.test.ts. */
import { runCases } from '../support/case-runner.ts';
import { defineSessionContract, type SessionWorld } from './session-contract.ts';

// The names are no literals for the compiler: this package's own build need not be there when the sources are checked.
const names: readonly string[] = ['shoal/express-session', 'shoal/client', 'shoal/server'];

async function world(): Promise<SessionWorld> {
  const modules = await Promise.all(names.map((name) => import(name) as Promise<object>));
  return Object.assign({}, ...modules) as SessionWorld;
}

await runCases((test) => defineSessionContract(world, test));
process.exit(0);
