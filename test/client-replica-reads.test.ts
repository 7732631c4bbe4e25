/** The client that reads from replicas: what they cannot vouch for comes from the primary, and so does everything else. */
import { expect, test } from 'bun:test';
import type { ShoalError } from '../src/base/errors.ts';
import { seededRandom } from '../src/base/random.ts';
import { ShoalClient } from '../src/client/client.ts';
import type { ClientOptions } from '../src/client/options.ts';
import { Feature } from '../src/protocol/shoal/frame.ts';
import { slotOf, VirtualCluster, type VirtualNode } from './support/virtual-cluster.ts';
import { VirtualNetwork } from './support/virtual-network.ts';

const KEYS = Array.from({ length: 60 }, (_, index) => `key:${index}`);

interface World {
  readonly cluster: VirtualCluster;
  readonly nodes: readonly VirtualNode[];
  readonly client: ShoalClient;
  /** Runs a call to its end. */
  readonly run: <T>(call: Promise<T>) => Promise<T>;
  /** How many requests for keys were answered by owners and from copies since the last look. */
  readonly counts: () => readonly [owners: number, copies: number];
}

/** Three nodes with copies that are 200 ms old, and a client that has written all keys. */
async function start(replicaCount = 1, options: Partial<ClientOptions> = {}): Promise<World> {
  const network = new VirtualNetwork(seededRandom(5), 1);
  const cluster = new VirtualCluster(network);
  const nodes = Array.from({ length: 3 }, (_, index) => cluster.start(`n${index}`));
  cluster.share(nodes, replicaCount);
  for (const node of nodes) node.copyAgeMs = 200;
  const client = ShoalClient.lazy({ nodes: ['n0:7600'], readFrom: 'replica', ...options }, network);
  const run = <T>(call: Promise<T>): Promise<T> => network.until(call, 60_000);
  await run(client.setMany(KEYS.map((key) => [key, key])));
  const counts = (): readonly [number, number] => {
    const found = [sum(nodes, 'executedCount'), sum(nodes, 'copyCount')] as const;
    for (const node of nodes) {
      node.executedCount = 0;
      node.copyCount = 0;
    }
    return found;
  };
  counts();
  return { cluster, nodes, client, run, counts };
}

function sum(nodes: readonly VirtualNode[], name: 'executedCount' | 'copyCount'): number {
  return nodes.reduce((total, node) => total + node[name], 0);
}

test('reads go to replicas, and to no others; writes to owners', async () => {
  const { client, run, counts, cluster, nodes } = await start();
  for (const key of KEYS) expect(await run(client.get(key))).toBe(key);
  expect(counts()).toEqual([0, KEYS.length]);
  expect(await run(client.getMany(KEYS))).toEqual(KEYS);
  expect(await run(client.getBytes(KEYS[0]!))).toEqual(new TextEncoder().encode(KEYS[0]));
  expect(counts()).toEqual([0, KEYS.length + 1]);
  expect(await run(client.exists(KEYS[0]!))).toBe(true);
  await run(client.set(KEYS[0]!, 'new'));
  await run(client.delete(KEYS[1]!));
  expect(counts()).toEqual([3, 0]);
  expect(nodes.every(({ refusedCount }) => refusedCount === 0)).toBe(true);
  expect(cluster.topology.replicasOf(slotOf(KEYS[0]!)).length).toBe(1);
  await run(client.close());
});

test('several replicas of a slot share its reads', async () => {
  const { client, run, nodes } = await start(2);
  for (let turn = 0; turn < 60; turn += 1) await run(client.get(KEYS[0]!));
  const shares = nodes.map(({ copyCount }) => copyCount).toSorted((left, right) => left - right);
  expect(shares[0]).toBe(0);
  expect(shares[1]).toBeGreaterThan(10);
  await run(client.close());
});

test('what a replica has older than was allowed comes from the primary', async () => {
  const { client, run, counts } = await start();
  expect(await run(client.get(KEYS[0]!, { maxStalenessMs: 199 }))).toBe(KEYS[0]!);
  expect(counts()).toEqual([1, 0]);
  expect(await run(client.get(KEYS[0]!, { maxStalenessMs: 200 }))).toBe(KEYS[0]!);
  expect(counts()).toEqual([0, 1]);
  await run(client.close());
});

test('a second is allowed where nobody says how much, and any age where somebody says Infinity', async () => {
  const { client, run, counts, nodes } = await start();
  for (const node of nodes) node.copyAgeMs = 1001;
  await run(client.get(KEYS[0]!));
  expect(counts()).toEqual([1, 0]);
  await run(client.get(KEYS[0]!, { maxStalenessMs: Number.POSITIVE_INFINITY }));
  expect(counts()).toEqual([0, 1]);
  await run(client.close());
});

test('a call may ask for the other one', async () => {
  const { client, run, counts } = await start();
  await run(client.get(KEYS[0]!, { readFrom: 'primary' }));
  expect(counts()).toEqual([1, 0]);
  const plain = await start(1, { readFrom: 'primary' });
  await plain.run(plain.client.get(KEYS[0]!));
  expect(plain.counts()).toEqual([1, 0]);
  await plain.run(plain.client.get(KEYS[0]!, { readFrom: 'replica' }));
  expect(plain.counts()).toEqual([0, 1]);
  await run(client.close());
  await plain.run(plain.client.close());
});

test('a replica without a whole copy, and a dead one, leave reads to the primary', async () => {
  const { client, run, counts, nodes } = await start();
  for (const node of nodes) node.copyAgeMs = null;
  expect(await run(client.getMany(KEYS))).toEqual(KEYS);
  expect(counts()).toEqual([KEYS.length, 0]);
  for (const node of nodes) node.copyAgeMs = 200;
  const alive = KEYS.filter((key) => slotOf(key) % 3 === 1);
  nodes[2]!.kill();
  for (const key of alive) expect(await run(client.get(key))).toBe(key);
  expect(counts()).toEqual([alive.length, 0]);
  await run(client.close());
});

test('nodes that know nothing of copies are not asked for any', async () => {
  const network = new VirtualNetwork(seededRandom(5), 1);
  const cluster = new VirtualCluster(network);
  const nodes = Array.from({ length: 3 }, (_, index) => cluster.start(`n${index}`));
  for (const node of nodes) node.features = Feature.ack;
  cluster.share(nodes, 1);
  const client = ShoalClient.lazy({ nodes: ['n0:7600'], readFrom: 'replica' }, network);
  await network.until(client.setMany(KEYS.map((key) => [key, key])), 60_000);
  expect(await network.until(client.getMany(KEYS), 60_000)).toEqual(KEYS);
  expect(sum(nodes, 'copyCount')).toBe(0);
  await network.until(client.close(), 60_000);
});

test('reads go on while the replica is lost, and come back to it', async () => {
  const { client, run, counts, nodes } = await start();
  const key = KEYS.find((one) => slotOf(one) % 3 === 0)!;
  const reads = Promise.all(Array.from({ length: 20 }, () => client.get(key)));
  nodes[1]!.cut();
  expect(await run(reads)).toEqual(Array.from({ length: 20 }, () => key));
  await run(client.ping());
  counts();
  expect(await run(client.get(key))).toBe(key);
  expect(counts()).toEqual([0, 1]);
  await run(client.close());
});

test('what cannot be is refused', async () => {
  const codeOf = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => 'it succeeded',
      (error: ShoalError) => error.code,
    );
  const { client, run } = await start();
  for (const maxStalenessMs of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
    expect(await run(codeOf(client.get('k', { maxStalenessMs })))).toBe('InvalidArgument');
  }
  expect(await run(codeOf(client.get('k', { readFrom: 'nobody' as never })))).toBe('InvalidArgument');
  expect(await run(codeOf(client.get('k', { readFrom: 'replica', ack: { replicas: 1 } })))).toBe('InvalidArgument');
  expect(() => ShoalClient.lazy({ nodes: [], readFrom: 'replica', ack: { replicas: 1, of: 'all' } })).toThrow(
    'readFrom',
  );
  await run(client.close());
});
