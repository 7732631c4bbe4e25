/**
 * Whether the heap of each data thread stays as it is under load: minutes of a 70/30 mix at the memory limit, so that items are evicted all
 * the time, and what JavaScript's heap holds in each thread, every second.
 *
 *   bun bench/heap.ts [--threads 2] [--seconds 600] [--json FILE]
 *
 * The heap goes up and down as its collector works, so whole minutes are compared: the greatest value of the last one with the greatest of the
 * second. Exits with 1 where that is more than GROWTH_BYTES_MAX higher in any thread: one object of 16 bytes for every thousand requests would be.
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

const GROWTH_BYTES_MAX: number = 256 * 1024;
const SAMPLE_MS = 1000;
const MINUTE_SAMPLES = 60;

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
const samples: number[][] = [];
let operations = 0;
try {
  const { memoryBytes } = workload.dataset;
  const server = await startServer('shoal', { memoryBytes, atLimit: 'evict', core: undefined, threads });
  try {
    const load = await generators.open(engineOptions(workload, { name: 'shoal', protocol: 'resp', server }));
    await load.fill();
    await withClient(server, async (client) => {
      const running = load.runClosed(seconds);
      for (let left = Math.floor(seconds); left > 0; left -= 1) {
        await Bun.sleep(SAMPLE_MS);
        samples.push(await heapBytes(client));
        progress(`${samples.length} of ${seconds} s`);
      }
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

const greatest = (thread: number, part: readonly (readonly number[])[]): number =>
  Math.max(...part.map((one) => one[thread]!));
const rows = Array.from({ length: threads }, (_, thread) => {
  const early = greatest(thread, samples.slice(MINUTE_SAMPLES, 2 * MINUTE_SAMPLES));
  const late = greatest(thread, samples.slice(-MINUTE_SAMPLES));
  return { thread, early, late, growth: late - early };
});
console.log(`${rounded(operations / 1e6, 1)} million requests in ${seconds} s, evicting`);
printTable([
  ['thread', 'second minute MB', 'last minute MB', 'growth KiB'],
  ...rows.map(({ thread, early, late, growth }) => [
    thread,
    megabytes(early),
    megabytes(late),
    Math.round(growth / 1024),
  ]),
]);
writeJson(values.json, { benchmark: 'heap', environment, threads, seconds, operations, samples });
process.exit(rows.every(({ growth }) => growth <= GROWTH_BYTES_MAX) ? 0 : 1);
