/**
 * Makes free segments: S3-FIFO over segments (Yang et al., SOSP 2023), compaction, and removal of what has expired.
 *
 * Draining a segment walks its items. Each live one is copied to the reclaiming thread's open segment or let go of, under the lock
 * of its bucket, so no reader is ever inside a segment that is freed. From the oldest small segment, items used twice
 * go to the main queue and the rest leave a ghost; from the oldest main segment, items used since the last pass go round again
 * with one use less. A segment that is mostly dead is compacted instead, whatever its age. Under `noeviction` there is
 * only compaction. Items of slots that are kept for another node (kept-slots.ts) are copied like items in use, however often; a segment with nothing
 * else goes round as it is.
 *
 * One thread at a time reclaims (CONTROL_DRAIN_LOCK, the outermost lock). A drain takes at most one segment before it frees one:
 * that is what the pool's reserve is for.
 */
import { assert } from '../base/assert.ts';
import { KEY_SLOT_COUNT } from '../base/key-slot.ts';
import type { BucketIndex } from './bucket-index.ts';
import { ExpiredItems } from './expired-items.ts';
import { expiryTick, noteExpiry } from './expiry-tick.ts';
import type { Ghosts } from './ghosts.ts';
import type { KeyHash } from './hash.ts';
import { copyBytes, ItemView } from './item.ts';
import type { ItemLog } from './item-log.ts';
import type { KeptSlots } from './kept-slots.ts';
import {
  CONTROL_DRAIN_HAND,
  CONTROL_DRAIN_LOCK,
  CONTROL_EXPIRY_HAND,
  CONTROL_GHOST_SEGMENTS,
  CONTROL_INDEX_SEGMENTS,
  COUNTER_DEAD_BYTES,
  COUNTER_LIVE_BYTES,
  ITEM_DEAD,
  Queue,
  SEGMENT_DEAD,
  SEGMENT_EXPIRY,
  SEGMENT_PREFIX_BYTES,
  SEGMENT_QUEUE,
  SEGMENT_STATE,
  SEGMENT_USED,
  SegmentState,
  THREAD_OPEN_SEGMENT,
  THREAD_WORDS,
  WORD_SHIFT,
} from './layout.ts';
import type { ItemAccounts } from './item-accounts.ts';
import type { StoreMemory } from './memory.ts';
import { DRAIN_RESERVE_SEGMENTS, NO_SEGMENT, type SegmentPool } from './segment-pool.ts';
import type { SlotCounters } from './slot-counters.ts';
import { lock, unlock } from './spin-lock.ts';

/** Uses after which an item leaves the small queue for the main one. The exact S3-FIFO's; 1 costs more copies and no fewer misses. */
const PROMOTION_FREQUENCY = 2;
/** Share of the segments that the small queue keeps. */
const SMALL_SHARE = 0.1;
/** A segment with this share of dead bytes is compacted before anything is evicted. */
const COMPACT_DEAD_SHARE = 0.5;
/** A segment of which nothing may be evicted is not worth copying with less dead than this share. */
const COMPACT_DEAD_SHARE_MIN = 1 / 16;
/** Segments looked at in one search for dead bytes, where something can be evicted instead; and for something to evict among kept items. */
const SEARCH_SEGMENTS_MAX = 1024;
/** What needs more segments than this at once is a long value. */
const LARGE_SEGMENTS_MIN = 2;
/** Drains in a row that freed nothing, every item having been used, after which uses no longer count. */
const FRUITLESS_DRAINS_MAX = 256;

export class Reclaimer {
  private readonly memory: StoreMemory;
  private readonly control: Int32Array;
  private readonly pool: SegmentPool;
  private readonly log: ItemLog;
  private readonly index: BucketIndex;
  private readonly hash: KeyHash;
  private readonly accounts: ItemAccounts;
  private readonly ghosts: Ghosts | null;
  private readonly slotCounters: SlotCounters;
  private readonly keptSlots: KeptSlots;
  private readonly expiredItems: ExpiredItems;
  /** The walk's cursor; the index's own view is for what a look-up finds. */
  private readonly walked: ItemView;
  private fruitlessDrains = 0;
  /** When the last search found nothing that may go: bytes of the store, kept slots, and the tick. */
  private fullDeadBytes = 0;
  private fullLiveBytes = 0;
  private fullKeptCount = 0;
  private fullTick = -1;

  constructor(
    memory: StoreMemory,
    parts: {
      readonly pool: SegmentPool;
      readonly log: ItemLog;
      readonly index: BucketIndex;
      /** Of its own: the store's holds the key of the command that waits. */
      readonly hash: KeyHash;
      readonly accounts: ItemAccounts;
      /** Null: `noeviction`. */
      readonly ghosts: Ghosts | null;
      readonly slotCounters: SlotCounters;
      readonly keptSlots: KeptSlots;
    },
  ) {
    this.memory = memory;
    this.control = memory.control;
    this.pool = parts.pool;
    this.log = parts.log;
    this.index = parts.index;
    this.hash = parts.hash;
    this.accounts = parts.accounts;
    this.ghosts = parts.ghosts;
    this.slotCounters = parts.slotCounters;
    this.keptSlots = parts.keptSlots;
    this.expiredItems = new ExpiredItems(memory, parts);
    this.walked = new ItemView(memory);
  }

  /** Reclaims until `segments` can be taken beside the drain's reserve. False where nothing more can be freed. No bucket may be locked. */
  makeRoom(segments: number, nowMs: number): boolean {
    lock(this.control, CONTROL_DRAIN_LOCK);
    try {
      // What can never be had is refused before anything is evicted for it.
      let progress = segments <= this.attainableSegments(segments > LARGE_SEGMENTS_MIN);
      while (progress && this.pool.freeCount < segments + DRAIN_RESERVE_SEGMENTS) progress = this.reclaim(nowMs);
      return progress;
    } finally {
      unlock(this.control, CONTROL_DRAIN_LOCK);
    }
  }

  /** One step of the same kind, for the janitor: frees about one segment. */
  reclaimOnce(nowMs: number): boolean {
    lock(this.control, CONTROL_DRAIN_LOCK);
    try {
      return this.reclaim(nowMs);
    } finally {
      unlock(this.control, CONTROL_DRAIN_LOCK);
    }
  }

  /** Looks at `segmentsMax` segments at most and removes expired items from those that have some. Returns how many were walked. */
  removeExpired(segmentsMax: number, nowMs: number): number {
    lock(this.control, CONTROL_DRAIN_LOCK);
    try {
      const due = expiryTick(nowMs);
      let walkedCount = 0;
      let segment = this.control[CONTROL_EXPIRY_HAND]!;
      for (let looked = 0; looked < this.memory.segmentCount && walkedCount < segmentsMax; looked += 1) {
        segment = segment + 1 < this.memory.segmentCount ? segment + 1 : 1;
        if (
          this.control[this.memory.record(segment) + SEGMENT_EXPIRY]! < due &&
          this.expiredItems.removeFrom(segment, nowMs)
        )
          walkedCount += 1;
      }
      this.control[CONTROL_EXPIRY_HAND] = segment;
      return walkedCount;
    } finally {
      unlock(this.control, CONTROL_DRAIN_LOCK);
    }
  }

  /** Segments that would be free if every item went, but for those that other threads hold open; `exactly`: kept items do not go. */
  private attainableSegments(exactly: boolean): number {
    const { control } = this;
    let taken = control[CONTROL_INDEX_SEGMENTS]! + control[CONTROL_GHOST_SEGMENTS]! + DRAIN_RESERVE_SEGMENTS;
    for (let thread = this.memory.map.threads; thread < this.memory.map.segments; thread += THREAD_WORDS) {
      if (thread === this.memory.threadWord) continue;
      for (const queue of [Queue.small, Queue.main])
        if (control[thread + THREAD_OPEN_SEGMENT + queue] !== NO_SEGMENT) taken += 1;
    }
    if (exactly && this.keptSlots.count > 0) taken += Math.floor(this.keptBytes() / this.memory.segmentBytes);
    return this.memory.segmentCount - taken;
  }

  private reclaim(nowMs: number): boolean {
    if (this.isKnownFull(nowMs)) return false;
    const deadest = this.findDeadest();
    // A segment in which all is dead is walked too: who buried its last item may yet have to mark it so, under its bucket's lock.
    if (
      deadest !== NO_SEGMENT &&
      this.deadShare(deadest) >= (this.ghosts === null ? COMPACT_DEAD_SHARE_MIN : COMPACT_DEAD_SHARE)
    ) {
      this.drain(deadest, false, nowMs);
      return true;
    }
    if (this.ghosts === null) {
      if (this.removeExpiredSomewhere(nowMs) || this.sealOwnDead()) return true;
      this.noteFull(nowMs);
      return false;
    }
    if (this.isAllKept()) {
      this.noteFull(nowMs);
      return false;
    }
    const smallShare = this.pool.queueCount(Queue.small) / this.memory.segmentCount;
    let oldest = this.pool.oldest(smallShare > SMALL_SHARE ? Queue.small : Queue.main);
    if (oldest === NO_SEGMENT) oldest = this.pool.oldest(smallShare > SMALL_SHARE ? Queue.main : Queue.small);
    if (oldest === NO_SEGMENT) return this.sealOwnSegments();
    const freeBefore = this.pool.freeCount;
    if (this.holdsKeptAlone(oldest)) this.pool.requeue(oldest, Queue.main);
    else this.drain(oldest, true, nowMs);
    this.fruitlessDrains = this.pool.freeCount > freeBefore ? 0 : this.fruitlessDrains + 1;
    return true;
  }

  /** Whether a search that found nothing need not be repeated, since hardly anything came or went and no tick began: refusals stay cheap. */
  private isKnownFull(nowMs: number): boolean {
    if (this.fullTick !== expiryTick(nowMs) || this.fullKeptCount !== this.keptSlots.count) return false;
    const deadChange = Math.abs(this.memory.total(COUNTER_DEAD_BYTES) - this.fullDeadBytes);
    const change = deadChange + Math.abs(this.memory.total(COUNTER_LIVE_BYTES) - this.fullLiveBytes);
    return change < this.memory.segmentBytes * COMPACT_DEAD_SHARE_MIN;
  }

  private noteFull(nowMs: number): void {
    this.fullDeadBytes = this.memory.total(COUNTER_DEAD_BYTES);
    this.fullLiveBytes = this.memory.total(COUNTER_LIVE_BYTES);
    this.fullKeptCount = this.keptSlots.count;
    this.fullTick = expiryTick(nowMs);
  }

  /** Whether nothing is left that may be evicted, but for what other threads hold open: kept items have taken all. */
  private isAllKept(): boolean {
    if (this.fruitlessDrains < FRUITLESS_DRAINS_MAX || this.keptSlots.count === 0) return false;
    const bytes = this.memory.total(COUNTER_LIVE_BYTES) + this.memory.total(COUNTER_DEAD_BYTES) - this.keptBytes();
    const queuedCount = this.pool.queueCount(Queue.small) + this.pool.queueCount(Queue.main);
    const looks = Math.min(queuedCount, SEARCH_SEGMENTS_MAX);
    if (this.fruitlessDrains < FRUITLESS_DRAINS_MAX + looks && bytes >= this.memory.segmentBytes) return false;
    // The next search goes on behind this one.
    this.fruitlessDrains = FRUITLESS_DRAINS_MAX;
    return true;
  }

  /** Bytes of the items of kept slots. Looks at the counters of all slots. */
  private keptBytes(): number {
    let bytes = 0;
    for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1)
      if (this.keptSlots.has(slot)) bytes += this.slotCounters.byteCount(slot);
    return bytes;
  }

  /** Whether a sealed segment holds items of kept slots and no others, so that to copy them would free hardly anything. */
  private holdsKeptAlone(segment: number): boolean {
    const record = this.memory.record(segment);
    if (this.keptSlots.count === 0 || this.control[record + SEGMENT_STATE] !== SegmentState.sealed) return false;
    if (this.deadShare(segment) >= COMPACT_DEAD_SHARE_MIN) return false;
    const arena = this.memory.arenaOf(segment);
    const start = this.memory.segmentStart(segment);
    const end = start + this.control[record + SEGMENT_USED]!;
    const item = this.walked;
    for (let position = start + SEGMENT_PREFIX_BYTES; position < end; position += item.size) {
      item.at(arena, position >> WORD_SHIFT);
      if ((item.flags & ITEM_DEAD) === 0 && !this.keptSlots.hasItem(item)) return false;
    }
    return true;
  }

  /** Seals what this thread holds open where enough of it is dead. */
  private sealOwnDead(): boolean {
    let sealed = false;
    for (const queue of [Queue.small, Queue.main]) {
      const segment = this.control[this.memory.threadWord + THREAD_OPEN_SEGMENT + queue]!;
      if (segment === NO_SEGMENT) continue;
      const dead = this.control[this.memory.record(segment) + SEGMENT_DEAD]!;
      if (dead < this.memory.segmentBytes * COMPACT_DEAD_SHARE_MIN) continue;
      this.log.seal(queue);
      sealed = true;
    }
    return sealed;
  }

  /** With nothing sealed, what this thread holds open is all that can be evicted. */
  private sealOwnSegments(): boolean {
    this.log.seal(Queue.small);
    this.log.seal(Queue.main);
    return this.pool.oldest(Queue.small) !== NO_SEGMENT || this.pool.oldest(Queue.main) !== NO_SEGMENT;
  }

  private removeExpiredSomewhere(nowMs: number): boolean {
    const due = expiryTick(nowMs);
    for (let segment = 1; segment < this.memory.segmentCount; segment += 1) {
      const record = this.memory.record(segment);
      if (this.control[record + SEGMENT_EXPIRY]! >= due) continue;
      const deadBefore = this.control[record + SEGMENT_DEAD]!;
      if (this.expiredItems.removeFrom(segment, nowMs) && this.control[record + SEGMENT_DEAD]! > deadBefore) {
        if (this.deadShare(segment) >= COMPACT_DEAD_SHARE_MIN) return true;
      }
    }
    return false;
  }

  /**
   * The sealed segment with the largest share of dead bytes, as far as one search goes. Where nothing may be evicted it goes on until
   * it has one worth compacting: there is no other way to get memory.
   */
  private findDeadest(): number {
    let best = NO_SEGMENT;
    let bestShare = 0;
    let segment = this.control[CONTROL_DRAIN_HAND]!;
    const looks = Math.min(this.memory.segmentCount, SEARCH_SEGMENTS_MAX);
    const looksMax = this.ghosts === null ? this.memory.segmentCount : looks;
    for (let looked = 0; looked < looksMax && bestShare < 1; looked += 1) {
      if (looked >= looks && bestShare >= COMPACT_DEAD_SHARE_MIN) break;
      segment = segment + 1 < this.memory.segmentCount ? segment + 1 : 1;
      const share = this.deadShare(segment);
      if (share > bestShare) {
        best = segment;
        bestShare = share;
      }
    }
    this.control[CONTROL_DRAIN_HAND] = segment;
    return best;
  }

  /** 0 for what is not a sealed segment or a large item. */
  private deadShare(segment: number): number {
    const record = this.memory.record(segment);
    const state = this.control[record + SEGMENT_STATE]!;
    if (state !== SegmentState.sealed && state !== SegmentState.large) return 0;
    const used = this.control[record + SEGMENT_USED]! - SEGMENT_PREFIX_BYTES;
    return used <= 0 ? 1 : this.control[record + SEGMENT_DEAD]! / used;
  }

  /** Empties a sealed segment, evicting what S3-FIFO gives up if `evict`, and frees it. */
  private drain(segment: number, evict: boolean, nowMs: number): void {
    const record = this.memory.record(segment);
    const isLarge = this.control[record + SEGMENT_STATE] === SegmentState.large;
    const fromMain = this.control[record + SEGMENT_QUEUE] === Queue.main;
    const arena = this.memory.arenaOf(segment);
    const start = this.memory.segmentStart(segment);
    const end = isLarge ? start + SEGMENT_PREFIX_BYTES + 1 : start + this.control[record + SEGMENT_USED]!;
    let position = start + SEGMENT_PREFIX_BYTES;
    while (position < end) {
      const item = this.walked;
      item.at(arena, position >> WORD_SHIFT);
      const size = item.size;
      position += size;
      if ((item.flags & ITEM_DEAD) !== 0) continue;
      const target = evict || fromMain ? Queue.main : Queue.small;
      if (!isLarge) assert(this.log.ensure(target, size, 0), 'the reserve has a segment for survivors');
      this.hash.update(item.bytes, item.keyStart, item.keyLength, item.namespace);
      this.index.lock(this.hash);
      if (!this.index.findLocation(arena, item.word)) {
        this.index.unlock();
      } else if (this.index.item.isExpired(nowMs) && !this.keptSlots.hasItem(this.index.item)) {
        this.accounts.expired(this.index);
        this.index.unlock();
      } else if (evict && !this.staysIn(fromMain)) {
        this.accounts.evicted(this.index);
        if (!fromMain) this.ghosts?.add(this.index.bucket, this.hash);
        this.index.unlock();
      } else {
        if (evict) this.index.frequency = fromMain ? Math.max(0, this.index.frequency - 1) : 0;
        if (isLarge) {
          this.index.unlock();
          this.pool.requeue(segment, target);
          return;
        }
        this.move(target, size);
        this.index.unlock();
        this.log.publish(target);
      }
    }
    this.accounts.segmentFreed(this.control[record + SEGMENT_DEAD]!);
    this.pool.release(segment);
  }

  /** Whether the found item survives a drain that evicts. */
  private staysIn(fromMain: boolean): boolean {
    if (this.keptSlots.hasItem(this.index.item)) return true;
    if (this.fruitlessDrains >= FRUITLESS_DRAINS_MAX) return false;
    return this.index.frequency >= (fromMain ? 1 : PROMOTION_FREQUENCY);
  }

  /** Copies the found item to this thread's open segment of `queue`. Its bucket is locked, there is room. */
  private move(queue: Queue, size: number): void {
    const from = this.index.item;
    this.log.append(queue, size);
    const fromStart = from.word << WORD_SHIFT;
    copyBytes(from.bytes, fromStart, this.memory.bytes[this.log.arena]!, this.log.word << WORD_SHIFT, size);
    this.accounts.moved(this.index, size);
    this.index.relocate(this.log.arena, this.log.word);
    const expiresAtMs = from.expiresAtMs;
    if (expiresAtMs !== 0) {
      const target = this.memory.segmentAt(this.log.arena, this.log.word);
      noteExpiry(this.control, this.memory.record(target) + SEGMENT_EXPIRY, expiresAtMs);
    }
  }
}
