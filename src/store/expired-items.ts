/**
 * Removal of the expired items of a segment, for the reclaimer. It also notes the segment's next expiry, of which the segment's record has a lower
 * bound. Items of kept slots stay until the node that serves them says so; the segment is looked at again for them, but not at once.
 */
import type { BucketIndex } from './bucket-index.ts';
import { NEVER_TICK, noteExpiry, noteExpiryTick } from './expiry-tick.ts';
import type { KeyHash } from './hash.ts';
import { ItemView } from './item.ts';
import type { ItemAccounts } from './item-accounts.ts';
import type { KeptSlots } from './kept-slots.ts';
import {
  ITEM_DEAD,
  SEGMENT_EXPIRY,
  SEGMENT_PREFIX_BYTES,
  SEGMENT_QUEUE,
  SEGMENT_STATE,
  SEGMENT_USED,
  SegmentState,
  THREAD_OPEN_BYTES,
  THREAD_OPEN_SEGMENT,
  THREAD_WORDS,
  WORD_SHIFT,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';

/** A segment with expired items that are kept is walked again after this: by then they should be gone, or not be kept any more. */
const KEPT_AGAIN_MS = 2000;

export class ExpiredItems {
  private readonly memory: StoreMemory;
  private readonly control: Int32Array;
  private readonly index: BucketIndex;
  private readonly hash: KeyHash;
  private readonly accounts: ItemAccounts;
  private readonly keptSlots: KeptSlots;
  private readonly walked: ItemView;

  constructor(
    memory: StoreMemory,
    parts: {
      readonly index: BucketIndex;
      readonly hash: KeyHash;
      readonly accounts: ItemAccounts;
      readonly keptSlots: KeptSlots;
    },
  ) {
    this.memory = memory;
    this.control = memory.control;
    this.index = parts.index;
    this.hash = parts.hash;
    this.accounts = parts.accounts;
    this.keptSlots = parts.keptSlots;
    this.walked = new ItemView(memory);
  }

  /** Removes those of `segment`. False where it holds no items. Under the drain lock. */
  removeFrom(segment: number, nowMs: number): boolean {
    const record = this.memory.record(segment);
    const state = this.control[record + SEGMENT_STATE]!;
    const isLarge = state === SegmentState.large;
    if (state !== SegmentState.sealed && state !== SegmentState.open && !isLarge) return false;
    // Reset before anything is read: an item that another thread appends or changes from here on is noted again.
    const tick = Atomics.exchange(this.control, record + SEGMENT_EXPIRY, NEVER_TICK);
    const filled = isLarge ? SEGMENT_PREFIX_BYTES + 1 : this.filledBytes(segment);
    if (filled === 0) {
      noteExpiryTick(this.control, record + SEGMENT_EXPIRY, tick);
      return false;
    }
    const start = this.memory.segmentStart(segment);
    const end = start + filled;
    const item = this.walked;
    const arena = this.memory.arenaOf(segment);
    for (let position = start + SEGMENT_PREFIX_BYTES; position < end; position += item.size) {
      item.at(arena, position >> WORD_SHIFT);
      if ((item.flags & ITEM_DEAD) !== 0) continue;
      const expiresAtMs = item.expiresAtMs;
      if (expiresAtMs === 0) continue;
      if (expiresAtMs > nowMs) noteExpiry(this.control, record + SEGMENT_EXPIRY, expiresAtMs);
      else if (this.keptSlots.hasItem(item)) noteExpiry(this.control, record + SEGMENT_EXPIRY, nowMs + KEPT_AGAIN_MS);
      else this.removeOne(arena, nowMs);
    }
    return true;
  }

  /** Removes the item at hand, if the index has it and it is expired still. */
  private removeOne(arena: number, nowMs: number): void {
    const item = this.walked;
    this.hash.update(item.bytes, item.keyStart, item.keyLength, item.namespace);
    this.index.lock(this.hash);
    if (this.index.findLocation(arena, item.word) && this.index.item.isExpired(nowMs))
      this.accounts.expired(this.index);
    this.index.unlock();
  }

  /** How far a segment is filled: as sealed, or as its owner last published. 0 where it is just being sealed. */
  private filledBytes(segment: number): number {
    const { control } = this;
    const sealed = Atomics.load(control, this.memory.record(segment) + SEGMENT_USED);
    if (sealed !== 0) return sealed;
    const queue = control[this.memory.record(segment) + SEGMENT_QUEUE]!;
    const end = this.memory.map.segments;
    for (let thread = this.memory.map.threads; thread < end; thread += THREAD_WORDS) {
      const open = thread + THREAD_OPEN_SEGMENT + queue;
      if (Atomics.load(control, open) !== segment) continue;
      const filled = Atomics.load(control, thread + THREAD_OPEN_BYTES + queue);
      // Still open: so the mark is this segment's and not that of the next one.
      return Atomics.load(control, open) === segment ? filled : 0;
    }
    return 0;
  }
}
