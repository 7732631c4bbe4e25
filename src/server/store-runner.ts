/** A node's store together with who looks after it: the janitor in a thread of its own, or stepped by the node's tick. */
import { availableParallelism } from 'node:os';
import type { NodeOptions } from '../config/node-options.ts';
import type { StoreApi } from '../store/api.ts';
import { Janitor } from '../store/janitor.ts';
import { startJanitorThread } from '../store/janitor-thread.ts';
import { Store } from '../store/store.ts';
import type { Log } from './environment.ts';

export interface RunningStore {
  readonly store: StoreApi;
  /** Call about every 100 ms. */
  tick(nowMs: number): void;
  stop(): Promise<void>;
}

/** One data thread for now; the janitor has a row of its own in the store beside it. */
const THREAD_COUNT = 1;
/** Steps of an inline janitor in one tick: what it may take from the requests of 100 ms. */
const INLINE_STEPS_MAX = 4;

export function startStore(options: NodeOptions, log: Log): RunningStore {
  const store = Store.create({
    memoryBytes: options.memoryBytes,
    segmentBytes: options.segmentBytes,
    eviction: options.eviction,
    threadCount: THREAD_COUNT,
  });
  return options.janitor === 'inline' || availableParallelism() === 1
    ? withInlineJanitor(store)
    : withJanitorThread(store, log);
}

function withInlineJanitor(store: Store): RunningStore {
  const janitor = new Janitor(Store.attach(store.handle, THREAD_COUNT));
  return {
    store,
    tick(nowMs) {
      for (let step = 0; step < INLINE_STEPS_MAX; step += 1) if (!janitor.step(nowMs)) return;
    },
    async stop() {
      // Nothing runs between ticks.
    },
  };
}

function withJanitorThread(store: Store, log: Log): RunningStore {
  const thread = startJanitorThread(store.handle, (error) => {
    log('error', `the janitor stopped, writes make room for themselves from now on: ${error.stack ?? error.message}`);
  });
  return {
    store,
    tick() {
      // The thread has its own clock.
    },
    stop: () => thread.stop(),
  };
}
