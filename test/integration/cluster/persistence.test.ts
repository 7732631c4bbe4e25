/** Real nodes that keep their data: what a client was told is stored is there again after nodes were killed, one or all. */
import { expect, test } from 'bun:test';
import { ShoalClient } from '../../../src/client/client.ts';
import { ProcessCluster } from '../../support/process-cluster.ts';
import { RespClient } from '../../support/resp-client.ts';

const ALWAYS = ['--fsync', 'always'];
const TIMEOUT_MS = 60_000;
const KEYS = Array.from({ length: 400 }, (_, number) => `key ${number}`);

async function connect({ ports }: ProcessCluster): Promise<ShoalClient> {
  return ShoalClient.connect({ nodes: ports.map((port) => `127.0.0.1:${port}`) });
}

/** Writes as fast as it may until it is stopped, and knows what was confirmed of each key, and what may have come after that. */
class Writer {
  readonly confirmed = new Map<string, number>();
  private isStopped = false;
  private readonly done: Promise<unknown>;

  constructor(client: ShoalClient) {
    this.done = Promise.all(KEYS.map((key) => this.write(client, key)));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.done;
  }

  /** Keys of which something older is found than was confirmed. */
  async lost(client: ShoalClient): Promise<readonly string[]> {
    const found = await Promise.all(KEYS.map((key) => client.get<number>(key)));
    return KEYS.filter((key, index) => (found[index] ?? -1) < (this.confirmed.get(key) ?? -1)).map(
      (key) => `${key}: ${found[KEYS.indexOf(key)]} instead of ${this.confirmed.get(key)}`,
    );
  }

  private async write(client: ShoalClient, key: string): Promise<void> {
    for (let value = 0; !this.isStopped; value += 1) {
      try {
        await client.set(key, value);
        this.confirmed.set(key, value);
      } catch {
        // Perhaps it was stored, perhaps not. A client whose nodes are all away says so at once.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }
}

async function nothingIsLost(writer: Writer, cluster: ProcessCluster): Promise<void> {
  await writer.stop();
  await using later = await connect(cluster);
  expect(await writer.lost(later)).toEqual([]);
}

async function confirmedOften(writer: Writer): Promise<void> {
  while (writer.confirmed.size < KEYS.length || Math.min(...writer.confirmed.values()) < 2)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

test(
  'a node is killed under load and comes back: all that was confirmed is there',
  async () => {
    await using cluster = await ProcessCluster.start({ nodes: 3, replicas: 0, keepsData: true, flags: ALWAYS });
    await using client = await connect(cluster);
    const writer = new Writer(client);
    await confirmedOften(writer);
    const killed = cluster.nodes[1]!;
    await cluster.killNode(killed);
    await cluster.until(({ nodes, awaited }) => nodes.length === 2 && awaited?.length === 1);
    await cluster.startAgain(killed);
    await cluster.settled();
    await nothingIsLost(writer, cluster);
  },
  TIMEOUT_MS,
);

test.each([0, 1])(
  'all are killed at once, and the coordinator: with %p replicas all that was confirmed is there',
  async (replicas) => {
    await using cluster = await ProcessCluster.start({ nodes: 3, replicas, keepsData: true, flags: ALWAYS });
    await using client = await connect(cluster);
    const writer = new Writer(client);
    await confirmedOften(writer);
    await cluster.cutPower();
    await nothingIsLost(writer, cluster);
  },
  TIMEOUT_MS,
);

test.each(['source', 'target'] as const)(
  'the %s of moves is killed while they run: all that was confirmed is there',
  async (which) => {
    await using cluster = await ProcessCluster.start({ nodes: 2, replicas: 0, keepsData: true, flags: ALWAYS });
    await using client = await connect(cluster);
    const writer = new Writer(client);
    await confirmedOften(writer);
    const target = await cluster.addNode();
    const { moves, nodes } = await cluster.until((status) => status.moves.length > 0);
    const source = nodes.find(({ id }) => id === moves[0]!.from)!;
    const killed = which === 'target' ? target : cluster.nodes.find(({ port }) => port === source.port)!;
    await cluster.killNode(killed);
    await cluster.until((status) => status.nodes.length === 2);
    await cluster.startAgain(killed);
    await cluster.settled();
    await nothingIsLost(writer, cluster);
  },
  TIMEOUT_MS,
);

test(
  'the power fails while slots move: all that was confirmed is there',
  async () => {
    await using cluster = await ProcessCluster.start({ nodes: 2, replicas: 0, keepsData: true, flags: ALWAYS });
    await using client = await connect(cluster);
    const writer = new Writer(client);
    await confirmedOften(writer);
    await cluster.addNode();
    await cluster.until(({ moves }) => moves.length > 0);
    await cluster.cutPower();
    await nothingIsLost(writer, cluster);
  },
  TIMEOUT_MS,
);

test(
  'FLUSHALL, a stop in order and a snapshot: what was deleted stays so, and what came later is there',
  async () => {
    await using cluster = await ProcessCluster.start({ nodes: 2, replicas: 0, keepsData: true });
    await using client = await connect(cluster);
    for (const key of KEYS) await client.set(key, 'old');
    const ask = async (port: number, ...words: string[]): Promise<unknown> => {
      using node = await RespClient.connect(port);
      return await node.call(...words);
    };
    for (const port of cluster.ports) expect(await ask(port, 'FLUSHALL')).toBe('+OK\r\n');
    await client.set('later', 'value');
    for (const port of cluster.ports) expect(await ask(port, 'SAVE')).toBe('+OK\r\n');
    await client.set('last', 'value');
    const nodes = [...cluster.nodes];
    for (const node of nodes) await cluster.stopNode(node);
    for (const node of nodes) await cluster.startAgain(node);
    await cluster.settled();
    await using again = await connect(cluster);
    expect(await Promise.all(KEYS.map((key) => again.get(key)))).toEqual(KEYS.map(() => undefined));
    expect([await again.get('later'), await again.get('last')]).toEqual(['value', 'value']);
  },
  TIMEOUT_MS,
);
