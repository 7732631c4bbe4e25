/**
 * Four threads and the janitor on one store that is full: random get, set, delete, expire, increment and append on keys that all
 * share. No value is ever torn, mixed up between keys or resurrected; increments are not lost; and the accounting adds up in the end.
 */
import { describe, expect, test } from 'bun:test';
import { Worker } from 'node:worker_threads';
import { auditStore } from '../src/store/audit.ts';
import { Store } from '../src/store/store.ts';
import { StoreDriver } from './support/store-driver.ts';
import { COUNTER_KEYS, type StressReport, type StressTask } from './support/store-stress-worker.ts';

const THREADS = 4;
const NOW_MS = 1_750_000_000_000;
/** More by `SHOAL_STRESS_OPERATIONS`, for a long run. */
const OPERATIONS = Number(process.env['SHOAL_STRESS_OPERATIONS'] ?? 25_000);
const SEED = Number(process.env['SHOAL_STRESS_SEED'] ?? 1);

interface StressRun {
  readonly store: Store;
  readonly reports: readonly StressReport[];
}

async function stress(options: {
  readonly memoryBytes: number;
  readonly segmentBytes: number;
  readonly keys: number;
  readonly valueBytesMax: number;
  readonly logBytesMax: number;
  readonly eviction: 's3fifo' | 'noeviction';
}): Promise<StressRun> {
  const store = Store.create({ ...options, threadCount: THREADS });
  const floors = new SharedArrayBuffer((options.keys + 1) * Int32Array.BYTES_PER_ELEMENT);
  const flags = new Int32Array(floors);
  const workers: Worker[] = [];
  const reports: Promise<StressReport>[] = [];
  try {
    for (let thread = 0; thread <= THREADS; thread += 1) {
      const task: StressTask = {
        handle: store.handle,
        thread,
        threadCount: THREADS,
        seed: SEED,
        operations: OPERATIONS,
        keys: options.keys,
        valueBytesMax: options.valueBytesMax,
        logBytesMax: options.logBytesMax,
        floors,
        nowMs: NOW_MS,
      };
      const worker = new Worker(new URL('./support/store-stress-worker.ts', import.meta.url), { workerData: task });
      workers.push(worker);
      reports.push(
        new Promise((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
      );
    }
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))));
    Atomics.store(flags, flags.length - 1, 1);
    Atomics.notify(flags, flags.length - 1);
    const done = await Promise.all(reports.slice(0, THREADS));
    Atomics.store(flags, flags.length - 1, 2);
    await reports[THREADS];
    return { store, reports: done };
  } finally {
    Atomics.store(flags, flags.length - 1, 2);
    Atomics.notify(flags, flags.length - 1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

describe('the store under four threads', () => {
  test('at full memory, with eviction, nothing is torn, mixed up or resurrected', async () => {
    const { store, reports } = await stress({
      memoryBytes: 1536 * 1024,
      segmentBytes: 16_384,
      keys: 4000,
      valueBytesMax: 40_000,
      logBytesMax: 2000,
      eviction: 's3fifo',
    });
    expect(reports.flatMap((report) => report.problems)).toEqual([]);
    expect(auditStore(store.parts)).toEqual([]);
    expect(store.stats().evicted).toBeGreaterThan(1000);
    for (const report of reports) expect(report.found).toBeGreaterThan(100);
  }, 60_000);

  test('at full memory, without eviction, some writes are refused and none goes wrong', async () => {
    const { store, reports } = await stress({
      memoryBytes: 1024 * 1024,
      segmentBytes: 16_384,
      keys: 4000,
      valueBytesMax: 20_000,
      logBytesMax: 2000,
      eviction: 'noeviction',
    });
    expect(reports.flatMap((report) => report.problems)).toEqual([]);
    expect(auditStore(store.parts)).toEqual([]);
    expect(store.stats().evicted).toBe(0);
    expect(reports.reduce((sum, report) => sum + report.refused, 0)).toBeGreaterThan(0);
  }, 60_000);

  test('with room for everything, no increment and no append is lost', async () => {
    const { store, reports } = await stress({
      memoryBytes: 64 * 2 ** 20,
      segmentBytes: 65_536,
      keys: 4000,
      valueBytesMax: 2 ** 20,
      logBytesMax: 2 ** 20,
      eviction: 's3fifo',
    });
    expect(reports.flatMap((report) => report.problems)).toEqual([]);
    expect(auditStore(store.parts)).toEqual([]);
    const driver = new StoreDriver(store);
    for (let number = 0; number < COUNTER_KEYS; number += 1) {
      const increments = reports.reduce((sum, report) => sum + report.increments[number]!, 0);
      expect(driver.get(`counter${number}`, NOW_MS)).toBe(String(increments));
      const appended = reports.reduce((sum, report) => sum + report.appended[number]!, 0);
      expect(driver.get(`log${number}`, NOW_MS)?.match(/</g)?.length).toBe(appended);
    }
  }, 60_000);
});
