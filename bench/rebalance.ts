/**
 * What clients feel while a cluster changes: three nodes under a 70/30 load from our client, from ioredis Cluster and from a plain ioredis that
 * knows of no cluster; then a fourth node joins, one is drained, and a weight is doubled. Values carry a counter, so every
 * error, every lost key and every stale one is counted, and all keys are read at the end. Latencies count from when an
 * operation was due; what matters is the p99 during each change beside that before.
 *
 *   bun bench/rebalance.ts [--keys 1000000] [--rate 6000] [--calm-seconds 10] [--json FILE]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import { CoordinatorConnection } from '../src/cli/cluster/coordinator-connection.ts';
import type { Histogram } from '../src/load/histogram.ts';
import { type CheckedClient, CheckedLoad } from '../test/support/checked-load.ts';
import { ioredisCluster, plainIoredis, shoalClient } from '../test/support/checked-clients.ts';
import { ShoalProcess } from '../test/support/shoal-process.ts';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { printTable, progress, rounded, writeJson } from './lib/report.ts';

const VALUE_BYTES = 100;
const READ_SHARE = 0.7;
const MEMORY = '1gb';
const FILL_CONCURRENCY = 200;
const ASK_AGAIN_MS = 50;
/** How many times the p99 before a change that during it may be. */
const P99_RATIO_MAX = 3;
/** Until the slots of a node that died are served again, by default settings. */
const FAILOVER_MS_MAX = 3000;

interface Phase {
  readonly name: string;
  readonly seconds: number;
  readonly moves: number;
  /** ms by client. */
  readonly p50Ms: Readonly<Record<string, number>>;
  readonly p99Ms: Readonly<Record<string, number>>;
}

async function startNode(coordinator: string): Promise<{ readonly process: ShoalProcess; readonly port: number }> {
  const args = ['--port', '0', '--coordinator', coordinator, '--memory', MEMORY, '--threads', '1'];
  const shoal = new ShoalProcess(['serve', ...args]);
  return { process: shoal, port: await shoal.ready() };
}

/** Resolves to the epoch once `nodeCount` nodes are active, all slots have one, and nothing moves. */
async function settled(coordinator: CoordinatorConnection, nodeCount: number): Promise<number> {
  for (;;) {
    const status = await coordinator.status();
    const active = status.nodes.filter(({ state }) => state === 'active').length;
    if (active === nodeCount && status.unassigned === 0 && status.moves.length === 0 && status.plannedSlots === 0)
      return status.epoch;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

/**
 * Kills a node as a crash does. Returns the ms from then until a write to one of its slots succeeded, with the default lease; its data is
 * lost, since there is no replication.
 */
async function killOne(
  coordinator: CoordinatorConnection,
  processes: readonly ShoalProcess[],
  ports: readonly number[],
  client: CheckedClient,
): Promise<number> {
  const { nodes } = await coordinator.status();
  const victim = nodes.find(({ slots, port }) => slots > 0 && port === ports[0])!;
  const keys = Array.from({ length: 200 }, (_, number) => `failover:${number}`);
  // Processes stand in the order of their ports, behind the coordinator.
  processes[1 + ports.indexOf(victim.port)]!.kill('SIGKILL');
  const startMs = performance.now();
  const served = await Promise.all(
    keys.map(async (key) => {
      for (;;) {
        try {
          await client.set(key, '1 x');
          return performance.now() - startMs;
        } catch {
          await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
        }
      }
    }),
  );
  return Math.max(...served);
}

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '6000' },
    'calm-seconds': { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});
const keyCount = Number(options.keys);
const rate = Number(options.rate);
const calmMs = Number(options['calm-seconds']) * 1000;
const environment = readEnvironment([]);
printEnvironment(environment);

const directory = mkdtempSync(join(tmpdir(), 'shoal-rebalance-'));
const processes: ShoalProcess[] = [];
const clients: CheckedClient[] = [];
let good = true;
try {
  const coordinatorProcess = new ShoalProcess(['coordinator', '--port', '0', '--state', `file:${directory}`]);
  processes.push(coordinatorProcess);
  await coordinatorProcess.printed(' ready on ');
  const address = `127.0.0.1:${/ ready on \S+:(\d+)/.exec(coordinatorProcess.out)![1]}`;
  const ports: number[] = [];
  const start = async (): Promise<number> => {
    const node = await startNode(address);
    processes.push(node.process);
    ports.push(node.port);
    return node.port;
  };
  for (let node = 0; node < 3; node += 1) await start();
  const coordinator = new CoordinatorConnection({ address, password: '', cluster: 'shoal' });
  await settled(coordinator, 3);

  clients.push(await shoalClient(ports), await ioredisCluster(ports), await plainIoredis(ports[0]!));
  const random01 = seededRandom(1);
  const loads = clients.map(
    (client) =>
      new CheckedLoad(client, {
        prefix: client.name,
        keyCount: Math.floor(keyCount / clients.length),
        valueBytes: VALUE_BYTES,
        readShare: READ_SHARE,
        operationsPerSecond: rate / clients.length,
        random01,
      }),
  );
  progress('filling');
  await Promise.all(loads.map((load) => load.fill(FILL_CONCURRENCY)));
  for (const load of loads) load.start();

  const phases: Phase[] = [];
  const phase = async (name: string, change: () => Promise<number>): Promise<void> => {
    progress(name);
    for (const load of loads) load.takeLatencies();
    const startMs = performance.now();
    const moves = await change();
    const seconds = (performance.now() - startMs) / 1000;
    const latencies = loads.map((load): readonly [string, Histogram] => [load.name, load.takeLatencies()]);
    const at = (fraction: number): Record<string, number> =>
      Object.fromEntries(latencies.map(([client, histogram]) => [client, histogram.quantile(fraction) / 1000]));
    phases.push({ name, seconds, moves, p50Ms: at(0.5), p99Ms: at(0.99) });
  };
  const calm = (name: string): Promise<void> =>
    phase(name, async () => {
      await new Promise((resolve) => setTimeout(resolve, calmMs));
      return 0;
    });
  const changed = (nodeCount: number, change: () => Promise<unknown>) => async (): Promise<number> => {
    const before = (await coordinator.status()).epoch;
    await change();
    return (await settled(coordinator, nodeCount)) - before;
  };
  const nodeAt = async (port: number): Promise<string> =>
    (await coordinator.status()).nodes.find((node) => node.port === port)!.id;

  await calm('before');
  // From when its process listens: until then it is busy with itself, and nothing moves.
  const beforeJoin = (await coordinator.status()).epoch;
  await start();
  await phase('a fourth node joins', async () => (await settled(coordinator, 4)) - beforeJoin);
  await calm('after the join');
  await phase(
    'one node is drained',
    changed(3, async () => coordinator.drain(await nodeAt(ports[1]!))),
  );
  await calm('after the drain');
  await phase(
    'a weight is doubled',
    changed(3, async () => coordinator.weight(await nodeAt(ports[3]!), 2)),
  );
  await calm('after the weight');
  for (const load of loads) await load.stop();
  progress('reading every key');
  for (const [index, load] of loads.entries()) await load.verifyAll(clients[index]!, FILL_CONCURRENCY);
  progress('killing a node');
  const failover = await killOne(coordinator, processes, ports, clients[0]!);
  coordinator.close();
  progress('');

  const names = loads.map(({ name }) => name);
  const before = phases[0]!;
  printTable([
    ['phase', 'seconds', 'epochs', ...names.flatMap((name) => [`${name} p50 ms`, 'p99 ms', 'x before'])],
    ...phases.map(({ name, seconds, moves, p50Ms, p99Ms }) => [
      name,
      rounded(seconds, 1),
      String(moves),
      ...names.flatMap((client) => [
        rounded(p50Ms[client]!, 2),
        rounded(p99Ms[client]!, 2),
        rounded(p99Ms[client]! / before.p99Ms[client]!, 2),
      ]),
    ]),
  ]);
  printTable([
    ['client', 'reads', 'writes', 'errors', 'lost', 'stale'],
    ...loads.map(({ name, counts }) => [
      name,
      ...[counts.reads, counts.writes, counts.error, counts.lost, counts.stale].map(String),
    ]),
  ]);
  console.log(`a node killed: all its slots take writes again after ${(failover / 1000).toFixed(2)} s`);
  if (failover > FAILOVER_MS_MAX) good = false;
  for (const load of loads) {
    for (const fault of load.faults) console.log(`${fault.client} ${fault.key}: ${fault.kind}: ${fault.text}`);
    if (load.counts.error + load.counts.lost + load.counts.stale > 0) good = false;
  }
  for (const { name, p99Ms } of phases) {
    for (const client of names) {
      if (p99Ms[client]! <= P99_RATIO_MAX * before.p99Ms[client]!) continue;
      good = false;
      console.log(`${name}: the p99 of ${client} is more than ${P99_RATIO_MAX} times that before`);
    }
  }
  writeJson(options.json, {
    benchmark: 'rebalance',
    environment,
    keyCount,
    rate,
    phases,
    counts: Object.fromEntries(loads.map((load) => [load.name, load.counts])),
  });
} finally {
  await Promise.allSettled(clients.map((client) => client.close()));
  for (const shoal of processes) await shoal[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(good ? 0 : 1);
