/** A node without sockets, on a clock that the test moves: what unit tests of sessions and commands talk to. */
import { startNode } from '../../src/server/start-node.ts';
import type { StoreHandle } from '../../src/store/memory.ts';
import { FakeTransport, type FakeConnection } from './fake-transport.ts';
import { ManualEnvironment } from './manual-environment.ts';
import { type NodeOverrides, nodeOptions } from './node.ts';

export interface FakeNode extends AsyncDisposable {
  readonly environment: ManualEnvironment;
  readonly store: StoreHandle;
  open(): FakeConnection;
  /** See FakeTransport. */
  receiveTogether(arrivals: readonly (readonly [FakeConnection, string])[]): void;
  /** How many sessions' replies left together, each time that some did. */
  readonly gatheredCounts: readonly number[];
}

export async function startFakeNode(
  overrides: NodeOverrides = {},
  environment: ManualEnvironment = new ManualEnvironment(),
): Promise<FakeNode> {
  const transport = new FakeTransport();
  const node = await startNode(nodeOptions(overrides), { transport, environment });
  const gatheredCounts: number[] = [];
  transport.batch!.onSend = (count) => gatheredCounts.push(count);
  return {
    environment,
    store: node.store,
    open: () => transport.open(),
    receiveTogether: (arrivals) => transport.receiveTogether(arrivals),
    gatheredCounts,
    [Symbol.asyncDispose]: () => node.stop(),
  };
}

/** One command as RESP bytes (latin1 text). */
export function frame(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}
