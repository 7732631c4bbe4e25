/**
 * Whether the heap of each data thread stays as it is under load: minutes of a 70/30 mix at the memory limit, so that items are evicted all
 * the time, and what JavaScript's heap has taken in each thread after a minute and at the end.
 *
 *   bun bench/heap.ts [--threads 2] [--seconds 600] [--json FILE]
 *
 * It is asked for no more often than that, because the answer itself is made of objects, some 50 KiB of them, which nothing collects while there is
 * so little. So are the node's ticks, 10 a second: an idle node's heap grows by 4 KiB a second until its collector comes. Exits with 1 where a heap
 * grows by more than GROWTH_BYTES_MAX a second: one object of 16 bytes for every hundred requests would be more.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { Generators } from './lib/generators.ts';
import { place } from './lib/placement.ts';
import { type QueryClient, withClient } from './lib/query-client.ts';
import { megabytes, printTable, progress, rounded, writeJson } from './lib/report.ts';
import { startServer } from './lib/servers.ts';
import { engineOptions } from './lib/turns.ts';
import { selectWorkloads } from './lib/workloads.ts';

/** A second. */
const GROWTH_BYTES_MAX: number = 8 * 1024;
/** Until compilers and buffers are done with growing, as far as the run is longer. */
const WARM_SECONDS_MAX = 60;
/** So long before the load ends the last look is taken. */
const LAST_LOOK_SECONDS = 1;

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '600' },
    json: { type: 'string' },
  },
});
const threads = Number(values.threads);
const seconds = Number(values.seconds);
const workload = selectWorkloads('pause', 'full')[0]!;

async function heapBytes(client: QueryClient): Promise<number[]> {
  const info = String(await client.command('INFO', 'memory'));
  const text = /^shoal_thread_heap_bytes:(.*)$/m.exec(info)?.[1];
  if (text === undefined) throw new Error('INFO says nothing of the heaps');
  return text.split(',').map(Number);
}

const environment = readEnvironment(['shoal']);
printEnvironment(environment);
const placement = place(availableParallelism(), threads);
const generators = new Generators(placement.generatorCores);
let early: readonly number[] = [];
let late: readonly number[] = [];
let operations = 0;
try {
  const { memoryBytes } = workload.dataset;
  const server = await startServer('shoal', { memoryBytes, atLimit: 'evict', core: undefined, threads });
  try {
    const load = await generators.open(engineOptions(workload, { name: 'shoal', protocol: 'resp', server }));
    await load.fill();
    await withClient(server, async (client) => {
      const running = load.runClosed(seconds);
      const warmSeconds = Math.min(WARM_SECONDS_MAX, seconds / 2);
      progress(`${warmSeconds} s of load, to get warm`);
      await Bun.sleep(warmSeconds * 1000);
      early = await heapBytes(client);
      progress(`${seconds - warmSeconds} s more`);
      await Bun.sleep((seconds - warmSeconds - LAST_LOOK_SECONDS) * 1000);
      late = await heapBytes(client);
      const figures = await running;
      operations = figures.operations;
      if (figures.errors > 0) throw new Error(`${figures.errors} errors, the first: ${figures.firstError}`);
    });
    await load.close();
  } finally {
    await server.stop();
  }
} finally {
  await generators.stop();
}
progress('');

const rows = early.map((before, thread) => ({ thread, before, after: late[thread]!, growth: late[thread]! - before }));
console.log(`${rounded(operations / 1e6, 1)} million requests in ${seconds} s, evicting`);
printTable([
  ['thread', 'warm MB', 'at the end MB', 'growth KiB', 'bytes a request'],
  ...rows.map(({ thread, before, after, growth }) => [
    thread,
    megabytes(before),
    megabytes(after),
    Math.round(growth / 1024),
    rounded((threads * growth) / operations, 3),
  ]),
]);
writeJson(values.json, { benchmark: 'heap', environment, threads, seconds, operations, early, late });
process.exit(rows.every(({ growth }) => growth <= GROWTH_BYTES_MAX * seconds) ? 0 : 1);
