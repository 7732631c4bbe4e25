/** A thread that reads all changes of a store, for bench/change-log.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { ChangeLog, ChangeReading, ChangeRecord } from '../../src/changes/change-log.ts';
import type { StoreHandle } from '../../src/store/memory.ts';

/** As a consumer would: it comes back when something may be there. */
const PAUSE_MS = 1;
const clock = new Int32Array(new SharedArrayBuffer(4));
const consumer = new ChangeLog(workerData as StoreHandle).open(null)!;
const record = new ChangeRecord();
parentPort?.postMessage('reading');
for (;;) {
  while (consumer.read(record) === ChangeReading.record);
  if (consumer.isLost) throw new Error('the consumer fell off the log');
  Atomics.wait(clock, 0, 0, PAUSE_MS);
}
