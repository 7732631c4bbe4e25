/** Entry of the janitor's thread: steps, and touches memory that was never used, until there is nothing to do, then sleeps until the next tick or until a writer wakes it. */
import { workerData } from 'node:worker_threads';
import { FreshMemory } from './fresh-memory.ts';
import { Janitor } from './janitor.ts';
import { CONTROL_JANITOR_STOP, CONTROL_JANITOR_WAKE } from './layout.ts';
import { janitorRow, type StoreHandle } from './memory.ts';
import { Store } from './store.ts';

/** Longest sleep: how late an expired item may be removed when nothing else happens. */
const TICK_MS = 100;

const handle = workerData as StoreHandle;
const control = new Int32Array(handle.control);
const store = Store.attach(handle, janitorRow(handle));
const janitor = new Janitor(store);
const freshMemory = new FreshMemory(store.parts.memory);
while (Atomics.load(control, CONTROL_JANITOR_STOP) === 0) {
  const touched = freshMemory.step();
  if (janitor.step(Date.now()) || touched) continue;
  Atomics.wait(control, CONTROL_JANITOR_WAKE, 0, TICK_MS);
  Atomics.store(control, CONTROL_JANITOR_WAKE, 0);
}
