/** Walks over the keys of a cluster: what was there throughout is seen, although slots move meanwhile. */
import { describe, expect, test } from 'bun:test';
import type { ShoalError } from '../src/base/errors.ts';
import { type KeyScan, keyText, removeKeys, scanKeys } from '../src/adapters/key-scan.ts';
import { seededRandom } from '../src/base/random.ts';
import { ShoalClient } from '../src/client/client.ts';
import { Opcode, Status } from '../src/protocol/shoal/frame.ts';
import { slotOf, VirtualCluster } from './support/virtual-cluster.ts';
import { VirtualMoves } from './support/virtual-moves.ts';
import { VirtualNetwork } from './support/virtual-network.ts';

/** As in the tests of load. */
const SEED_COUNT = Number(process.env['SHOAL_TEST_SEEDS'] ?? 8);
const KEYS = Array.from({ length: 300 }, (_, index) => `key:${index}`);

function start(seed: number) {
  const network = new VirtualNetwork(seededRandom(seed), 2);
  const cluster = new VirtualCluster(network);
  const nodes = ['n0', 'n1', 'n2'].map((host) => cluster.start(host));
  cluster.share(nodes);
  for (const key of KEYS) cluster.items.set(key, Buffer.from(key));
  const client = ShoalClient.lazy({ nodes: ['n0:7600'] }, network);
  const scan: KeyScan = { client, prefix: 'key:', batchKeyCount: 10 };
  return { network, cluster, nodes, client, scan };
}

async function collect(scan: KeyScan): Promise<string[]> {
  const seen: string[] = [];
  for await (const keys of scanKeys(scan)) seen.push(...keys.map(keyText));
  return seen;
}

test('a cluster at rest shows each key once, also to a client that was not connected yet', async () => {
  const { network, client, scan } = start(1);
  const seen = await network.until(collect(scan), 10_000);
  expect(seen.toSorted()).toEqual(KEYS.toSorted());
  await network.until(client.close(), 1000);
});

test('a node that was scanned before slots came to it is scanned again for those', async () => {
  const { network, cluster, nodes, client, scan } = start(2);
  const seen: string[] = [];
  let isMoved = false;
  const all = (async () => {
    for await (const keys of scanKeys(scan)) {
      seen.push(...keys.map(keyText));
      const last = client.nodes.at(-1)!.id;
      if (isMoved || client.nodeOf(keys[0]!) !== last) continue;
      // The last node is being scanned: the rest of it goes to the first.
      isMoved = true;
      const slots = cluster.topology.slotsOf(last);
      cluster.next({ owners: new Map(slots.map((slot) => [slot, nodes[0]!.id])) });
      cluster.announce();
    }
  })();
  await network.until(all, 10_000);
  expect(isMoved).toBe(true);
  expect(new Set(seen)).toEqual(new Set(KEYS));
  await network.until(client.close(), 1000);
});

describe('slots that move all the time', () => {
  test.each(Array.from({ length: SEED_COUNT }, (_, index) => index + 1))('hide no key, seed %i', async (seed) => {
    const { network, cluster, client, scan } = start(seed);
    await network.until(client.syncTopology(), 1000);
    const moves = new VirtualMoves(cluster, {
      slots: KEYS.slice(0, 60).map(slotOf),
      pauseMsMax: 20,
      changes: 'planned',
      nodeCountMax: 6,
    });
    const first = collect(scan);
    network.at(network.nowMs + 1500, () => moves.stop());
    expect(new Set(await network.until(first, 60_000))).toEqual(new Set(KEYS));
    expect(moves.moveCount).toBeGreaterThan(3);
    moves.stop();
    await network.pass(200);
    await network.until(removeKeys(scan), 60_000);
    expect(cluster.items.size).toBe(0);
    await network.until(client.close(), 10_000);
  });
});

test('a node that fails ends a walk; what is removed is removed from the others all the same', async () => {
  const { network, cluster, nodes, client, scan } = start(3);
  await network.until(client.syncTopology(), 1000);
  nodes[1]!.override = ({ opcode }) =>
    opcode === Opcode.call ? { status: Status.refused, value: 'ERR broken' } : undefined;
  const error = await network.until(
    collect(scan).catch((failure: ShoalError) => failure),
    10_000,
  );
  expect([(error as ShoalError).code, (error as ShoalError).node]).toEqual(['ServerError', 'n1:7600']);
  const failed = await network.until(
    removeKeys(scan).catch((failure: ShoalError) => failure),
    10_000,
  );
  expect((failed as ShoalError).message).toBe('ERR broken');
  expect([...cluster.items.keys()].every((key) => cluster.ownerOf(slotOf(key)) === nodes[1]!.id)).toBe(true);
  expect(cluster.items.size).toBeGreaterThan(50);
  await network.until(client.close(), 1000);
  expect(
    await network.until(
      collect(scan).catch((failure: ShoalError) => failure.code),
      1000,
    ),
  ).toBe('ClientClosed');
});
