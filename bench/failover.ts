/**
 * What a node that dies costs: three nodes with one replica of everything, under a 70/30 load of our client, of ioredis Cluster and of a plain
 * ioredis; `kill -9` of one of them. Beside it a Redis Cluster of three primaries and three replicas in the same run.
 *
 *     first write   from the kill to the first write that succeeds in a slot of the dead node, and to when all probed slots take one
 *     lost          writes that the dead node had acknowledged, by itself (ack 0) or after its replica had them (ack 1, WAIT), and
 *                   that are not there afterwards
 *     errors        of each kind of client that worked meanwhile
 *
 *   bun bench/failover.ts [--trials 5] [--lease-fast 800] [--json FILE]
 *
 * Exits with 1 where a write acknowledged by a replica is lost, or slots take longer than FIRST_WRITE_MS_MAX.
 */
import { parseArgs } from 'node:util';
import { Cluster, Redis } from 'ioredis';
import { seededRandom } from '../src/base/random.ts';
import { keySlot } from '../src/topology/slots.ts';
import { ioredisCluster, plainIoredis, shoalClient } from '../test/support/checked-clients.ts';
import { CheckedLoad } from '../test/support/checked-load.ts';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { type FailoverCluster, startRedisCluster, startShoalCluster } from './lib/failover-clusters.ts';
import { printTable, progress, rounded, writeJson } from './lib/report.ts';
import { median } from './lib/statistics.ts';

/** For Redis Cluster, as its documentation has it for fast failover. */
const NODE_TIMEOUT_MS = 1500;
const WRITERS = 8;
const PROBES = 50;
const WAIT_MS = 500;
/** So long the load runs before the kill. */
const BEFORE_MS = 2000;
const PROBE_AGAIN_MS = 5;
const GIVE_UP_MS = 20_000;

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '5' },
    'lease-fast': { type: 'string', default: '800' },
    json: { type: 'string' },
  },
});

interface Contestant {
  readonly name: string;
  readonly firstWriteMsMax: number;
  readonly start: () => Promise<FailoverCluster>;
  /** Whether our client can talk to it. */
  readonly isShoal: boolean;
}

const fastLeaseMs = Number(values['lease-fast']);
const CONTESTANTS: readonly Contestant[] = [
  { name: 'shoal', firstWriteMsMax: 2000, isShoal: true, start: () => startShoalCluster(null) },
  {
    name: `shoal, lease ${fastLeaseMs} ms`,
    firstWriteMsMax: 1000,
    isShoal: true,
    start: () => startShoalCluster(fastLeaseMs),
  },
  { name: 'redis cluster', firstWriteMsMax: Infinity, isShoal: false, start: () => startRedisCluster(NODE_TIMEOUT_MS) },
];

interface Trial {
  readonly contestant: string;
  readonly ack: 0 | 1;
  readonly firstWriteMs: number;
  readonly allWriteMs: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** By kind of client. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Keys in slots of the node at `port`. */
async function keysOf(port: number, prefix: string, count: number): Promise<string[]> {
  const redis = new Redis({ port, host: '127.0.0.1' });
  try {
    const ranges = await redis.cluster('SLOTS');
    const own = ranges.filter(([, , owner]) => Number(owner?.[1]) === port);
    const keys: string[] = [];
    for (let number = 0; keys.length < count; number += 1) {
      const key = `${prefix}:${number}`;
      const slot = keySlot(Buffer.from(key), 0, key.length);
      if (own.some(([first, last]) => slot >= first && slot <= last)) keys.push(key);
    }
    return keys;
  } finally {
    redis.disconnect();
  }
}

/** Writes counters to its key, one after the other, over a connection to the node that will die, until that is lost. */
class Writer {
  acknowledged = 0;
  count = 0;
  private readonly redis: Redis;
  private readonly key: string;
  private readonly ack: 0 | 1;
  readonly ended: Promise<void>;

  constructor(port: number, key: string, ack: 0 | 1) {
    this.key = key;
    this.ack = ack;
    this.redis = new Redis({ port, host: '127.0.0.1', retryStrategy: () => null, maxRetriesPerRequest: 0 });
    this.redis.on('error', () => undefined);
    this.ended = this.write();
  }

  private async write(): Promise<void> {
    try {
      for (let counter = 1; ; counter += 1) {
        const set = this.redis.set(this.key, String(counter));
        const copies = this.ack === 0 ? 0 : await this.redis.wait(1, WAIT_MS);
        await set;
        if (copies < this.ack) continue;
        this.acknowledged = counter;
        this.count += 1;
      }
    } catch {
      this.redis.disconnect();
    }
  }

  /** How many counters were acknowledged that `found` does not include. */
  lost(found: string | null): number {
    return Math.max(0, this.acknowledged - Number(found ?? 0));
  }
}

/** Tries to write `key` until that succeeds; resolves to when it did. */
async function probe(client: Cluster, key: string, startMs: number): Promise<number> {
  for (;;) {
    try {
      await client.set(key, 'probe');
      return performance.now() - startMs;
    } catch (error) {
      if (performance.now() - startMs > GIVE_UP_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PROBE_AGAIN_MS));
    }
  }
}

async function trial({ name, start, isShoal }: Contestant, ack: 0 | 1): Promise<Trial> {
  await using cluster = await start();
  const [victim, ...others] = cluster.ports as [number, ...number[]];
  const clients = [await ioredisCluster(others)];
  if (isShoal) clients.push(await shoalClient(others), await plainIoredis(others[0]!));
  const random01 = seededRandom(1);
  const loads = clients.map(
    (client) =>
      new CheckedLoad(client, {
        prefix: client.name,
        keyCount: 2000,
        valueBytes: 100,
        readShare: 0.7,
        operationsPerSecond: 500,
        random01,
      }),
  );
  await Promise.all(loads.map((load) => load.fill(50)));
  const keys = await keysOf(victim, 'counter', WRITERS);
  const probes = await keysOf(victim, 'probe', PROBES);
  const prober = new Cluster(
    others.map((port) => ({ host: '127.0.0.1', port })),
    {
      clusterRetryStrategy: () => PROBE_AGAIN_MS,
      retryDelayOnFailover: PROBE_AGAIN_MS,
      retryDelayOnClusterDown: PROBE_AGAIN_MS,
      slotsRefreshInterval: 100,
    },
  );
  prober.on('error', () => undefined);
  prober.on('node error', () => undefined);
  try {
    for (const load of loads) load.start();
    const writers = keys.map((key) => new Writer(victim, key, ack));
    await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
    const startMs = performance.now();
    await cluster.kill(victim);
    const served = await Promise.all(probes.map((key) => probe(prober, key, startMs)));
    await Promise.all(writers.map(({ ended }) => ended));
    for (const load of loads) await load.stop();
    const found = await Promise.all(keys.map((key) => prober.get(key)));
    return {
      contestant: name,
      ack,
      firstWriteMs: Math.min(...served),
      allWriteMs: Math.max(...served),
      acknowledged: writers.reduce((sum, { count }) => sum + count, 0),
      lost: writers.reduce((sum, writer, index) => sum + writer.lost(found[index] ?? null), 0),
      errors: Object.fromEntries(loads.map((load) => [load.name, load.counts.error])),
    };
  } finally {
    prober.disconnect();
    await Promise.allSettled(clients.map((client) => client.close()));
  }
}

const environment = readEnvironment(['redis', 'shoal']);
printEnvironment(environment);
const trials: Trial[] = [];
for (let round = 0; round < Number(values.trials); round += 1) {
  for (const contestant of CONTESTANTS) {
    for (const ack of [0, 1] as const) {
      progress(`trial ${round + 1}: ${contestant.name}, ack ${ack}`);
      trials.push(await trial(contestant, ack));
    }
  }
}
progress('');

let good = true;
printTable([
  ['cluster', 'ack', 'first write ms', 'max', 'all slots ms', 'max', 'acknowledged', 'lost', 'errors'],
  ...CONTESTANTS.flatMap(({ name, firstWriteMsMax, isShoal }) =>
    ([0, 1] as const).map((ack) => {
      const own = trials.filter((one) => one.contestant === name && one.ack === ack);
      const first = own.map(({ firstWriteMs }) => firstWriteMs);
      const all = own.map(({ allWriteMs }) => allWriteMs);
      const sum = (pick: (one: Trial) => number): number => own.reduce((total, one) => total + pick(one), 0);
      const lost = sum((one) => one.lost);
      if (median(first) > firstWriteMsMax || (isShoal && ack > 0 && lost > 0)) good = false;
      const kinds = Object.keys(own[0]?.errors ?? {});
      return [
        name,
        ack,
        Math.round(median(first)),
        Math.round(Math.max(...first)),
        Math.round(median(all)),
        Math.round(Math.max(...all)),
        sum((one) => one.acknowledged),
        lost,
        kinds
          .map(
            (kind) =>
              `${kind} ${rounded(
                sum((one) => one.errors[kind] ?? 0),
                0,
              )}`,
          )
          .join(', '),
      ];
    }),
  ),
]);
writeJson(values.json, { benchmark: 'failover', environment, trials });
process.exit(good ? 0 : 1);
