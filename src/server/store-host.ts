/**
 * The memory of a node's store, with who looks after it: the janitor in a thread of its own, or stepped by a data thread's tick; and the disk
 * thread of a node that keeps its data.
 */
import { availableParallelism } from 'node:os';
import { adviseHugePages } from '../io/huge-pages.ts';
import type { NodeOptions } from '../config/node-options.ts';
import { effectiveMode } from '../config/persistence-options.ts';
import { addressText } from '../io/address.ts';
import { Janitor } from '../store/janitor.ts';
import { startJanitorThread } from '../store/janitor-thread.ts';
import { CHANGE_LOG_BYTES, janitorRow, type StoreHandle } from '../store/memory.ts';
import { Store } from '../store/store.ts';
import { createStoreMemory } from '../store/store-parts.ts';
import type { Log } from './environment.ts';
import type { DiskThread } from './persistence/disk-thread.ts';
import type { NodeStart } from './running-node.ts';
import type { SharedState } from './threads/shared-state.ts';

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
  const isKept = effectiveMode(options.persistence) !== 'off';
  const ofCaches = clustered ? {} : { changeLogBytes: CACHES_CHANGES_BYTES };
  const changes = isKept ? { kept: true, changeLogBytes: changeLogBytes(memoryBytes) } : ofCaches;
  const geometry = { memoryBytes, segmentBytes, eviction, threadCount, clustered, ...changes };
  const handle = createStoreMemory(geometry, adviseHugePages);
  if (options.janitor === 'inline' || availableParallelism() === 1) {
    return { handle, wantsInlineJanitor: true, stop: () => Promise.resolve() };
  }
  const thread = startJanitorThread(handle, (error) => {
    log('error', `the janitor stopped, writes make room for themselves from now on: ${error.stack ?? error.message}`);
  });
  return { handle, wantsInlineJanitor: false, stop: () => thread.stop() };
}

/** Where clients' caches alone may follow: they keep up with each batch. Memory of its own, which is there once somebody follows. */
const CACHES_CHANGES_BYTES = CHANGE_LOG_BYTES / 4;
/** Part of the memory that the log of changes takes beside it, where the disk follows, between these two. */
const CHANGE_LOG_PART = 1 / 8;
/** Writers fill less than that while the disk thread sleeps. */
const KEPT_CHANGES_BYTES_MIN = CHANGE_LOG_BYTES / 2;
/** Some two million changes of keys of 32 bytes: what writers may be ahead of the disk. */
const KEPT_CHANGES_BYTES_MAX = 8 * CHANGE_LOG_BYTES;

function changeLogBytes(memoryBytes: number): number {
  let bytes = KEPT_CHANGES_BYTES_MAX;
  while (bytes > KEPT_CHANGES_BYTES_MIN && bytes > memoryBytes * CHANGE_LOG_PART) bytes /= 2;
  return bytes;
}

/**
 * Loads what is on disk into the store, and has it kept up to date from then on; null where nothing is to be kept. `onAdvance`: see `DiskThreadParts`.
 * Rejects with a ShoalError where the data folder cannot be used.
 */
export async function startKeeping(
  { options, environment, itemVersionSeed, onLoading }: NodeStart,
  handle: StoreHandle,
  shared: SharedState,
  onAdvance: (() => void) | null,
): Promise<DiskThread | null> {
  if (effectiveMode(options.persistence) === 'off') return null;
  // Loaded only here: most nodes inside applications keep nothing.
  const { startDiskThread } = await import('./persistence/disk-thread.ts');
  return startDiskThread({
    start: {
      options: options.persistence,
      store: handle,
      shared: shared.buffer,
      threadCount: handle.threadCount,
      itemVersionSeed,
      // A port that is still to be found would tell nobody anything.
      address: options.port === 0 ? options.host : addressText(options.host, options.port),
    },
    cluster: options.cluster.coordinators === '' ? null : options.cluster.name,
    log: environment.log,
    onLoading,
    onAdvance,
  });
}

/** What versions of items are keyed with: a data set has a key of its own, but nodes of a cluster must agree. */
export function versionSeed(
  { options, itemVersionSeed }: NodeStart,
  disk: DiskThread | null,
): readonly [number, number] {
  return disk === null || options.cluster.coordinators !== '' ? itemVersionSeed : disk.itemVersionSeed;
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
