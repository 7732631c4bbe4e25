/**
 * Records what the clients of a real cluster are told, for a checker of linearizability (scripts/porcupine): three nodes with one replica of
 * everything, clients that write and read few keys at the same time and wait for that replica, and a node that is killed meanwhile.
 *
 *   npm run record-history -- --out FILE [--seconds 10] [--lanes 16] [--keys 12] [--seed 1]
 *
 * Reads and writes ask for one copy beside the owner's (`ack`), so one death may take nothing: the file has no erasures, and every value that a
 * client was told of has to be explained.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import { ShoalClient } from '../src/client/client.ts';
import { ABSENT, History } from '../sim/history.ts';
import { historyLines } from '../sim/history-file.ts';
import { startShoalCluster } from './lib/failover-clusters.ts';

const LEASE_MS = 800;
const ACK_MS = 500;
const WRITE_SHARE = 0.5;

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    lanes: { type: 'string', default: '16' },
    keys: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
  },
});
if (values.out === undefined) throw new Error('--out FILE is missing');
const keyCount = Number(values.keys);
const lifeMs = Number(values.seconds) * 1000;

const history = new History();
const startMs = performance.now();
const nowMs = (): number => performance.now() - startMs;
let lastValue = 0;
let answered = 0;
let failed = 0;

/** One operation at a time, until the time is over. */
async function lane(client: ShoalClient<number>, name: string, random01: () => number, untilMs: number): Promise<void> {
  while (nowMs() < untilMs) {
    const key = `key:${Math.floor(random01() * keyCount)}`;
    const isWrite = random01() < WRITE_SHARE;
    const value = isWrite ? ++lastValue : ABSENT;
    const operation = history.call(key, isWrite ? 'write' : 'read', value, nowMs(), name);
    try {
      if (isWrite) await client.set(key, value);
      const found = isWrite ? value : ((await client.get(key)) ?? ABSENT);
      history.answer(operation, found, nowMs(), 0);
      answered += 1;
    } catch {
      // It may have been done, or be done yet; what a read was told without a copy counts for nothing.
      failed += 1;
    }
  }
}

await using cluster = await startShoalCluster(LEASE_MS);
const [victim, ...others] = cluster.ports;
const clients = await Promise.all(
  [0, 1].map(() =>
    ShoalClient.connect<number>({
      nodes: others.map((port) => `127.0.0.1:${port}`),
      ack: { replicas: 1, timeoutMs: ACK_MS, of: 'all' },
    }),
  ),
);
try {
  const untilMs = nowMs() + lifeMs;
  const lanes = Array.from({ length: Number(values.lanes) }, (_, number) =>
    lane(
      clients[number % clients.length]!,
      `lane ${number}`,
      seededRandom(Number(values.seed) * 1000 + number),
      untilMs,
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, lifeMs / 2));
  await cluster.kill(victim!);
  await Promise.all(lanes);
} finally {
  await Promise.all(clients.map((client) => client.close()));
}
writeFileSync(values.out, historyLines(`cluster ${values.seed}`, history));
console.log(`${answered} operations answered, ${failed} not, on ${keyCount} keys, with one node killed`);
