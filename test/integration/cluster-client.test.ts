/** Our client and a real cluster: what it sees of nodes that come, leave and die, which is as little as can be. */
import { expect, test } from 'bun:test';
import { KeyvShoal } from '../../src/adapters/keyv.ts';
import { type KeyScan, keyText, scanKeys } from '../../src/adapters/key-scan.ts';
import type { ShoalError } from '../../src/base/errors.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { TestCluster } from '../support/cluster.ts';

const KEYS = Array.from({ length: 400 }, (_, index) => `key:${index}`);

function connect(cluster: TestCluster): Promise<ShoalClient> {
  return ShoalClient.connect({ nodes: [`127.0.0.1:${cluster.ports[0]}`] });
}

/** Adds 1 to each key in turn, until it is told to end. */
class Counting {
  readonly done = new Map<string, number>();
  readonly perhaps = new Map<string, number>();
  readonly errors: ShoalError[] = [];
  private isOver = false;
  private readonly ended: Promise<unknown>;

  constructor(client: ShoalClient, laneCount: number) {
    const lane = async (first: number): Promise<void> => {
      for (let at = first; !this.isOver; at = (at + laneCount) % KEYS.length) await this.add(client, KEYS[at]!);
    };
    this.ended = Promise.all(Array.from({ length: laneCount }, (_, first) => lane(first)));
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.ended;
  }

  private async add(client: ShoalClient, key: string): Promise<void> {
    try {
      await client.increment(key);
      this.done.set(key, (this.done.get(key) ?? 0) + 1);
    } catch (error) {
      this.errors.push(error as ShoalError);
      this.perhaps.set(key, (this.perhaps.get(key) ?? 0) + 1);
    }
  }
}

test('one address leads to all nodes, and each key to its owner', async () => {
  await using cluster = await TestCluster.start({ nodes: 3 });
  await using client = await connect(cluster);
  await client.setMany(KEYS.map((key) => [key, key]));
  expect(await client.getMany(KEYS)).toEqual(KEYS);
  expect(client.nodes.map(({ state }) => state)).toEqual(['up', 'up', 'up']);
  expect(new Set(KEYS.map((key) => client.nodeOf(key))).size).toBe(3);
  expect(await client.exists(KEYS[0]!)).toBe(true);
  expect(await client.touch(KEYS[0]!, null)).toBe(true);
  expect(await client.deleteMany([...KEYS.slice(300), 'nothing'])).toBe(100);
  for (const key of KEYS.slice(0, 20)) {
    expect(await client.call(['GET', key], { node: client.nodeOf(key) })).toBe(key);
    expect(await client.call(['GET', key], { key })).toBe(key);
    const other = client.nodes.find(({ id }) => id !== client.nodeOf(key))!;
    const refused = await client.call(['GET', key], { node: other.id }).catch((error: ShoalError) => error);
    expect([(refused as ShoalError).code, (refused as ShoalError).node]).toEqual(['ServerError', other.address]);
  }
});

test('nodes that come and are drained are told of, and nothing is lost or done twice', async () => {
  await using cluster = await TestCluster.start({ nodes: 2 });
  await using client = await connect(cluster);
  const epochs: number[] = [];
  client.on('topologyChanged', ({ topology }) => epochs.push(topology.epoch));
  const counting = new Counting(client, 20);
  const third = await cluster.addNode();
  await cluster.settled();
  await cluster.operator.drain(await cluster.idOf(cluster.nodes[0]!));
  await cluster.settled(2);
  await counting.end();
  expect(counting.errors).toEqual([]);
  const sums = await Promise.all(KEYS.map((key) => client.increment(key, 0)));
  expect(sums).toEqual(KEYS.map((key) => counting.done.get(key) ?? 0));
  expect(client.nodes.map(({ address }) => address)).toContain(`127.0.0.1:${third.port}`);
  expect(epochs.length).toBeGreaterThan(4);
  expect(epochs).toEqual(epochs.toSorted((left, right) => left - right));
});

test('a walk over all keys sees those that were there throughout, while slots move', async () => {
  await using cluster = await TestCluster.start({ nodes: 2, slotsPerMove: 64 });
  await using client = await connect(cluster);
  await client.setMany(KEYS.map((key) => [key, key]));
  const keyv = new KeyvShoal(client, { namespace: 'key', keyPrefixSeparator: ':' });
  const moves = { areOver: false };
  const joined = cluster
    .addNode()
    .then(() => cluster.settled())
    .finally(() => {
      moves.areOver = true;
    });
  const scan: KeyScan = { client, prefix: 'key:', batchKeyCount: 20 };
  let walkCount = 0;
  while (!moves.areOver || walkCount < 2) {
    const seen = new Set<string>();
    for await (const keys of scanKeys(scan)) for (const key of keys) seen.add(keyText(key));
    expect(seen.size).toBe(KEYS.length);
    walkCount += 1;
  }
  await joined;
  await keyv.clear();
  expect(await client.getMany(KEYS)).toEqual(KEYS.map(() => undefined));
});

test('after a node died its keys can be used again, and only what was on its way to it is seen', async () => {
  await using cluster = await TestCluster.start({ nodes: 3 });
  await using client = await connect(cluster);
  const counting = new Counting(client, 10);
  const gone = new Promise<void>((resolve) => {
    client.on('topologyChanged', ({ topology }) => {
      if (topology.nodes.length === 2) resolve();
    });
  });
  await cluster.killNode(cluster.nodes[1]!);
  await gone;
  await cluster.settled();
  await counting.end();
  for (const { code } of counting.errors) expect(['ConnectionLost', 'Timeout']).toContain(code);
  expect(counting.errors.length).toBeLessThanOrEqual(10);
  expect(await client.setMany(KEYS.map((key) => [key, key]))).toBeUndefined();
  expect(await client.getMany(KEYS)).toEqual(KEYS);
});

test('where the coordinator is gone all goes on, and a new client finds the cluster as well', async () => {
  await using cluster = await TestCluster.start({ nodes: 3 });
  await using client = await connect(cluster);
  await client.setMany(KEYS.map((key) => [key, key]));
  await cluster.stopCoordinator();
  const late = await connect(cluster);
  expect(await late.getMany(KEYS)).toEqual(KEYS);
  expect(late.topology?.epoch).toBe(client.topology!.epoch);
  await late.close();
  expect(await client.getMany(KEYS)).toEqual(KEYS);
  await cluster.restartCoordinator();
  await cluster.settled();
  expect(await client.getMany(KEYS)).toEqual(KEYS);
});
