/**
 * What the memory limit is worth: 2 GB of distinct keys, small and large, written to a node of 100 MB, and beside it to redis.
 *
 * Checked for Shoal: the memory that INFO states never exceeds the limit, resident memory never exceeds the limit by more than
 * the stated overhead, no write is refused, the last keys written are there and right, and the first are gone.
 *
 *   bun bench/limit.ts [--memory-mb 100] [--write-mb 2000] [--servers redis,shoal] [--json FILE]
 */
import { parseArgs } from 'node:util';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { LoadRunner } from './lib/load-run.ts';
import { MixedWrites } from './lib/mixed-writes.ts';
import { residentBytes, settledResidentBytes } from './lib/process-figures.ts';
import { infoNumber, itemCount, withClient, type QueryClient } from './lib/query-client.ts';
import { megabytes, printTable, progress, writeJson } from './lib/report.ts';
import { parseServerNames, pinGenerator, SERVER_CORE, startServer, type ServerName } from './lib/servers.ts';

/**
 * What a node takes besides its data, at most: runtime and compiled code (54 MB), and what the four connections have in flight,
 * values of up to 8 MiB each in buffers that grow by doubling.
 */
const OVERHEAD_BYTES_MAX = 128 * 2 ** 20;
const CONNECTIONS = 4;
const SAMPLE_MS = 20;
const SAMPLE_KEYS = 50;
const STEP_BATCHES = 200;

interface Result {
  readonly server: ServerName;
  readonly memoryBytes: number;
  readonly writtenBytes: number;
  readonly writes: number;
  /** Of a node that has served some writes, was flushed, and came to rest. */
  readonly idleResidentBytes: number;
  readonly peakResidentBytes: number;
  readonly endResidentBytes: number;
  readonly usedBytesMax: number;
  readonly items: number;
  readonly evicted: number;
  readonly recentKeysRight: number;
  readonly oldKeysLeft: number;
  readonly wallMs: number;
}

function sizes(seed: number) {
  return {
    seed,
    smallBytesMin: 64,
    smallBytesMax: 64 * 2 ** 10,
    largeEvery: 1000,
    largeBytesMin: 2 ** 20,
    largeBytesMax: 8 * 2 ** 20,
  };
}

async function measure(name: ServerName, memoryBytes: number, writeBytes: number): Promise<Result> {
  const server = await startServer(name, { memoryBytes, atLimit: 'evict', core: SERVER_CORE });
  let peakResidentBytes = 0;
  const sample = (): void => void (peakResidentBytes = Math.max(peakResidentBytes, residentBytes(server.pid)));
  try {
    return await withClient(server, async (client) => {
      const runner = await LoadRunner.open(server, CONNECTIONS);
      const warmUp = new MixedWrites({ ...sizes(1), largeEvery: Infinity });
      await runner.run(8, () => warmUp.nextBatch());
      await client.command('FLUSHALL');
      const idleResidentBytes = await settledResidentBytes(server.pid);

      const timer = setInterval(sample, SAMPLE_MS);
      const writes = new MixedWrites(sizes(2));
      let usedBytesMax = 0;
      const startedAt = performance.now();
      while (writes.bytes < writeBytes) {
        await runner.run(STEP_BATCHES, () => writes.nextBatch(), 'all');
        usedBytesMax = Math.max(usedBytesMax, await infoNumber(client, 'used_memory'));
        progress(`${name}: ${megabytes(writes.bytes)} MB written`);
      }
      const wallMs = performance.now() - startedAt;
      clearInterval(timer);
      sample();
      runner.close();
      return {
        server: name,
        memoryBytes,
        writtenBytes: writes.bytes,
        writes: writes.count,
        idleResidentBytes,
        peakResidentBytes,
        endResidentBytes: residentBytes(server.pid),
        usedBytesMax,
        items: await itemCount(client, 'resp'),
        evicted: await infoNumber(client, 'evicted_keys'),
        recentKeysRight: await keysRight(client, writes, writes.count - SAMPLE_KEYS),
        oldKeysLeft: await keysRight(client, writes, 0),
        wallMs,
      };
    });
  } finally {
    await server.stop();
  }
}

/** How many of `SAMPLE_KEYS` keys from `first` on are there; throws where one has a wrong value. */
async function keysRight(client: QueryClient, writes: MixedWrites, first: number): Promise<number> {
  let right = 0;
  for (let number = first; number < first + SAMPLE_KEYS; number += 1) {
    const value = await client.command('GET', writes.key(number));
    if (value === null) continue;
    if (!Buffer.isBuffer(value) || !value.equals(writes.value(number)))
      throw new Error(`${writes.key(number)} has a wrong value`);
    right += 1;
  }
  return right;
}

/** What the node breaks of its promises. */
function faultsOf(result: Result): string[] {
  const faults: string[] = [];
  if (!(result.usedBytesMax <= result.memoryBytes))
    faults.push(`INFO states ${result.usedBytesMax} bytes, above the limit`);
  if (result.peakResidentBytes > result.memoryBytes + OVERHEAD_BYTES_MAX) {
    faults.push(
      `resident memory peaked ${megabytes(result.peakResidentBytes - result.memoryBytes)} MB above the limit`,
    );
  }
  if (result.recentKeysRight < SAMPLE_KEYS)
    faults.push(`${SAMPLE_KEYS - result.recentKeysRight} of the last ${SAMPLE_KEYS} keys are gone`);
  if (result.oldKeysLeft > 0) faults.push(`${result.oldKeysLeft} of the first ${SAMPLE_KEYS} keys are still there`);
  return faults;
}

function report(results: readonly Result[]): void {
  const rows = results.map((one) => [
    one.server,
    megabytes(one.writtenBytes),
    one.writes,
    megabytes(one.usedBytesMax),
    megabytes(one.idleResidentBytes),
    megabytes(one.peakResidentBytes),
    megabytes(one.peakResidentBytes - one.idleResidentBytes),
    megabytes(one.peakResidentBytes - one.memoryBytes),
    megabytes(one.endResidentBytes),
    one.items,
    one.evicted,
  ]);
  const titles = [
    'server',
    'written MB',
    'writes',
    'used MB max',
    'idle RSS',
    'peak RSS',
    'peak-idle',
    'peak-limit',
    'end RSS',
    'items',
    'evicted',
  ];
  printTable([titles, ...rows]);
}

const { values: options } = parseArgs({
  options: {
    'memory-mb': { type: 'string', default: '100' },
    'write-mb': { type: 'string', default: '2000' },
    servers: { type: 'string', default: 'redis,shoal' },
    json: { type: 'string' },
  },
});
const names = parseServerNames(options.servers).filter((name) => name !== 'memcached');
const memoryBytes = Number(options['memory-mb']) * 2 ** 20;
pinGenerator();
const environment = readEnvironment(names);
printEnvironment(environment);
console.log(
  `limit ${megabytes(memoryBytes)} MB; sizes 64 B to 64 KiB, one in 1000 from 1 to 8 MiB; MB are 10^6 bytes\n`,
);
const results: Result[] = [];
for (const name of names) results.push(await measure(name, memoryBytes, Number(options['write-mb']) * 1e6));
progress('');
report(results);
const faults = results.filter((one) => one.server === 'shoal').flatMap(faultsOf);
for (const fault of faults) console.log(`FAIL: ${fault}`);
if (faults.length === 0 && names.includes('shoal')) {
  console.log(`pass: within the limit, and resident memory within the limit + ${megabytes(OVERHEAD_BYTES_MAX)} MB`);
}
writeJson(options.json, { benchmark: 'limit', environment, overheadBytesMax: OVERHEAD_BYTES_MAX, results, faults });
process.exit(faults.length === 0 ? 0 : 1);
