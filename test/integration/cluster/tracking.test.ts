/** Clients that cache, of a real cluster whose slots move: what a client holds at rest is what the cluster has, and it is told by the node that it has read from. */
import { expect, test } from 'bun:test';
import { seededRandom } from '../../../src/base/random.ts';
import { TestCluster } from '../../support/cluster.ts';
import { RespClient } from '../../support/resp-client.ts';

const KEYS = Array.from({ length: 300 }, (_, number) => `key:${number}`);
const TEST_MS_MAX = 60_000;

/** A client of one node, which keeps what that node has told it. */
class NodeReader implements Disposable {
  readonly cache = new Map<string, string>();
  toldCount = 0;
  readonly client: RespClient;

  private constructor(client: RespClient) {
    this.client = client;
  }

  static async open(port: number): Promise<NodeReader> {
    const client = await RespClient.connect(port);
    await client.call('HELLO', '3');
    expect(await client.call('CLIENT', 'TRACKING', 'ON')).toBe('+OK\r\n');
    return new NodeReader(client);
  }

  async call(...words: readonly string[]): Promise<string> {
    this.client.send(...words);
    for (;;) {
      const reply = await this.client.read();
      if (!reply.startsWith('>')) return reply;
      this.toldCount += 1;
      if (reply.endsWith('_\r\n')) this.cache.clear();
      else this.cache.delete(reply.split('\r\n')[5]!);
    }
  }

  async get(key: string): Promise<void> {
    if (this.cache.has(key)) return;
    const reply = await this.call('GET', key);
    if (reply.startsWith('$')) this.cache.set(key, reply);
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

test(
  'a cluster grows and shrinks while clients of every node cache and others write',
  async () => {
    await using cluster = await TestCluster.start({ nodes: 2, slotsPerMove: 1024 });
    using readers = new DisposableStack();
    const open = async (port: number): Promise<NodeReader> => readers.use(await NodeReader.open(port));
    const all = await Promise.all(cluster.ports.map(open));
    using writer = await RespClient.connect(cluster.ports[0]!);
    for (const key of KEYS) expect(await writer.call('SET', key, '0')).toBe('+OK\r\n');
    const random = seededRandom(1);
    const run = { isOver: false };
    const write = async (): Promise<void> => {
      for (let value = 1; !run.isOver; value += 1) {
        const key = KEYS[Math.floor(random() * KEYS.length)]!;
        expect(await writer.call('SET', key, String(value))).toBe('+OK\r\n');
      }
    };
    const read = async (reader: NodeReader): Promise<void> => {
      while (!run.isOver) await reader.get(KEYS[Math.floor(random() * KEYS.length)]!);
    };
    const running = [write(), ...all.map(read)];
    const third = await cluster.addNode();
    const newcomer = await open(third.port);
    running.push(read(newcomer));
    all.push(newcomer);
    await cluster.settled();
    await cluster.operator.drain(await cluster.idOf(cluster.nodes[1]!));
    await cluster.settled(2);
    run.isOver = true;
    await Promise.all(running);
    // The drained node serves nothing, so nobody may hold anything of it.
    while (all[1]!.cache.size > 0) await all[1]!.call('PING');
    for (const reader of all) {
      expect(reader.toldCount).toBeGreaterThan(0);
      await reader.call('PING');
      for (const [key, value] of reader.cache) expect([key, value]).toEqual([key, await writer.call('GET', key)]);
    }
    expect(all[0]!.cache.size).toBeGreaterThan(0);
  },
  TEST_MS_MAX,
);
