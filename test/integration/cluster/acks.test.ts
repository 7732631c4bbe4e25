/** What clients are told that replicas have, and a primary that is killed: all of it is there. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Cluster, Redis } from 'ioredis';
import { ShoalClient } from '../../../src/client/client.ts';
import { failureOf } from '../../support/failure-of.ts';
import { ProcessCluster } from '../../support/process-cluster.ts';

const START_MS_MAX = 60_000;

function connect(cluster: ProcessCluster): Promise<ShoalClient> {
  return ShoalClient.connect({ nodes: cluster.ports.map((port) => `127.0.0.1:${port}`) });
}

describe('with a replica of each slot', () => {
  let cluster: ProcessCluster;
  beforeAll(async () => {
    cluster = await ProcessCluster.start({ nodes: 3, replicas: 1 });
  }, START_MS_MAX);
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  test('WAIT of a client that knows nothing of clusters counts it, whichever node did the writes', async () => {
    for (const port of cluster.ports) {
      const redis = new Redis(port, '127.0.0.1');
      for (let serial = 0; serial < 20; serial += 1) await redis.set(`alone:${port}:${serial}`, 'value');
      expect(await redis.wait(1, 5000)).toBe(1);
      expect(await redis.wait(2, 50)).toBe(1);
      redis.disconnect();
    }
  });

  test('WAIT on a connection to the owner, as a cluster client has one for each node', async () => {
    const clients = new Cluster([{ host: '127.0.0.1', port: cluster.ports[0]! }], {
      redisOptions: { lazyConnect: false },
    });
    await clients.set('{tag}a', 'value');
    for (const node of clients.nodes('master')) {
      await node.wait(1, 5000).then((count) => expect(count).toBe(1));
    }
    clients.disconnect();
  });

  test('our client resolves when the replica has it, and says where there are not so many', async () => {
    await using client = await connect(cluster);
    expect(await client.set('acked', 'value', { ack: { replicas: 1 } })).toBe(true);
    expect(await client.get('acked', { ack: { replicas: 1 } })).toBe('value');
    const error = await failureOf(client.increment('counted', 1, { ack: { replicas: 2, timeoutMs: 50 } }));
    expect(error).toMatchObject({ code: 'NotReplicated', replicaCount: 1, answer: 1 });
    expect(await client.increment('counted', 1, { ack: { replicas: 1 } })).toBe(2);
  });
});

test(
  'what was acknowledged is there after the primary of any of it was killed',
  async () => {
    await using cluster = await ProcessCluster.start({ nodes: 3, replicas: 1 });
    await using client = await connect(cluster);
    const acknowledged = new Map<string, number>();
    const run = { isOver: false };
    const lane = async (number: number): Promise<void> => {
      for (let serial = 0; !run.isOver; serial += 1) {
        const key = `lane:${number}:${serial % 50}`;
        const isDone = await client.set(key, serial, { ack: { replicas: 1, timeoutMs: 2000 } }).then(
          () => true,
          () => false,
        );
        // What came to nothing may have been done, or not: the key says no more of the lane's past.
        if (isDone) acknowledged.set(key, serial);
        else acknowledged.delete(key);
      }
    };
    const lanes = Array.from({ length: 8 }, (_, number) => lane(number));
    while (acknowledged.size < 400) await new Promise((resolve) => setTimeout(resolve, 10));
    await cluster.killNode(cluster.nodes[0]!);
    await cluster.until(({ nodes, unassigned }) => nodes.length === 2 && unassigned === 0);
    run.isOver = true;
    await Promise.all(lanes);
    expect(acknowledged.size).toBeGreaterThan(100);
    const lost: string[] = [];
    for (const [key, serial] of acknowledged) {
      const value = await client.get<number>(key);
      if (value !== serial) lost.push(`${key}: ${value} instead of ${serial}`);
    }
    expect(lost).toEqual([]);
  },
  START_MS_MAX,
);
