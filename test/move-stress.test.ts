/** Three threads write to one store without a pause while half of its slots move to another: each key must be there, once, with its last value and expiry. */
import { expect, test } from 'bun:test';
import { Worker } from 'node:worker_threads';
import { auditStore } from '../src/store/audit.ts';
import { ItemInfo } from '../src/store/types.ts';
import { SLOT_COUNT } from '../src/topology/slots.ts';
import {
  FLAG_PAUSED,
  FLAG_STOP,
  FLAG_WORDS,
  FLAG_WRITES,
  isMovedSlot,
  type MoveStressReport,
  type MoveStressTask,
} from './support/move-stress-worker.ts';
import { StoreDriver } from './support/store-driver.ts';
import { TwoMovers, WALL_MS } from './support/two-movers.ts';
import { slotOf } from './support/workload-model.ts';

const THREADS = 3;
const KEYS = 4000;
const SEED = Number(process.env['SHOAL_STRESS_SEED'] ?? 1);
/** Writes before the move begins, and moves: more by `SHOAL_STRESS_MOVES`, for a long run. */
const WRITES_BEFORE = 10_000;
const MOVES = Number(process.env['SHOAL_STRESS_MOVES'] ?? 2);
const MOVED = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter(isMovedSlot);

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function moveWhileWriting(seed: number): Promise<void> {
  const movers = new TwoMovers({ threadCount: THREADS, memoryBytes: 64 * 2 ** 20 });
  const flags = new SharedArrayBuffer(FLAG_WORDS * Int32Array.BYTES_PER_ELEMENT);
  const words = new Int32Array(flags);
  movers.onPause = (paused) => {
    // After the hand-over nobody may write either: the workers know one store alone.
    if (paused) Atomics.store(words, FLAG_PAUSED, 1);
  };
  const workers: Worker[] = [];
  const reports: Promise<MoveStressReport>[] = [];
  try {
    for (let thread = 0; thread < THREADS; thread += 1) {
      const { handle } = movers.left;
      const task: MoveStressTask = { handle, thread, seed, keyCount: KEYS, nowMs: WALL_MS, flags };
      const worker = new Worker(new URL('./support/move-stress-worker.ts', import.meta.url), { workerData: task });
      workers.push(worker);
      reports.push(
        new Promise((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
      );
    }
    while (Atomics.load(words, FLAG_WRITES) < WRITES_BEFORE) await nextTurn();
    const before = Atomics.load(words, FLAG_WRITES);
    movers.begin(1, MOVED);
    while (!movers.isHanded && movers.error === null) {
      movers.connect();
      movers.tick(performance.now() - movers.nowMs);
      await nextTurn();
    }
    expect(movers.error).toBeNull();
    expect(Atomics.load(words, FLAG_WRITES)).toBeGreaterThan(before);
    Atomics.store(words, FLAG_STOP, 1);
    check(movers, await Promise.all(reports));
  } finally {
    Atomics.store(words, FLAG_STOP, 1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function check(movers: TwoMovers, reports: readonly MoveStressReport[]): void {
  const drivers = { left: new StoreDriver(movers.left), right: new StoreDriver(movers.right) };
  const info = new ItemInfo();
  movers.right.enter();
  const expected = new Map(reports.flatMap(({ items }) => items.map(([key, value, atMs]) => [key, { value, atMs }])));
  let moved = 0;
  for (let thread = 0; thread < THREADS; thread += 1) {
    for (let number = 0; number < KEYS; number += 1) {
      const key = `t${thread}:${number}`;
      if (!isMovedSlot(slotOf(key))) continue;
      const item = expected.get(key);
      if (drivers.right.get(key, WALL_MS) !== (item?.value ?? null))
        throw new Error(`${key} is not what was written last`);
      if (item === undefined) continue;
      moved += 1;
      movers.right.inspect(drivers.right.key(key), info, false, WALL_MS);
      if (info.expiresAtMs !== item.atMs) throw new Error(`${key} expires at ${info.expiresAtMs}, not at ${item.atMs}`);
    }
  }
  movers.right.leave();
  expect(moved).toBeGreaterThan(1000);
  expect(movers.right.stats().itemCount).toBe(moved);
  movers.leftMover.purge(9, MOVED);
  movers.run(() => movers.purged.includes(9));
  expect(movers.left.stats().itemCount).toBe(expected.size - moved);
  expect(auditStore(movers.left.parts)).toEqual([]);
  expect(auditStore(movers.right.parts)).toEqual([]);
}

test.each(Array.from({ length: MOVES }, (_, index) => SEED + index))(
  'no write is lost and none comes back, seed %i',
  moveWhileWriting,
  30_000,
);
