/** What the contracts of the adapters run in: each case gets two empty nodes and a client of both, all ended after it. */
import type { ShoalClient } from '../../src/client/client.ts';
import type { TestApi } from '../contracts/client-contract.ts';

/** The part of the package that every adapter's contract uses. */
export interface AdapterWorld {
  readonly ShoalClient: typeof ShoalClient;
  readonly ShoalNode: { start(): Promise<TestNode> };
}

export interface TestNode {
  readonly address: string;
  stop(): Promise<void>;
}

export interface TwoNodes<W> {
  readonly world: W;
  readonly nodes: readonly TestNode[];
  readonly client: ShoalClient;
}

/** Defines cases by `define`; `begin` is told what each one runs in, just before it. */
export function withTwoNodes<W extends AdapterWorld>(
  loadWorld: () => Promise<W>,
  define: TestApi,
  begin: (started: TwoNodes<W>) => void,
): TestApi {
  return (name, body) =>
    define(name, async () => {
      const world = await loadWorld();
      const nodes = [await world.ShoalNode.start(), await world.ShoalNode.start()];
      const client = await world.ShoalClient.connect({ nodes: nodes.map(({ address }) => address) });
      begin({ world, nodes, client });
      try {
        await body();
      } finally {
        await client.close();
        for (const node of nodes) await node.stop();
      }
    });
}
