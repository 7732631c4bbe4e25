/** What clients of a real cluster see of planned changes: nothing. */
import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../../../src/base/random.ts';
import { CheckedLoad, type CheckedClient } from '../../support/checked-load.ts';
import { ioredisCluster, nodeRedisCluster, plainIoredis, shoalClient } from '../../support/checked-clients.ts';
import { TestCluster } from '../../support/cluster.ts';

const KEY_COUNT = 1000;
const CONCURRENCY = 20;

const CLIENTS: readonly (readonly [string, (ports: readonly number[]) => Promise<CheckedClient>])[] = [
  ['our client', shoalClient],
  ['ioredis Cluster', ioredisCluster],
  ['node-redis createCluster', nodeRedisCluster],
  ['plain ioredis', (ports) => plainIoredis(ports[0]!)],
];

describe('a cluster', () => {
  test.each(CLIENTS)(
    'grows, shrinks and changes weights under %s without an error or a lost key',
    async (_name, connect) => {
      await using cluster = await TestCluster.start({ nodes: 3 });
      const client = await connect(cluster.ports);
      const load = new CheckedLoad(client, {
        prefix: 'key',
        keyCount: KEY_COUNT,
        valueBytes: 50,
        readShare: 0.7,
        operationsPerSecond: 1000,
        random01: seededRandom(1),
      });
      await load.fill(CONCURRENCY);
      load.start();
      const fourth = await cluster.addNode();
      await cluster.settled();
      await cluster.operator.weight(await cluster.idOf(fourth), 2);
      await cluster.settled();
      await cluster.operator.drain(await cluster.idOf(cluster.nodes[1]!));
      await cluster.settled(3);
      await load.stop();
      await load.verifyAll(client, CONCURRENCY);
      await client.close();
      expect(load.faults).toEqual([]);
    },
    60_000,
  );

  test('gives the slots of a node that leaves in order to the others, without an error or a lost key', async () => {
    await using cluster = await TestCluster.start({ nodes: 3 });
    const client = await shoalClient(cluster.ports);
    const load = new CheckedLoad(client, {
      prefix: 'key',
      keyCount: KEY_COUNT,
      valueBytes: 50,
      readShare: 0.7,
      operationsPerSecond: 500,
      random01: seededRandom(2),
    });
    await load.fill(CONCURRENCY);
    load.start();
    const leaving = cluster.nodes[0]!;
    await leaving.leave();
    await cluster.killNode(leaving);
    await cluster.settled(2);
    await load.stop();
    await load.verifyAll(client, CONCURRENCY);
    await client.close();
    expect(load.faults).toEqual([]);
  }, 60_000);
});
