/** The transports of an event loop, Bun's or Node's, by name. */
import { BunTransport } from './bun-transport.ts';
import { NodeTransport } from './node-transport.ts';
import type { Transport } from './transport.ts';

export type StreamTransportName = 'bun' | 'node';
export type Runtime = 'bun' | 'node';

/** What runs this process. */
export function currentRuntime(): Runtime {
  return process.versions['bun'] === undefined ? 'node' : 'bun';
}

/** `bun` is for the Bun runtime alone, `node` for both. */
export function newTransport(name: StreamTransportName): Transport {
  return name === 'bun' ? new BunTransport() : new NodeTransport();
}
