/** One thread that writes to the store from which slots are moved, at full speed, to keys of its own, and tells at the end what they should be. */
import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../src/base/random.ts';
import type { StoreHandle } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { StoreDriver } from './store-driver.ts';
import { slotOf } from './workload-model.ts';

export interface MoveStressTask {
  readonly handle: StoreHandle;
  readonly thread: number;
  readonly seed: number;
  readonly keyCount: number;
  readonly nowMs: number;
  /** Int32 words: see below. */
  readonly flags: SharedArrayBuffer;
}

/** 1: nobody writes to slots that are moved. */
export const FLAG_PAUSED = 0;
/** 1: the end. */
export const FLAG_STOP = 1;
/** Writes done, by all threads. */
export const FLAG_WRITES = 2;
export const FLAG_WORDS = 3;

export interface MoveStressReport {
  /** Key, value and expiry of all that is there. */
  readonly items: readonly (readonly [key: string, value: string, expiresAtMs: number])[];
}

/** Even slots are moved. */
export function isMovedSlot(slot: number): boolean {
  return slot % 2 === 0;
}

const BATCH_OPERATIONS = 20;
/** Nothing expires while the test runs. */
const FAR_MS = 10_000_000;

function run({ handle, thread, seed, keyCount, nowMs, flags }: MoveStressTask): MoveStressReport {
  const words = new Int32Array(flags);
  const store = Store.attach(handle, thread);
  const driver = new StoreDriver(store);
  const random = seededRandom(seed * 100 + thread);
  const items = new Map<string, { value: string; expiresAtMs: number }>();
  const keys = Array.from({ length: keyCount }, (_, number) => `t${thread}:${number}`);
  const slots = keys.map(slotOf);
  for (let operations = 0; Atomics.load(words, FLAG_STOP) === 0; ) {
    store.enter();
    for (let count = 0; count < BATCH_OPERATIONS; count += 1) {
      const number = Math.floor(random() * keyCount);
      const slot = slots[number]!;
      if (isMovedSlot(slot) && (Atomics.load(words, FLAG_PAUSED) === 1 || store.writersWait(slot))) continue;
      operations += 1;
      const key = keys[number]!;
      if (random() < 0.25) {
        if (driver.delete(key, nowMs) !== items.delete(key)) throw new Error(`delete of ${key} is wrong`);
        continue;
      }
      const value = `${operations}.${'v'.repeat(Math.floor(random() * 300))}`;
      const expiresAtMs = random() < 0.3 ? nowMs + FAR_MS + operations : 0;
      if (driver.set(key, value, nowMs, (options) => void (options.expiresAtMs = expiresAtMs)) !== 1)
        throw new Error('no room');
      items.set(key, { value, expiresAtMs });
    }
    store.leave();
    Atomics.add(words, FLAG_WRITES, BATCH_OPERATIONS);
  }
  return { items: [...items].map(([key, { value, expiresAtMs }]) => [key, value, expiresAtMs]) };
}

parentPort?.postMessage(run(workerData as MoveStressTask));
