/**
 * The client under load while the cluster changes at random: each request is executed by the owner of the moment, which alone executes any,
 * and once; or it ends as its deadline, or the loss of its connection, explains. A failure names the seed that repeats it.
 */
import { describe, expect, test } from 'bun:test';
import type { ShoalError } from '../src/base/errors.ts';
import { seededRandom } from '../src/base/random.ts';
import { ShoalClient } from '../src/client/client.ts';
import { slotOf, VirtualCluster } from './support/virtual-cluster.ts';
import { VirtualMoves } from './support/virtual-moves.ts';
import { VirtualNetwork } from './support/virtual-network.ts';

const KEYS = Array.from({ length: 40 }, (_, index) => `count:${index}`);
const WORKER_COUNT = 12;
const LOAD_MS = 1000;
const REQUEST_MS = 3000;
/** Some minutes of thousands of them are a search for the rare. */
const SEED_COUNT = Number(process.env['SHOAL_TEST_SEEDS'] ?? 6);
const SEEDS = Array.from({ length: SEED_COUNT }, (_, index) => index + 1);

interface Outcome {
  /** Of each key: increments that succeeded, and others that may have been executed. */
  readonly done: Map<string, number>;
  readonly perhaps: Map<string, number>;
  readonly errors: string[];
  readonly epochs: readonly number[];
}

async function load(seed: number, changes: 'planned' | 'deaths') {
  const random = seededRandom(seed);
  const network = new VirtualNetwork(random, 2);
  const cluster = new VirtualCluster(network);
  cluster.share([cluster.start('n0'), cluster.start('n1'), cluster.start('n2')]);
  cluster.hints = seed % 2 === 0;
  const client = ShoalClient.lazy({ nodes: ['n0:7600', 'n1:7600', 'n2:7600'], requestTimeoutMs: REQUEST_MS }, network);
  const epochs: number[] = [];
  client.on('topologyChanged', ({ topology }) => epochs.push(topology.epoch));
  const moves = new VirtualMoves(cluster, { slots: KEYS.map(slotOf), pauseMsMax: 30, changes, nodeCountMax: 6 });
  const outcome: Outcome = { done: new Map(), perhaps: new Map(), errors: [], epochs };
  const worker = async (): Promise<void> => {
    while (network.nowMs < LOAD_MS) {
      const key = KEYS[Math.floor(random() * KEYS.length)]!;
      if (random() < 0.2) await readMany(client, cluster, outcome);
      else await increment(client, key, outcome);
      await new Promise<void>((resolve) => void network.at(network.nowMs + random() * 10, resolve));
    }
  };
  await network.until(Promise.all(Array.from({ length: WORKER_COUNT }, worker)), 60_000);
  moves.stop();
  await network.pass(4000);
  // What was asked last finds every key where it is now.
  const last = await network.until(Promise.all(KEYS.map((key) => client.increment(key, 0))), 60_000);
  const sums = new Map(KEYS.map((key, index) => [key, last[index]!]));
  await network.until(client.close(), 60_000);
  return { outcome, sums, moves, network };
}

async function increment(client: ShoalClient, key: string, { done, perhaps, errors }: Outcome): Promise<void> {
  try {
    await client.increment(key);
    done.set(key, (done.get(key) ?? 0) + 1);
  } catch (error) {
    const { code, message } = error as ShoalError;
    errors.push(code);
    const isCertain = code === 'NoAvailableNodes' || /was not executed|was never sent/.test(message);
    if (!isCertain) perhaps.set(key, (perhaps.get(key) ?? 0) + 1);
  }
}

/** Each key as it was at some moment between call and answer: no less than before the call, no more than after it. */
async function readMany(client: ShoalClient, cluster: VirtualCluster, { errors }: Outcome): Promise<void> {
  const truth = (): number[] => KEYS.map((key) => Number(cluster.items.get(key)?.readBigInt64LE() ?? 0n));
  const before = truth();
  try {
    const all = await Promise.all(KEYS.map((key) => client.getBytes(key)));
    const after = truth();
    all.forEach((bytes, index) => {
      const seen = bytes === undefined ? 0 : Number(Buffer.from(bytes).readBigInt64LE());
      if (seen < before[index]! || seen > after[index]!) errors.push(`${KEYS[index]} is ${seen}`);
    });
  } catch (error) {
    const { code } = error as ShoalError;
    if (code === undefined) throw error;
    errors.push(code);
  }
}

describe('planned changes', () => {
  test.each(SEEDS)('lose nothing and are not seen, seed %i', async (seed) => {
    const { outcome, sums, moves, network } = await load(seed, 'planned');
    expect(outcome.errors).toEqual([]);
    for (const key of KEYS) expect([key, sums.get(key)]).toEqual([key, outcome.done.get(key) ?? 0]);
    expect(moves.moveCount).toBeGreaterThan(2);
    expect(outcome.epochs).toEqual(outcome.epochs.toSorted((left, right) => left - right));
    expect(outcome.epochs.length).toBeGreaterThan(10);
    // What is left is the test's own: waits of questions that were answered meanwhile.
    expect(network.openedCount).toBeLessThan(100);
  });
});

describe('with nodes that die', () => {
  test.each(SEEDS)('only lost connections and deadlines are seen, and nothing is done twice, seed %i', async (seed) => {
    const { outcome, sums } = await load(seed, 'deaths');
    for (const code of outcome.errors) expect(['ConnectionLost', 'Timeout']).toContain(code);
    for (const key of KEYS) {
      const done = outcome.done.get(key) ?? 0;
      expect(sums.get(key)!).toBeGreaterThanOrEqual(done);
      expect(sums.get(key)!).toBeLessThanOrEqual(done + (outcome.perhaps.get(key) ?? 0));
    }
  });
});
