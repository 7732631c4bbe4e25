/** One thread that writes keys of all lengths as fast as it can, for test/change-log-stress.test.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../src/base/random.ts';
import type { StoreHandle } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { StoreDriver } from './store-driver.ts';

export interface ChangeLogTask {
  readonly handle: StoreHandle;
  readonly thread: number;
  readonly seed: number;
  readonly writes: number;
  readonly nowMs: number;
}

/** A key that can be told from two halves of others: its length and filling follow from its number. */
export function stressKey(thread: number, number: number): string {
  return `${thread}:${number}:${String.fromCharCode(97 + (number % 26)).repeat(number % 90)}`;
}

/** Whether `key` is one that `stressKey` makes. */
export function isStressKey(key: string): boolean {
  const [thread, number] = key.split(':');
  return key === stressKey(Number(thread), Number(number));
}

function run({ handle, thread, seed, writes, nowMs }: ChangeLogTask): void {
  const driver = new StoreDriver(Store.attach(handle, thread));
  const random = seededRandom(seed * 10 + thread);
  for (let count = 0; count < writes; count += 1) {
    const key = stressKey(thread, Math.floor(random() * 2000));
    driver.store.enter();
    if (random() < 0.2) driver.delete(key, nowMs);
    else driver.set(key, `${count}`, nowMs);
    driver.store.leave();
  }
}

if (parentPort !== null) {
  run(workerData as ChangeLogTask);
  parentPort.postMessage('done');
}
