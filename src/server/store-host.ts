/** The memory of a node's store, with who looks after it: the janitor in a thread of its own, or stepped by a data thread's tick. */
import { availableParallelism } from 'node:os';
import { adviseHugePages } from '../io/huge-pages.ts';
import type { NodeOptions } from '../config/node-options.ts';
import { Janitor } from '../store/janitor.ts';
import { startJanitorThread } from '../store/janitor-thread.ts';
import { janitorRow, type StoreHandle } from '../store/memory.ts';
import { Store } from '../store/store.ts';
import { createStoreMemory } from '../store/store-parts.ts';
import type { Log } from './environment.ts';

export interface StoreHost {
  /** What data threads attach to. */
  readonly handle: StoreHandle;
  /** Whether one data thread is to run an `InlineJanitor`. */
  readonly wantsInlineJanitor: boolean;
  stop(): Promise<void>;
}

export function startStoreHost(options: NodeOptions, threadCount: number, log: Log): StoreHost {
  const { memoryBytes, segmentBytes, eviction, cluster } = options;
  const clustered = cluster.coordinators !== '';
  const handle = createStoreMemory({ memoryBytes, segmentBytes, eviction, threadCount, clustered }, adviseHugePages);
  if (options.janitor === 'inline' || availableParallelism() === 1) {
    return { handle, wantsInlineJanitor: true, stop: () => Promise.resolve() };
  }
  const thread = startJanitorThread(handle, (error) => {
    log('error', `the janitor stopped, writes make room for themselves from now on: ${error.stack ?? error.message}`);
  });
  return { handle, wantsInlineJanitor: false, stop: () => thread.stop() };
}

/** Steps of an inline janitor in one tick: what it may take from the requests of 100 ms. */
const INLINE_STEPS_MAX = 4;

/** The janitor's work between batches of a data thread. */
export class InlineJanitor {
  private readonly janitor: Janitor;

  /** `whileKeptOut`: what the thread does while another's exclusive section keeps the janitor out, as everywhere else. */
  constructor(handle: StoreHandle, whileKeptOut: (() => void) | null) {
    const store = Store.attach(handle, janitorRow(handle));
    store.parts.exclusive.whileKeptOut = whileKeptOut;
    this.janitor = new Janitor(store);
  }

  /** Call about every 100 ms. */
  tick(nowMs: number): void {
    for (let step = 0; step < INLINE_STEPS_MAX; step += 1) if (!this.janitor.step(nowMs)) return;
  }
}
