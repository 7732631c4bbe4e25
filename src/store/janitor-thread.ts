/** The janitor in a worker thread of its own, on Bun and on Node. */
import { Worker } from 'node:worker_threads';
import { CONTROL_JANITOR_STOP, CONTROL_JANITOR_WAKE } from './layout.ts';
import type { StoreHandle } from './memory.ts';

export interface JanitorThread {
  /** Ends the thread between two steps. Resolves when it is gone. */
  stop(): Promise<void>;
}

/** Starts the janitor of a store. `onFailure`: its thread died of an error, which is a bug; writes drain for themselves from then on. */
export function startJanitorThread(handle: StoreHandle, onFailure: (error: Error) => void): JanitorThread {
  // The compiled module stands beside this one under the ending that this one has.
  const file = import.meta.url.endsWith('.ts') ? './janitor-worker.ts' : './janitor-worker.js';
  // Flags that the process was started with are for its own program: --input-type and loaders would break or slow this one.
  const worker = new Worker(new URL(file, import.meta.url), { workerData: handle, execArgv: [] });
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve());
  });
  worker.once('error', onFailure);
  worker.unref();
  return {
    async stop(): Promise<void> {
      const control = new Int32Array(handle.control);
      Atomics.store(control, CONTROL_JANITOR_STOP, 1);
      Atomics.store(control, CONTROL_JANITOR_WAKE, 1);
      Atomics.notify(control, CONTROL_JANITOR_WAKE);
      worker.ref();
      await ended;
    },
  };
}
