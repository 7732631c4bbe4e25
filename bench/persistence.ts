/**
 * What keeping the data costs, and how soon it is back, beside redis-server with the same settings in the same run.
 *
 *     settings   nothing kept; a snapshot being written all the time; the log with an fsync every second, and with one before each answer. On one core each: SETs and a
 *                70/30 mix over 50 connections, and SETs in pipelines of 32. On all cores, which the generator shares, SETs and the mix over 200 connections: Shoal with
 *                a data thread for each core, redis-server with the number of io-threads that makes it fastest with these settings
 *     restarts   so many items, a stop in order, and the time from the start of the process until it tells that it has all of them
 *
 *   bun bench/persistence.ts [--only NAME] [--rounds 5] [--seconds 3] [--restarts 3] [--items 1000000] [--folder DIR] [--json FILE]
 *
 * `--only` names one of the settings, or restarts. `--folder` decides which disk is measured; by default it is that of temporary files. Exits with 1 where a server failed, and where a
 * figure is not reached: in each setting THROUGHPUT_MIN times the throughput of redis-server on all cores, which both have unless they are told otherwise, and RESTART_MAX of its time to
 * be back. On one core, the cost of a request to the kernel, most of which is the same for both, decides; that is shown and asked for nothing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { Generators } from './lib/generators.ts';
import { backMemory } from './lib/memory-backing.ts';
import { bestIoThreads } from './lib/best-io-threads.ts';
import { coreList, type Placement, place } from './lib/placement.ts';
import { infoNumber, itemCount, QueryClient, withClient } from './lib/query-client.ts';
import { printTable, progress, rounded, writeJson } from './lib/report.ts';
import type { Contestant } from './lib/roster.ts';
import { type Row, summarize } from './lib/rows.ts';
import {
  pinGenerator,
  type RunningServer,
  type ServerOptions,
  type ServerPersistence,
  startServer,
} from './lib/servers.ts';
import { median, spread } from './lib/statistics.ts';
import { engineOptions, measureWorkload, rotated } from './lib/turns.ts';
import type { Dataset, Workload } from './lib/workloads.ts';

const SERVERS = ['redis', 'shoal'] as const;
type Name = (typeof SERVERS)[number];

const THROUGHPUT_MIN = 1.33;
const RESTART_MAX = 0.5;
/** A whole data set is written to disk when a server is stopped. */
const STOP_MS_MAX = 120_000;
const POLL_MS = 5;

interface Setting {
  readonly name: string;
  readonly persistence: Omit<ServerPersistence, 'folder'> | null;
  /** Whether a snapshot is being written at all times. */
  readonly snapshots: boolean;
  readonly keyCount: number;
}

/** Those with snapshots have enough to write that one lasts for a turn or so. */
const SETTINGS: readonly Setting[] = [
  { name: 'nothing kept', persistence: null, snapshots: false, keyCount: 100_000 },
  {
    name: 'snapshot running',
    persistence: { mode: 'snapshot', fsync: 'everysec' },
    snapshots: true,
    keyCount: 1_000_000,
  },
  {
    name: 'log, fsync each second',
    persistence: { mode: 'log', fsync: 'everysec' },
    snapshots: false,
    keyCount: 100_000,
  },
  {
    name: 'log, fsync before answers',
    persistence: { mode: 'log', fsync: 'always' },
    snapshots: false,
    keyCount: 100_000,
  },
];

interface LoadKind {
  readonly name: string;
  readonly title: string;
  readonly readShare: number;
  readonly pipeline: number;
  readonly connections: number;
}

const ONE_CORE: readonly LoadKind[] = [
  { name: 'set', title: 'SET', readShare: 0, pipeline: 1, connections: 50 },
  { name: 'mix', title: '70/30 mix', readShare: 0.7, pipeline: 1, connections: 50 },
  { name: 'set-p32', title: 'SET, pipeline 32', readShare: 0, pipeline: 32, connections: 50 },
];
const ALL_CORES: readonly LoadKind[] = [
  { name: 'set-all-cores', title: 'SET, all cores', readShare: 0, pipeline: 1, connections: 200 },
  { name: 'mix-all-cores', title: '70/30 mix, all cores', readShare: 0.7, pipeline: 1, connections: 200 },
];

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    restarts: { type: 'string', default: '3' },
    items: { type: 'string', default: '1000000' },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const { only } = values;
const RESTARTS = 'restarts';
if (only !== undefined && only !== RESTARTS && !SETTINGS.some(({ name }) => name === only)) {
  throw new Error(`--only takes one of: ${[...SETTINGS.map(({ name }) => name), RESTARTS].join('; ')}`);
}

function datasetOf(keyCount: number): Dataset {
  return { name: '1 KiB values', keyBytes: 32, valueBytes: 1024, keyCount, memoryBytes: 3 * 2 ** 30, fits: true };
}

function workloadOf(setting: Setting, load: LoadKind, dataset: Dataset): Workload {
  const name = `${load.name}, ${setting.name}`;
  return { ...load, name, part: 'closed', dataset, distribution: 'uniform', quick: false };
}

interface StartOptions {
  readonly persistence: Setting['persistence'];
  readonly folder: string;
  readonly memoryBytes: number;
  readonly core: string | undefined;
  readonly threads?: number;
  readonly ioThreads?: number;
}

/** With a folder of its own below `folder`. */
function optionsOf(name: Name, { persistence, folder, ...options }: StartOptions): ServerOptions {
  const kept = persistence === null ? {} : { persistence: { ...persistence, folder: join(folder, name) } };
  return { atLimit: 'evict', ...options, ...kept };
}

function start(name: Name, options: StartOptions): Promise<RunningServer> {
  return startServer(name, optionsOf(name, options));
}

/** Which loads are measured on which cores. */
interface Stage {
  readonly loads: readonly LoadKind[];
  readonly threads: number;
  readonly placement: Placement;
  readonly generators: Generators;
}

function stageOf(loads: readonly LoadKind[], threads: number): Stage {
  const placement = place(availableParallelism(), threads);
  return { loads, threads, placement, generators: new Generators(placement.generatorCores) };
}

/** Has one snapshot after the other written until `turnEnds`, and waits for the last one. */
async function writeSnapshots(server: RunningServer, turnEnds: Promise<unknown>): Promise<void> {
  let isOver = false;
  void turnEnds.finally(() => (isOver = true)).catch(() => undefined);
  await withClient(server, async (client) => {
    for (;;) {
      const isBusy = (await infoNumber(client, 'rdb_bgsave_in_progress')) === 1;
      if (isOver && !isBusy) return;
      if (!isBusy) await client.command('BGSAVE');
      await Bun.sleep(POLL_MS);
    }
  });
}

async function measureSetting(setting: Setting, folder: string, stage: Stage): Promise<readonly Row[]> {
  const { loads, threads, placement, generators } = stage;
  const dataset = datasetOf(setting.keyCount);
  const { persistence } = setting;
  const { memoryBytes } = dataset;
  const core = coreList(placement.serverCores);
  const beside = setting.snapshots ? { beside: writeSnapshots } : {};
  const trial = {
    threads,
    workload: workloadOf(setting, loads[0]!, dataset),
    generators,
    onProgress: progress,
    ...beside,
  };
  const options = { persistence, folder, memoryBytes, core };
  const ioThreads = threads === 1 ? 1 : await bestIoThreads(trial, optionsOf('redis', options));
  const contestants: Contestant[] = [];
  const rows: Row[] = [];
  try {
    for (const name of SERVERS) {
      const server = await start(name, { ...options, threads, ioThreads });
      contestants.push({ name, protocol: 'resp', server });
    }
    for (const load of loads) {
      const measured = await measureWorkload(workloadOf(setting, load, dataset), contestants, generators, {
        rounds,
        seconds,
        threads,
        settings: threads > 1 ? { redis: `io-threads ${ioThreads}` } : {},
        sharedCores: placement.shared,
        onProgress: progress,
        ...beside,
      });
      rows.push(...summarize(measured));
    }
  } finally {
    for (const { server } of contestants) await server.stop(STOP_MS_MAX);
  }
  return rows;
}

interface Restart {
  readonly mode: ServerPersistence['mode'];
  readonly server: Name;
  /** From the start of the process until it has all items, of each restart. */
  readonly backMs: readonly number[];
}

/** On all cores: whoever can use several to be back sooner may. */
function startAgain(
  name: Name,
  mode: ServerPersistence['mode'],
  folder: string,
  dataset: Dataset,
): Promise<RunningServer> {
  const persistence = { mode, fsync: 'everysec' } as const;
  return start(name, { persistence, folder, memoryBytes: dataset.memoryBytes, core: undefined });
}

/** Starts the server again and waits until it tells that it has all items. */
async function restart(name: Name, mode: ServerPersistence['mode'], folder: string, dataset: Dataset) {
  const startedAt = performance.now();
  const server = await startAgain(name, mode, folder, dataset);
  const client = await QueryClient.open(server.port);
  try {
    for (;;) {
      // While it loads it refuses to count, or has not loaded all.
      const count = await client.command('DBSIZE');
      if (count === dataset.keyCount) return { server, backMs: performance.now() - startedAt };
      await Bun.sleep(POLL_MS);
    }
  } finally {
    client.close();
  }
}

async function measureRestarts(
  mode: ServerPersistence['mode'],
  folder: string,
  generators: Generators,
): Promise<readonly Restart[]> {
  const dataset = datasetOf(Number(values.items));
  const workload = workloadOf(SETTINGS[0]!, ONE_CORE[0]!, dataset);
  for (const name of SERVERS) {
    progress(`${name} is filled`);
    const server = await startAgain(name, mode, folder, dataset);
    const load = await generators.open(engineOptions(workload, { name, protocol: 'resp', server }));
    await load.fill();
    await load.close();
    const stored = await withClient(server, (client) => itemCount(client, 'resp'));
    if (stored !== dataset.keyCount) throw new Error(`${name} has ${stored} of ${dataset.keyCount} items`);
    await server.stop(STOP_MS_MAX);
  }
  const times: Record<Name, number[]> = { redis: [], shoal: [] };
  for (let round = 0; round < Number(values.restarts); round += 1) {
    for (const name of rotated(SERVERS, round)) {
      progress(`${mode}: restart ${round + 1}, ${name}`);
      // What the other server has left for the system to write would be waited for by the first sync of this one.
      spawnSync('sync');
      backMemory(dataset.memoryBytes / 2);
      const { server, backMs } = await restart(name, mode, folder, dataset);
      times[name].push(backMs);
      await server.stop(STOP_MS_MAX);
    }
  }
  return SERVERS.map((server) => ({ mode, server, backMs: times[server] }));
}

/** A folder below `--folder` for both servers, while `work` goes on. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(values.folder, 'shoal-bench-'));
  try {
    for (const name of SERVERS) await Bun.write(join(folder, name, '.keep'), '');
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (!existsSync(values.folder)) throw new Error(`there is no folder ${values.folder}`);
pinGenerator();
const environment = readEnvironment(SERVERS);
printEnvironment(environment);
const stages: Stage[] = [];
const rows: Row[] = [];
const restarts: Restart[] = [];
try {
  stages.push(stageOf(ONE_CORE, 1));
  if (availableParallelism() > 1 && only !== RESTARTS) stages.push(stageOf(ALL_CORES, availableParallelism()));
  for (const setting of SETTINGS) {
    if (only !== undefined && only !== setting.name) continue;
    for (const stage of stages) rows.push(...(await inFolder((folder) => measureSetting(setting, folder, stage))));
  }
  for (const mode of ['snapshot', 'log'] as const) {
    if (only === undefined || only === RESTARTS)
      restarts.push(...(await inFolder((folder) => measureRestarts(mode, folder, stages[0]!.generators))));
  }
} finally {
  for (const { generators } of stages) await generators.stop();
}
progress('');

let good = true;
const own = rows.filter(({ server }) => server === 'shoal');
printTable([
  ['load', 'kreq/s', 'redis kreq/s', 'throughput / redis', 'min-max', 'p99 µs', 'redis p99 µs', 'CPU / redis', 'note'],
  ...own.map((row) => {
    const peer = rows.find(({ server, workload }) => server === 'redis' && workload === row.workload)!;
    const { throughput, cpu } = row.ratios['redis'] ?? { throughput: spread([]), cpu: spread([]) };
    const isAsked = row.threads === availableParallelism();
    if (isAsked && !(throughput.median >= THROUGHPUT_MIN)) good = false;
    return [
      row.workload,
      rounded(row.requestsPerSecond.median / 1000, 1),
      rounded(peer.requestsPerSecond.median / 1000, 1),
      rounded(throughput.median, 2),
      `${throughput.min.toFixed(2)}-${throughput.max.toFixed(2)}`,
      Math.round(row.latencyUs.p99),
      Math.round(peer.latencyUs.p99),
      rounded(cpu.median, 2),
      [row.note, peer.note].filter((note) => note !== '').join('; '),
    ];
  }),
]);
if (restarts.length > 0) {
  printTable([
    ['restart', 'server', 'ms until all is back', 'min-max', '/ redis'],
    ...restarts.map(({ mode, server, backMs }) => {
      const peer = restarts.find((one) => one.mode === mode && one.server === 'redis')!;
      const ratio = median(backMs) / median(peer.backMs);
      // redis-server's own snapshot is what its log begins with, so both are held to that.
      if (server === 'shoal' && mode === 'snapshot' && ratio > RESTART_MAX) good = false;
      const { min, max } = spread(backMs);
      return [mode, server, Math.round(median(backMs)), `${Math.round(min)}-${Math.round(max)}`, rounded(ratio, 2)];
    }),
  ]);
}
for (const row of rows) if (row.failure !== null || row.errors > 0) good = false;
writeJson(values.json, { benchmark: 'persistence', environment, rows, restarts });
process.exit(good ? 0 : 1);
