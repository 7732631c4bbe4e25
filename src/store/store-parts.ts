/**
 * What one thread's access to a store is put together from. `createStoreMemory` makes the shared memory once; each thread then makes its own
 * parts over it.
 */
import type { EvictionPolicy } from '../config/node-options.ts';
import { BucketIndex } from './bucket-index.ts';
import { ChangeRing } from './change-ring.ts';
import { ExclusiveSection } from './exclusive.ts';
import { Ghosts } from './ghosts.ts';
import { KeyHash } from './hash.ts';
import { KeysAhead } from './keys-ahead.ts';
import { KeptSlots } from './kept-slots.ts';
import { IndexGrowth } from './index-growth.ts';
import { ItemAccounts } from './item-accounts.ts';
import { ItemLog } from './item-log.ts';
import { LargeItems } from './large-items.ts';
import { CONTROL_EVICTION, CONTROL_HASH_SEED } from './layout.ts';
import { allocateStoreMemory, type StoreGeometry, type StoreHandle, StoreMemory } from './memory.ts';
import { resetNamespaces } from './namespaces.ts';
import { OverflowBuckets } from './overflow-buckets.ts';
import { Reclaimer } from './reclaimer.ts';
import { SegmentPool } from './segment-pool.ts';
import { SlotCounters } from './slot-counters.ts';
import { WatchTable } from './watch-table.ts';

export interface StoreConfig extends StoreGeometry {
  readonly eviction: EvictionPolicy;
  /** Two random 32-bit numbers that key the hash; left out, they are drawn from the system. */
  readonly hashSeed?: readonly [number, number];
}

const EVICTS = 1;

export interface StoreParts {
  readonly memory: StoreMemory;
  readonly pool: SegmentPool;
  readonly log: ItemLog;
  readonly large: LargeItems;
  readonly index: BucketIndex;
  readonly growth: IndexGrowth;
  readonly ghosts: Ghosts | null;
  readonly accounts: ItemAccounts;
  readonly slotCounters: SlotCounters;
  readonly keptSlots: KeptSlots;
  readonly changes: ChangeRing;
  readonly reclaimer: Reclaimer;
  readonly watches: WatchTable;
  readonly exclusive: ExclusiveSection;
  readonly keysAhead: KeysAhead;
  /** Of the key that the operation at hand is about. */
  readonly hash: KeyHash;
}

/** Reserves and formats the memory of an empty store. `prepare` gets the memory of items and index before it is touched. */
export function createStoreMemory(
  config: StoreConfig,
  prepare: (arenas: readonly SharedArrayBuffer[]) => void = () => {},
): StoreHandle {
  const handle = allocateStoreMemory(config);
  prepare(handle.arenas);
  const control = new Int32Array(handle.control);
  const seed = config.hashSeed ?? crypto.getRandomValues(new Uint32Array(2));
  control[CONTROL_HASH_SEED] = seed[0]!;
  control[CONTROL_HASH_SEED + 1] = seed[1]!;
  control[CONTROL_EVICTION] = config.eviction === 'noeviction' ? 0 : EVICTS;
  const parts = assembleStoreParts(handle, 0);
  resetNamespaces(parts.memory);
  parts.growth.reset();
  return handle;
}

/** The parts of thread `thread`: 0 … threadCount - 1, `janitorRow`, `controlRow` or `diskRow`. One set per row. */
export function assembleStoreParts(handle: StoreHandle, thread: number): StoreParts {
  const memory = new StoreMemory(handle, thread);
  const { control } = memory;
  const newHash = () => new KeyHash(control[CONTROL_HASH_SEED]!, control[CONTROL_HASH_SEED + 1]!);
  const pool = new SegmentPool(memory);
  const overflow = new OverflowBuckets(memory, pool);
  const index = new BucketIndex(memory, overflow);
  const ghosts = control[CONTROL_EVICTION] === EVICTS ? new Ghosts(memory) : null;
  const log = new ItemLog(memory, pool);
  const slotCounters = new SlotCounters(memory);
  const changes = new ChangeRing(memory);
  const keptSlots = new KeptSlots(memory);
  const accounts = new ItemAccounts(memory, slotCounters, changes);
  return {
    memory,
    pool,
    log,
    large: new LargeItems(memory, pool),
    index,
    growth: new IndexGrowth(memory, { index, overflow, ghosts, pool }),
    ghosts,
    accounts,
    slotCounters,
    keptSlots,
    changes,
    reclaimer: new Reclaimer(memory, { pool, log, index, hash: newHash(), accounts, ghosts, slotCounters, keptSlots }),
    watches: new WatchTable(memory),
    exclusive: new ExclusiveSection(memory),
    keysAhead: new KeysAhead(memory, index, newHash()),
    hash: newHash(),
  };
}
