/**
 * Bookkeeping of what lives and what is dead: each change to the index that adds, moves or removes an item goes through here, so that
 * the sums agree: live bytes of all threads' counters = bytes of all items in the index, and dead bytes of the counters
 * = dead bytes of all segments; and the counters of hash slots agree with them. The bucket is locked by the caller and its `item` is
 * the one meant.
 */
import type { BucketIndex } from './bucket-index.ts';
import { ChangeOperation, type ChangeRing } from './change-ring.ts';
import type { ItemView } from './item.ts';
import {
  COUNTER_NAMESPACE_EXPIRING,
  COUNTER_NAMESPACE_ITEMS,
  COUNTER_DEAD_BYTES,
  COUNTER_EVICTED,
  COUNTER_EXPIRED,
  COUNTER_ITEMS,
  COUNTER_LIVE_BYTES,
  ITEM_DEAD,
  SEGMENT_DEAD,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import type { SlotCounters } from './slot-counters.ts';

export class ItemAccounts {
  private readonly memory: StoreMemory;
  private readonly slots: SlotCounters;
  private readonly changes: ChangeRing;

  constructor(memory: StoreMemory, slots: SlotCounters, changes: ChangeRing) {
    this.memory = memory;
    this.slots = slots;
    this.changes = changes;
  }

  /** A new item of `size` bytes was written. */
  added(item: ItemView, size: number): void {
    this.memory.count(COUNTER_ITEMS, 1);
    this.memory.count(COUNTER_LIVE_BYTES, size);
    this.memory.count(COUNTER_NAMESPACE_ITEMS + item.namespace, 1);
    if (item.expiresAtMs !== 0) this.memory.count(COUNTER_NAMESPACE_EXPIRING + item.namespace, 1);
    this.slots.count(item, 1, size);
  }

  /** An item's expiry went from `beforeMs` to `afterMs`. */
  expiryChanged(namespace: number, beforeMs: number, afterMs: number): void {
    const delta = (afterMs === 0 ? 0 : 1) - (beforeMs === 0 ? 0 : 1);
    if (delta !== 0) this.memory.count(COUNTER_NAMESPACE_EXPIRING + namespace, delta);
  }

  /** The found item goes: its slot is emptied. */
  removed(index: BucketIndex): void {
    const item = index.item;
    this.memory.count(COUNTER_ITEMS, -1);
    this.memory.count(COUNTER_NAMESPACE_ITEMS + item.namespace, -1);
    if (item.expiresAtMs !== 0) this.memory.count(COUNTER_NAMESPACE_EXPIRING + item.namespace, -1);
    this.slots.count(item, -1, -item.size);
    this.bury(item);
    index.remove();
  }

  /** The found item has expired and goes. Who read it before by an earlier clock must not write as if it were still there. */
  expired(index: BucketIndex): void {
    this.removedByItself(index, ChangeOperation.expired);
    this.memory.count(COUNTER_EXPIRED, 1);
  }

  /** The found item goes without a word: it was another node's. `received`: but for a word to who keeps the store on disk. */
  givenUp(index: BucketIndex, note: 'silent' | 'received' = 'silent'): void {
    if (note === 'received') {
      const { item } = index;
      this.changes.changed(ChangeOperation.received, item.namespace, item.bytes, item.keyStart, item.keyLength);
    }
    this.removed(index);
    index.bumpVersion();
  }

  /** The found item goes to make room. */
  evicted(index: BucketIndex): void {
    this.removedByItself(index, ChangeOperation.evicted);
    this.memory.count(COUNTER_EVICTED, 1);
  }

  /** The found item is about to be relocated, as an item of `size` bytes: the copy left behind is dead. */
  moved(index: BucketIndex, size: number): void {
    const growth = size - index.item.size;
    if (growth !== 0) this.slots.count(index.item, 0, growth);
    this.bury(index.item);
    this.memory.count(COUNTER_LIVE_BYTES, size);
  }

  /** A segment with `deadBytes` was freed. */
  segmentFreed(deadBytes: number): void {
    this.memory.count(COUNTER_DEAD_BYTES, -deadBytes);
  }

  /** The change is noted first: the item's bytes are not ours any more once it is buried. */
  private removedByItself(index: BucketIndex, operation: ChangeOperation): void {
    const item = index.item;
    this.changes.changed(operation, item.namespace, item.bytes, item.keyStart, item.keyLength);
    this.removed(index);
    index.bumpVersion();
  }

  private bury(item: ItemView): void {
    const size = item.size;
    // The mark comes last and nothing touches the item after it: the drain frees a segment once each item is marked, or looked up in vain.
    this.memory.count(COUNTER_LIVE_BYTES, -size);
    this.memory.count(COUNTER_DEAD_BYTES, size);
    Atomics.add(
      this.memory.control,
      this.memory.record(this.memory.segmentAt(item.arena, item.word)) + SEGMENT_DEAD,
      size,
    );
    item.setFlag(ITEM_DEAD, true);
  }
}
