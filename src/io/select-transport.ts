/**
 * Which transport a node uses: by option, else by what runs it.
 */
import { ShoalError } from '../base/errors.ts';
import { BunTransport } from './bun-transport.ts';
import { NodeTransport } from './node-transport.ts';
import type { Transport } from './transport.ts';

export type TransportChoice = 'auto' | 'bun' | 'node';
export type Runtime = 'bun' | 'node';

/** What runs this process. */
export function currentRuntime(): Runtime {
  return process.versions['bun'] === undefined ? 'node' : 'bun';
}

/** `auto`: the runtime's own. Throws a ShoalError `InvalidOption` for a transport that `runtime` does not have. */
export function selectTransport(choice: TransportChoice, runtime: Runtime = currentRuntime()): Transport {
  if (choice === 'bun' && runtime !== 'bun') {
    throw new ShoalError(
      'InvalidOption',
      'transport "bun" needs the Bun runtime and this is Node; use "node" or "auto", or start shoal with Bun',
    );
  }
  const chosen = choice === 'auto' ? runtime : choice;
  return chosen === 'bun' ? new BunTransport() : new NodeTransport();
}
