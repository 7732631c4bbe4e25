/** Reads that replicas of a real cluster answer: to ioredis and node-redis as their users ask for it, and to our client. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { ShoalClient } from '../../../src/client/client.ts';
import { TestCluster } from '../../support/cluster.ts';
import { RespClient } from '../../support/resp-client.ts';

const KEYS = Array.from({ length: 200 }, (_, number) => `key:${number}`);
const START_MS_MAX = 60_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3, replicas: 1 });
  await cluster.until(({ missingCopies }) => missingCopies === 0);
  await using client = await ShoalClient.connect({ nodes: [address(0)] });
  await client.setMany(
    KEYS.map((key) => [key, key]),
    { ack: { replicas: 1 } },
  );
}, START_MS_MAX);
afterAll(() => cluster[Symbol.asyncDispose]());

function address(index: number): string {
  return `127.0.0.1:${cluster.ports[index]}`;
}

/** GETs that a node has answered. */
async function getsOf(port: number): Promise<number> {
  using client = await RespClient.connect(port);
  return Number(/cmdstat_get:calls=(\d+)/.exec(await client.call('INFO', 'commandstats'))?.[1] ?? 0);
}

/** GETs that all nodes have answered, and how often they said that a key is elsewhere. */
async function counts(): Promise<{ readonly gets: number; readonly moved: number }> {
  let gets = 0;
  let moved = 0;
  for (const port of cluster.ports) {
    using client = await RespClient.connect(port);
    gets += await getsOf(port);
    moved += Number(/errorstat_MOVED:count=(\d+)/.exec(await client.call('INFO', 'errorstats'))?.[1] ?? 0);
  }
  return { gets, moved };
}

test('ioredis with scaleReads reads from replicas, and is never sent elsewhere', async () => {
  const redis = new Cluster([{ host: '127.0.0.1', port: cluster.ports[0]! }], { scaleReads: 'slave' });
  await redis.set(KEYS[0]!, KEYS[0]!);
  const before = await counts();
  for (const key of KEYS.slice(1)) expect(await redis.get(key)).toBe(key);
  const after = await counts();
  expect(after.gets - before.gets).toBe(KEYS.length - 1);
  expect(after.moved).toBe(before.moved);
  const replicas = redis.nodes('slave');
  expect(replicas.length).toBe(3);
  expect(replicas.every(({ options }) => options.host!.startsWith('::ffff:'))).toBe(true);
  redis.disconnect();
});

test('node-redis with useReplicas reads from owners and replicas, and is never sent elsewhere', async () => {
  const redis = createCluster({ rootNodes: [{ url: `redis://${address(0)}` }], useReplicas: true });
  redis.on('error', () => {});
  await redis.connect();
  const before = await counts();
  for (const key of KEYS) expect(await redis.get(key)).toBe(key);
  expect((await counts()).moved).toBe(before.moved);
  expect(redis.replicas.length).toBe(3);
  await redis.set(KEYS[0]!, KEYS[0]!);
  redis.destroy();
});

test('our client reads from replicas, which vouch for the age of what they say', async () => {
  await using client = await ShoalClient.connect({ nodes: [address(0)], readFrom: 'replica' });
  const owner = client.nodes.find((node) => node.address === address(0))!;
  const owned = KEYS.filter((key) => client.nodeOf(key) === owner.id);
  const before = await getsOf(cluster.ports[0]!);
  for (const key of owned) expect(await client.get<string>(key, { maxStalenessMs: 60_000 })).toBe(key);
  expect(await getsOf(cluster.ports[0]!)).toBe(before);
  // Nobody is as young as that.
  expect(await client.get<string>(KEYS[0]!, { maxStalenessMs: 1 })).toBe(KEYS[0]);
});

test('who caches what it reads is not answered from copies, of whose changes it would hear late', async () => {
  using client = await RespClient.connect(cluster.ports[0]!);
  const answered = async (): Promise<number> => {
    let count = 0;
    for (const key of KEYS) if (!(await client.call('GET', key)).startsWith('-MOVED')) count += 1;
    return count;
  };
  expect(await client.call('CLUSTER', 'NODES')).toStartWith('$');
  const owned = await answered();
  expect(await client.call('READONLY')).toBe('+OK\r\n');
  const withCopies = await answered();
  expect(withCopies).toBeGreaterThan(owned);
  expect(await client.call('CLIENT', 'TRACKING', 'ON')).toBe('+OK\r\n');
  expect(await answered()).toBe(owned);
  expect(await client.call('CLIENT', 'TRACKING', 'OFF')).toBe('+OK\r\n');
  expect(await answered()).toBe(withCopies);
});

test('replicas and the age of copies are told', async () => {
  using client = await RespClient.connect(cluster.ports[0]!);
  const info = await client.call('INFO', 'replication');
  expect(info).toContain('connected_slaves:2\r\n');
  expect(info).toMatch(/slave0:ip=127\.0\.0\.1,port=\d+,state=online\r\n/);
  expect(Number(/shoal_copied_slots:(\d+)/.exec(info)![1])).toBeGreaterThan(4000);
  const ageMs = Number(/shoal_copies_age_ms:(-?\d+)/.exec(info)![1]);
  expect(ageMs).toBeGreaterThanOrEqual(0);
  expect(ageMs).toBeLessThan(5000);
  expect(await client.call('ROLE')).toStartWith('*3\r\n$6\r\nmaster\r\n:0\r\n*2\r\n*3\r\n');
});
