/**
 * Resident memory per item: how much of the machine an item takes above its key and value, in Shoal and beside it in its peers.
 *
 * Each server is started alone, warmed over the wire, loaded with half of the distinct items, its resident memory read, loaded
 * with the rest, checked to hold them all, and its resident memory read again. So the figure holds index, headers, padding and
 * fragmentation of the items in between, but not what a server takes that has begun to work: buffers, heap, compiled code. A server whose
 * index never grew has not compiled what grows it, which is why an empty one is not where the figure starts.
 *
 *   bun bench/memory.ts [--items-scale 1] [--servers redis,memcached,shoal] [--json FILE]
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import { uniformKeys } from '../src/load/key-choice.ts';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { BatchMaker, LoadRunner } from './lib/load-run.ts';
import { settledResidentBytes } from './lib/process-figures.ts';
import { itemCount, withClient } from './lib/query-client.ts';
import { megabytes, printTable, progress, rounded, writeJson } from './lib/report.ts';
import {
  parseServerNames,
  pinGenerator,
  SERVER_CORE,
  startServer,
  type RunningServer,
  type ServerName,
} from './lib/servers.ts';
import type { ItemShape } from './lib/wire.ts';

interface Workload extends ItemShape {
  readonly items: number;
  /** Most bytes above the payload that Shoal may take for an item. */
  readonly overheadBytesMax: number;
}

const WORKLOADS: readonly Workload[] = [
  { keyBytes: 32, valueBytes: 1024, items: 1_000_000, overheadBytesMax: 20 },
  { keyBytes: 17, valueBytes: 64, items: 4_000_000, overheadBytesMax: 24 },
];

const MEMORY_BYTES = 8 * 2 ** 30;
const CONNECTIONS = 4;
const BATCH_BYTES = 64 * 1024;
const WARM_KEYS = 64;
/** So many that what runs once for many requests is compiled too. */
const WARM_REQUESTS = 2_000_000;
const SAMPLE_ITEMS = 10_000;
/** The share of the items that is there when resident memory is read first. A half: indexes that double are then in the same phase twice. */
const FIRST_SHARE = 0.5;

interface Result {
  readonly server: ServerName;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly items: number;
  readonly warmResidentBytes: number;
  readonly halfResidentBytes: number;
  readonly loadedResidentBytes: number;
  readonly bytesPerItem: number;
  readonly overheadBytesPerItem: number;
}

async function measure(name: ServerName, workload: Workload): Promise<Result> {
  const server = await startServer(name, { memoryBytes: MEMORY_BYTES, atLimit: 'evict', core: SERVER_CORE });
  try {
    const runner = await LoadRunner.open(server, CONNECTIONS);
    progress(`${name}: warming`);
    await warm(server, runner, workload);
    const before = await withClient(server, (client) => itemCount(client, server.protocol));
    const warmResidentBytes = await settledResidentBytes(server.pid);
    progress(`${name}: loading ${workload.items} items`);
    const first = Math.round(workload.items * FIRST_SHARE);
    await load(server, runner, workload, { from: 0, to: first });
    const halfResidentBytes = await settledResidentBytes(server.pid);
    await load(server, runner, workload, { from: first, to: workload.items });
    const stored = (await withClient(server, (client) => itemCount(client, server.protocol))) - before;
    if (stored !== workload.items) throw new Error(`${name} holds ${stored} of ${workload.items} items`);
    await checkSample(server, runner, workload);
    const loadedResidentBytes = await settledResidentBytes(server.pid);
    runner.close();
    const bytesPerItem = (loadedResidentBytes - halfResidentBytes) / (workload.items - first);
    return {
      server: name,
      keyBytes: workload.keyBytes,
      valueBytes: workload.valueBytes,
      items: workload.items,
      warmResidentBytes,
      halfResidentBytes,
      loadedResidentBytes,
      bytesPerItem,
      overheadBytesPerItem: bytesPerItem - workload.keyBytes - workload.valueBytes,
    };
  } finally {
    await server.stop();
  }
}

/** Keys above those of the load, so that no item of the load is there before it. */
async function warm(server: RunningServer, runner: LoadRunner, workload: Workload): Promise<void> {
  const chooseKey = uniformKeys(WARM_KEYS, seededRandom(1));
  const length = batchLength(workload);
  let key = workload.items;
  const each = new BatchMaker(server.protocol, 'set', workload, WARM_KEYS).make(() => key++);
  await runner.run(1, () => each);
  for (const operation of ['set', 'get'] as const) {
    const maker = new BatchMaker(server.protocol, operation, workload, length);
    await runner.run(Math.ceil(WARM_REQUESTS / 2 / length), () => maker.make(() => workload.items + chooseKey()));
  }
}

async function load(
  server: RunningServer,
  runner: LoadRunner,
  workload: Workload,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  const length = batchLength(workload);
  let key = from;
  const nextKey = (): number => key++;
  const full = new BatchMaker(server.protocol, 'set', workload, length);
  await runner.run(Math.floor((to - from) / length), () => full.make(nextKey));
  const rest = (to - from) % length;
  if (rest > 0) await runner.run(1, () => new BatchMaker(server.protocol, 'set', workload, rest).make(nextKey));
}

/** Reads items from all over the load and compares every byte. */
async function checkSample(server: RunningServer, runner: LoadRunner, workload: Workload): Promise<void> {
  const chooseKey = uniformKeys(workload.items, seededRandom(2));
  const maker = new BatchMaker(server.protocol, 'get', workload, 1);
  await runner.run(Math.min(SAMPLE_ITEMS, workload.items), () => maker.make(chooseKey), 'all');
}

function batchLength(workload: Workload): number {
  return Math.floor(BATCH_BYTES / (workload.keyBytes + workload.valueBytes));
}

function report(results: readonly Result[]): boolean {
  let good = true;
  for (const workload of WORKLOADS) {
    const ours = results.filter((result) => result.valueBytes === workload.valueBytes);
    const rows = ours.map((result) => {
      const isShoal = result.server === 'shoal';
      const passed = result.overheadBytesPerItem <= workload.overheadBytesMax;
      if (isShoal && !passed) good = false;
      return [
        result.server,
        megabytes(result.warmResidentBytes),
        megabytes(result.halfResidentBytes),
        megabytes(result.loadedResidentBytes),
        rounded(result.bytesPerItem, 1),
        rounded(result.overheadBytesPerItem, 1),
        isShoal ? `${passed ? 'pass' : 'FAIL'} (at most ${workload.overheadBytesMax})` : '',
      ];
    });
    console.log(`${ours[0]?.items ?? 0} items of ${workload.keyBytes} B key + ${workload.valueBytes} B value`);
    printTable([['server', 'warm MB', 'half MB', 'loaded MB', 'bytes/item', 'above payload', ''], ...rows]);
  }
  return good;
}

const { values: options } = parseArgs({
  options: {
    'items-scale': { type: 'string', default: '1' },
    servers: { type: 'string' },
    json: { type: 'string' },
  },
});
const names = parseServerNames(options.servers);
const scale = Number(options['items-scale']);
if (!(scale > 0)) throw new Error(`--items-scale must be a number above 0, not ${options['items-scale']}`);
pinGenerator();
const environment = readEnvironment(names);
printEnvironment(environment);
const results: Result[] = [];
for (const workload of WORKLOADS) {
  for (const name of names)
    results.push(await measure(name, { ...workload, items: Math.round(workload.items * scale) }));
}
progress('');
const good = report(results);
writeJson(options.json, { benchmark: 'memory', environment, results });
process.exit(good ? 0 : 1);
