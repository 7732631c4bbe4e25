/**
 * Writes items: finds the memory, fills it, and links it in the locked bucket. The steps that may have to wait for memory come before the
 * lock; the steps under it cannot fail.
 */
import type { BucketIndex } from './bucket-index.ts';
import { noteExpiry } from './expiry-tick.ts';
import { wakeJanitor } from './segment-reserve.ts';
import type { IndexGrowth } from './index-growth.ts';
import { copyBytes, ItemView, itemBytes } from './item.ts';
import type { ItemAccounts } from './item-accounts.ts';
import type { ItemLog } from './item-log.ts';
import type { LargeItems } from './large-items.ts';
import {
  ITEM_EXPIRY,
  ITEM_LAYOUT_FLAGS,
  ITEM_RAW,
  Queue,
  SEGMENT_EXPIRY,
  SEGMENT_QUEUE,
  SEGMENT_STATE,
  SegmentState,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import type { Reclaimer } from './reclaimer.ts';
import { DRAIN_RESERVE_SEGMENTS, NO_SEGMENT, type SegmentPool } from './segment-pool.ts';
import type { StoreParts } from './store-parts.ts';
import { type Key, NO_EXPIRY } from './types.ts';

export class ItemWriter {
  private readonly memory: StoreMemory;
  private readonly pool: SegmentPool;
  private readonly log: ItemLog;
  private readonly large: LargeItems;
  private readonly index: BucketIndex;
  private readonly accounts: ItemAccounts;
  private readonly growth: IndexGrowth;
  private readonly reclaimer: Reclaimer;
  private readonly written: ItemView;

  constructor(parts: StoreParts) {
    this.memory = parts.memory;
    this.pool = parts.pool;
    this.log = parts.log;
    this.large = parts.large;
    this.index = parts.index;
    this.accounts = parts.accounts;
    this.growth = parts.growth;
    this.reclaimer = parts.reclaimer;
    this.written = new ItemView(parts.memory);
  }

  /** Makes room for `bytes` in this thread's open segment of `queue`; false where there is no memory. No bucket may be locked. */
  reserve(queue: Queue, bytes: number, nowMs: number): boolean {
    if (this.log.hasRoom(queue, bytes)) return true;
    while (!this.log.ensure(queue, bytes, DRAIN_RESERVE_SEGMENTS)) {
      if (this.reclaimer.makeRoom(1 + this.growth.segmentsWanted, nowMs)) continue;
      // What was freed may do for the item, if not for the index.
      if (!this.log.hasRoom(queue, bytes) && !this.reclaimer.makeRoom(1, nowMs)) return false;
    }
    wakeJanitor(this.memory, this.pool);
    return true;
  }

  /** Takes segments for a large item of `bytes`: the head, or NO_SEGMENT where there is no memory. No bucket may be locked. */
  reserveLarge(bytes: number, nowMs: number): number {
    for (;;) {
      const head = this.large.take(bytes, Queue.small, DRAIN_RESERVE_SEGMENTS);
      if (head !== NO_SEGMENT) {
        wakeJanitor(this.memory, this.pool);
        return head;
      }
      if (!this.reclaimer.makeRoom(this.large.segmentCount(bytes), nowMs)) return NO_SEGMENT;
    }
  }

  /** Frees a segment so that the index may get an overflow bucket. */
  reserveForIndex(nowMs: number): boolean {
    return this.reclaimer.makeRoom(1, nowMs);
  }

  /** The queue that the found item is in. */
  queueOf(item: ItemView): Queue {
    return this.memory.control[this.memory.record(this.segmentOf(item)) + SEGMENT_QUEUE] as Queue;
  }

  isLarge(item: ItemView): boolean {
    if (item.size <= this.log.inlineBytesMax) return false;
    return this.memory.control[this.memory.record(this.segmentOf(item)) + SEGMENT_STATE] === SegmentState.large;
  }

  /** Copies the value of `item` to `to`. */
  copyValue(item: ItemView, to: Uint8Array, toStart: number): void {
    if (this.isLarge(item)) this.large.readValue(item, to, toStart);
    else copyBytes(item.bytes, item.valueStart, to, toStart, item.valueLength);
  }

  /** Overwrites the found item where it stands, if the new one has its size and layout. `flags`: the layout wanted, and RAW. */
  overwrite(flags: number, value: Uint8Array, start: number, length: number, expiresAtMs: number): boolean {
    const item = this.index.item;
    const layout = item.flags & ITEM_LAYOUT_FLAGS;
    // An item with room for an expiry may go without one, but not the other way round.
    if ((flags & ITEM_LAYOUT_FLAGS) !== layout && ((flags & ITEM_LAYOUT_FLAGS) | ITEM_EXPIRY) !== layout) return false;
    if (itemBytes(layout, item.keyLength, length) !== item.size || this.isLarge(item)) return false;
    if ((layout & ITEM_EXPIRY) !== 0) {
      this.accounts.expiryChanged(item.namespace, item.expiresAtMs, expiresAtMs);
      item.expiresAtMs = expiresAtMs;
    }
    item.writeHeader(item.arena, item.word, layout | (flags & ITEM_RAW), item.keyLength, length);
    copyBytes(value, start, item.bytes, item.valueStart, length);
    return true;
  }

  /** Writes a new item to this thread's open segment of `queue`, after `reserve`. The bucket is locked; link it next. */
  append(
    queue: Queue,
    key: Key,
    flags: number,
    value: Uint8Array,
    start: number,
    length: number,
    expiresAtMs: number,
  ): void {
    this.log.append(queue, itemBytes(flags, key.length, length));
    this.fill(this.log.arena, this.log.word, key, flags, length, expiresAtMs);
    const item = this.written;
    copyBytes(value, start, item.bytes, item.valueStart, length);
  }

  /**
   * Writes a new item, without its expiry, to the segments that `reserveLarge` took. No bucket need be locked: megabytes are not copied under a
   * lock where that can be helped.
   */
  fillLarge(head: number, key: Key, flags: number, value: Uint8Array, start: number, length: number): void {
    this.fill(this.memory.arenaOf(head), this.large.itemWord(head), key, flags, length, NO_EXPIRY);
    this.large.writeValue(this.written, value, start);
  }

  /** Sets the expiry of the item that `fillLarge` wrote. */
  expireFilled(expiresAtMs: number): void {
    this.written.expiresAtMs = expiresAtMs;
  }

  /** Copies the found item to this thread's open segment of `queue`, with room for an expiry, and links the copy. */
  appendWithExpiry(queue: Queue, expiresAtMs: number): void {
    const from = this.index.item;
    const flags = from.flags | ITEM_EXPIRY;
    this.log.append(queue, itemBytes(flags, from.keyLength, from.valueLength));
    const item = this.written;
    const namespace = from.namespace;
    item.writeHeader(this.log.arena, this.log.word, flags, from.keyLength, from.valueLength);
    item.writeNamespace(namespace);
    item.expiresAtMs = expiresAtMs;
    copyBytes(from.bytes, from.keyStart, item.bytes, item.keyStart, from.keyLength + from.valueLength);
    this.linkInPlaceOfFound();
  }

  /** Points the found slot at the item just written, and buries the one it pointed at. */
  linkInPlaceOfFound(): void {
    const item = this.written;
    this.accounts.expiryChanged(item.namespace, this.index.item.expiresAtMs, item.expiresAtMs);
    this.accounts.moved(this.index, item.size);
    this.index.relocate(item.arena, item.word);
  }

  /** Points an empty slot at the item just written, after `ensureSlot`. */
  linkNew(tag: number): void {
    this.index.insert(tag, this.written.arena, this.written.word);
    this.accounts.added(this.written, this.written.size);
  }

  /** Gives a large item just linked to the drain, in `queue`. The bucket is still locked. */
  sealLarge(head: number, queue: Queue): void {
    this.large.seal(head, this.written.size);
    if (queue !== Queue.small) this.pool.requeue(head, queue);
    this.noteExpiry(this.written);
  }

  /** Gives back the segments of a large item that was not linked. */
  dropLarge(head: number): void {
    this.pool.giveBack(head);
  }

  /** After the bucket's unlock: lets the drain see an item appended to `queue`. */
  publish(queue: Queue): void {
    this.log.publish(queue);
    this.noteExpiry(this.written);
  }

  /** Lets the janitor know of an item's expiry, after it was written and while it cannot be drained. */
  noteExpiry(item: ItemView): void {
    const expiresAtMs = item.expiresAtMs;
    if (expiresAtMs !== 0)
      noteExpiry(this.memory.control, this.memory.record(this.segmentOf(item)) + SEGMENT_EXPIRY, expiresAtMs);
  }

  private segmentOf(item: ItemView): number {
    return this.memory.segmentAt(item.arena, item.word);
  }

  private fill(arena: number, word: number, key: Key, flags: number, length: number, expiresAtMs: number): void {
    const item = this.written;
    item.writeHeader(arena, word, flags, key.length, length);
    item.writeNamespace(key.namespace);
    if ((flags & ITEM_EXPIRY) !== 0) item.expiresAtMs = expiresAtMs;
    copyBytes(key.bytes, key.start, item.bytes, item.keyStart, key.length);
  }
}
