/**
 * Threads write as fast as they can while one follows all their changes and keeps a copy by looking keys up: no record is torn or missing, whoever falls
 * behind is told so and starts again, and the copy is the store in the end.
 */
import { expect, test } from 'bun:test';
import { Worker } from 'node:worker_threads';
import { type ChangeConsumer, ChangeLog, ChangeReading, ChangeRecord } from '../src/changes/change-log.ts';
import { CHANGE_LOG_BYTES_MIN } from '../src/store/memory.ts';
import { Store } from '../src/store/store.ts';
import { type ChangeLogTask, isStressKey } from './support/change-log-worker.ts';
import { StoreDriver } from './support/store-driver.ts';

const NOW_MS = 1_750_000_000_000;
const THREADS = 3;
const WRITES = Number(process.env['SHOAL_STRESS_OPERATIONS'] ?? 60_000);

/** A copy of a store's database 0, kept by the log. */
class Follower {
  readonly copy = new Map<string, string>();
  restarts = 0;
  records = 0;
  private readonly driver: StoreDriver;
  private readonly log: ChangeLog;
  private readonly record = new ChangeRecord();
  private consumer: ChangeConsumer;

  constructor(store: Store) {
    this.driver = new StoreDriver(store);
    this.log = new ChangeLog(store.handle);
    this.consumer = this.start();
  }

  get isLost(): boolean {
    return this.consumer.isLost;
  }

  /** Reads up to `countMax` records; false where there are no more. */
  follow(countMax: number): boolean {
    const { record } = this;
    for (let count = 0; count < countMax; count += 1) {
      const reading = this.consumer.read(record);
      if (reading === ChangeReading.none) return false;
      if (reading === ChangeReading.lost) {
        this.restarts += 1;
        this.consumer.close();
        this.consumer = this.start();
        return true;
      }
      const key = record.bytes.toString('latin1', 0, record.length);
      if (!isStressKey(key)) throw new Error(`a record of a key that nobody wrote: ${key.slice(0, 100)}`);
      this.records += 1;
      this.look(key);
    }
    return true;
  }

  private start(): ChangeConsumer {
    const consumer = this.log.open(null)!;
    this.copy.clear();
    this.driver.store.enter();
    for (const key of this.driver.keys(NOW_MS)) this.look(key);
    this.driver.store.leave();
    return consumer;
  }

  private look(key: string): void {
    const value = this.driver.get(key, NOW_MS);
    if (value === null) this.copy.delete(key);
    else this.copy.set(key, value);
  }
}

async function followWriters(seed: number, pace: 'quick' | 'slow'): Promise<Follower> {
  const store = Store.create({
    memoryBytes: 32 * 2 ** 20,
    segmentBytes: 65_536,
    threadCount: THREADS + 1,
    eviction: 's3fifo',
    changeLogBytes: CHANGE_LOG_BYTES_MIN,
  });
  const follower = new Follower(store);
  const writers = { running: THREADS };
  const workers = Array.from({ length: THREADS }, (_, index) => {
    const task: ChangeLogTask = { handle: store.handle, thread: index + 1, seed, writes: WRITES, nowMs: NOW_MS };
    return new Worker(new URL('./support/change-log-worker.ts', import.meta.url), { workerData: task });
  });
  const ends = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.once('error', reject);
        worker.once('message', () => {
          writers.running -= 1;
          resolve();
        });
      }),
  );
  try {
    while (writers.running > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      // A slow one lets the ring, of some 5000 records, go round.
      if (pace === 'quick' || follower.isLost) follower.follow(5000);
    }
    await Promise.all(ends);
    while (follower.follow(1000));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  const driver = new StoreDriver(store);
  store.enter();
  const items = new Map(driver.keys(NOW_MS).map((key) => [key, driver.get(key, NOW_MS)!]));
  store.leave();
  expect(follower.copy).toEqual(items);
  expect(items.size).toBeGreaterThan(1000);
  return follower;
}

test('a copy that follows the log is the store', async () => {
  const follower = await followWriters(1, 'quick');
  // How many depends on how the machine shares its time out.
  expect(follower.records).toBeGreaterThan(100);
}, 30_000);

test('a follower that is too slow starts again, and its copy is right', async () => {
  const follower = await followWriters(2, 'slow');
  expect(follower.restarts).toBeGreaterThan(0);
}, 30_000);
