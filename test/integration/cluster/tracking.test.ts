/** Clients that cache, of a real cluster whose slots move: what a client holds at rest is what the cluster has, and it is told by the node that it has read from. */
import { expect, test } from 'bun:test';
import { seededRandom } from '../../../src/base/random.ts';
import { CachingReader } from '../../support/caching-reader.ts';
import { TestCluster } from '../../support/cluster.ts';
import { RespClient } from '../../support/resp-client.ts';

const KEYS = Array.from({ length: 300 }, (_, number) => `key:${number}`);
const TEST_MS_MAX = 60_000;

test(
  'a cluster grows and shrinks while clients of every node cache and others write',
  async () => {
    await using cluster = await TestCluster.start({ nodes: 2, slotsPerMove: 1024 });
    using readers = new DisposableStack();
    const open = async (port: number): Promise<CachingReader> => readers.use(await CachingReader.open(port));
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
    const read = async (reader: CachingReader): Promise<void> => {
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
