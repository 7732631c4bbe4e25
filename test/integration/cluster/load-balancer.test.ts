/** Clients that know of no cluster, behind a load balancer that knows as little: connections go to one node after the other, and any node has all keys. */
import { describe, expect, test } from 'bun:test';
import { Redis } from 'ioredis';
import { seededRandom } from '../../../src/base/random.ts';
import { type CheckedClient, CheckedLoad } from '../../support/checked-load.ts';
import { TestCluster } from '../../support/cluster.ts';
import { HAPROXY_INSTALL_HINT, haproxyPath, HaproxyServer } from '../../support/haproxy.ts';

const KEY_COUNT = 1000;
const CONCURRENCY = 20;
const CONNECTION_COUNT = 6;
/** Keys of one MSET and MGET, in as many slots. */
const GROUP_KEYS: readonly string[] = Array.from({ length: 20 }, (_, number) => `group:${number}`);

const isMissing = haproxyPath() === null;

/** Connections through the balancer, used in turn. */
async function openConnections(port: number): Promise<readonly Redis[]> {
  const connections = Array.from({ length: CONNECTION_COUNT }, () => {
    const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null });
    // What fails because of it says so itself.
    redis.on('error', () => {});
    return redis;
  });
  for (const redis of connections) await redis.connect();
  return connections;
}

function inTurn(connections: readonly Redis[]): CheckedClient {
  let count = 0;
  const next = (): Redis => connections[count++ % connections.length]!;
  return {
    name: 'ioredis behind haproxy',
    get: (key) => next().get(key),
    set: async (key, value) => {
      await next().set(key, value);
    },
    close: async () => {
      for (const redis of connections) await redis.quit();
    },
  };
}

/** Writes groups of keys over one connection and reads them over the next, until it is told to stop. Returns how often. */
async function writeGroups(connections: readonly Redis[], isOver: () => boolean): Promise<number> {
  let count = 0;
  while (!isOver()) {
    count += 1;
    const value = String(count);
    const [writer, reader] = [count, count + 1].map((number) => connections[number % connections.length]!);
    expect(await writer!.mset(new Map(GROUP_KEYS.map((key) => [key, value])))).toBe('OK');
    expect(await reader!.mget([...GROUP_KEYS])).toEqual(GROUP_KEYS.map(() => value));
  }
  return count;
}

describe.skipIf(isMissing)(isMissing ? HAPROXY_INSTALL_HINT : 'plain ioredis behind HAProxy', () => {
  test('reaches every key while nodes join and drain, without an error', async () => {
    await using cluster = await TestCluster.start({ nodes: 3 });
    await using haproxy = await HaproxyServer.start(cluster.ports);
    const connections = await openConnections(haproxy.port);
    const client = inTurn(connections);
    const nodePorts = await Promise.all(
      connections.map(async (redis) => /tcp_port:(\d+)/.exec(await redis.info('server'))![1]),
    );
    expect(new Set(nodePorts).size).toBe(3);

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
    let isOver = false;
    const groups = writeGroups(connections, () => isOver);
    await cluster.addNode();
    await cluster.settled();
    await cluster.operator.drain(await cluster.idOf(cluster.nodes[1]!));
    await cluster.settled(3);
    isOver = true;
    expect(await groups).toBeGreaterThan(10);
    await load.stop();
    await load.verifyAll(client, CONCURRENCY);
    await client.close();
    expect(load.faults).toEqual([]);
  }, 60_000);
});
