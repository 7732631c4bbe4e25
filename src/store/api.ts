/**
 * What the store promises to the rest of the node. `Store` (store.ts) is the one implementation; this page is the contract
 * that command handlers are written against.
 *
 * Times: `nowMs` is ms since 1970, passed in by the caller and the same for a whole batch. An item whose expiry is
 * at or before `nowMs` does not exist, for every operation. Every operation on one key is atomic among all threads.
 * Sizes over KEY_BYTES_MAX or the store's largest value are for the caller to refuse (they are asserted here).
 */
import type { ItemInfo, ItemSnapshot, Key, WriteOptions, WriteResult } from './types.ts';
import type { KeyBatch } from './key-batch.ts';
import type { KeysAhead } from './keys-ahead.ts';
import type { SlotFilter } from './slot-set.ts';
import type { ValueSink } from '../base/value-sink.ts';

export interface StoreApi {
  /** Whether `get`, `read` and `set` count as a use of the item (CLIENT NO-TOUCH). On at first; for this thread's calls. */
  countsUse: boolean;
  /** Longest key in bytes that this store takes: KEY_BYTES_MAX, or less where its segments are small. */
  readonly keyBytesMax: number;
  /** Longest value in bytes that this store takes. */
  readonly valueBytesMax: number;

  /**
   * The hash slots whose keys are shown to `scan`, `randomKey` and `count`, and deleted by `flush`; null, at first: all. For this thread's calls.
   * A node in a cluster hides what it does not own: what a move has brought so far, and what another has taken over.
   */
  visibleSlots: SlotFilter | null;

  /** Hashes and fetches the keys of requests that are about to run; a key that stands there says so in `Key.place`. */
  readonly keysAhead: KeysAhead;

  /** Copies the value into `sink`. False where the key does not exist (nothing was written). Counts a hit or miss, and as a use. */
  get(key: Key, sink: ValueSink, nowMs: number): boolean;
  /** Fills `info` without the value; counts a hit or miss; counts as a use only with `touch`. */
  inspect(key: Key, info: ItemInfo, touch: boolean, nowMs: number): boolean;
  /** Whether the key exists; like `inspect` without the details and counters: for conditions inside a write command. */
  has(key: Key, nowMs: number): boolean;
  /** Copies the item to `snapshot` for a later `set` with `ifUnchangedSince`. Returns `snapshot.found`. Counts nothing, and as a use. */
  read(key: Key, snapshot: ItemSnapshot, nowMs: number): boolean;
  /** Writes the value. See `WriteOptions` and `WriteResult`. */
  set(key: Key, value: Uint8Array, start: number, length: number, options: WriteOptions, nowMs: number): WriteResult;
  /** Removes the key. With `oldValue`, its value is copied there first (GETDEL). */
  delete(key: Key, oldValue: ValueSink | null, nowMs: number): boolean;
  /** Sets the expiry (`NO_EXPIRY` = PERSIST). `condition`: ExpireCondition bits. An expiry at or before `nowMs` deletes the key and is `stored`. `notStored`: no such key, or the condition failed. */
  expire(key: Key, expiresAtMs: number, condition: number, nowMs: number): WriteResult;

  /** Keys stored in `database`; those expired but not yet removed count, as in Redis. */
  count(database: number): number;
  /** Of those, how many have an expiry. */
  expiringCount(database: number): number;
  /** Items of a hash slot, 0–16383, of all databases; 0 where the store does not count by slot (`StoreGeometry.clustered`). */
  slotCount(slot: number): number;
  /** Bytes of the log that the items of a hash slot take. */
  slotBytes(slot: number): number;
  /** Fills `batch` with up to `countMax` live keys of a hash slot. Looks at items until it has them all: O(N) of the whole store. */
  slotKeys(slot: number, countMax: number, batch: KeyBatch, nowMs: number): void;
  /** Whether a write to a hash slot is to wait: it is being moved, and the move cannot keep up. Ask for slots that are moving only. */
  writersWait(slot: number): boolean;
  /** Exchanges the contents of two databases (SWAPDB). Call inside `exclusive` sections only. */
  swapDatabases(left: number, right: number): void;
  /** Removes every key of `database`, or of all for -1. Call inside `exclusive` sections only. */
  flush(database: number, nowMs: number): void;

  /**
   * Iterates: fills `batch` (cleared first) with the live keys of one bucket of the index that belong to `database`,
   * and returns the next cursor, 0 at the end. Start with 0. A key that is there throughout is given at least once, while
   * the index grows too.
   */
  scan(cursor: number, database: number, batch: KeyBatch, nowMs: number): number;
  /** Fills `batch` with one key of `database` chosen at random (`random01` in [0,1) twice gives the place), or none. */
  randomKey(database: number, random01: () => number, batch: KeyBatch, nowMs: number): boolean;

  /** WATCH: a handle that tells later whether the key was written, evicted or expired since. Release each one. */
  watch(key: Key, nowMs: number): WatchHandle;
  isTouched(handle: WatchHandle, nowMs: number): boolean;
  unwatch(handle: WatchHandle): void;

  /** Tells the other threads that this one is inside a batch; pairs with `leave`. Once per batch, not per command. */
  enter(): void;
  leave(): void;
  /** Inside `enter`/`leave`: waits until every other thread is between batches and keeps them there until `endExclusive`: EXEC, MSETNX, RENAME, COPY, FLUSHALL. Nests. */
  beginExclusive(): void;
  endExclusive(): void;

  /** Whether expired items are removed in the background (they are never shown either way). On at first. */
  setActiveExpiry(on: boolean): void;

  stats(): StoreStats;
  /** Zeroes hits, misses, expired, evicted (CONFIG RESETSTAT). */
  resetStats(): void;
}

/** A watched key as it was. All but the key and its database are the store's own. */
export interface WatchHandle {
  readonly key: Uint8Array;
  readonly database: number;
  readonly namespace: number;
  readonly entry: number;
  readonly version: number;
  readonly existed: boolean;
}

/** Sums over all threads. Bytes and counts; a moment's view. */
export interface StoreStats {
  readonly itemCount: number;
  readonly hits: number;
  readonly misses: number;
  readonly expired: number;
  readonly evicted: number;
  /** Bytes of live items in the log, headers and padding included. */
  readonly liveBytes: number;
  /** Bytes of the log that dead items still hold. */
  readonly deadBytes: number;
  /** Segments in use for items, index and ghosts, in bytes: what counts against the limit. */
  readonly usedBytes: number;
  /** The most that `usedBytes` has been. */
  readonly usedBytesPeak: number;
  readonly indexBytes: number;
  readonly ghostBytes: number;
  /** The limit: `--memory`. */
  readonly memoryBytes: number;
  readonly segmentBytes: number;
  readonly freeSegmentCount: number;
  /** Longest value in bytes that this store takes. */
  readonly valueBytesMax: number;
}
