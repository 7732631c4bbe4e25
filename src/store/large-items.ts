/**
 * Items too long for an open segment take segments of their own: the head begins like any item (its header and key fit there), and the
 * value goes on in the segments that SEGMENT_CONTINUED names, from their first byte to their last. The price is an unused end of the last
 * segment; the gain is that no free run of segments is ever needed, and that moving such an item between queues copies nothing.
 */
import { type ItemView, copyBytes } from './item.ts';
import { type Queue, SEGMENT_CONTINUED, SEGMENT_PREFIX_BYTES, SegmentState, WORD_SHIFT } from './layout.ts';
import type { StoreMemory } from './memory.ts';
import type { SegmentPool } from './segment-pool.ts';

export class LargeItems {
  private readonly memory: StoreMemory;
  private readonly pool: SegmentPool;

  constructor(memory: StoreMemory, pool: SegmentPool) {
    this.memory = memory;
    this.pool = pool;
  }

  /** Segments that an item of `bytes` takes. */
  segmentCount(bytes: number): number {
    return Math.ceil((bytes + SEGMENT_PREFIX_BYTES) / this.memory.segmentBytes);
  }

  /**
   * Takes the segments for an item of `bytes`, leaving `reserve` free; NO_SEGMENT where they are not there. Returns the head, which the
   * drain does not see before `seal`.
   */
  take(bytes: number, queue: Queue, reserve: number): number {
    return this.pool.takeChain(this.segmentCount(bytes), queue, reserve);
  }

  /** Gives the head of an item of `bytes` to its queue. Under the lock of the bucket that it was just linked in. */
  seal(head: number, bytes: number): void {
    this.pool.seal(head, SegmentState.large, SEGMENT_PREFIX_BYTES + bytes);
  }

  /** The word of `head` where its item begins. */
  itemWord(head: number): number {
    return (this.memory.segmentStart(head) + SEGMENT_PREFIX_BYTES) >> WORD_SHIFT;
  }

  /** Copies the item's value to `to`. */
  readValue(item: ItemView, to: Uint8Array, toStart: number): void {
    this.eachPart(item, (bytes, start, offset, length) => copyBytes(bytes, start, to, toStart + offset, length));
  }

  /** Overwrites the item's value with as many bytes of `from`. */
  writeValue(item: ItemView, from: Uint8Array, fromStart: number): void {
    this.eachPart(item, (bytes, start, offset, length) => copyBytes(from, fromStart + offset, bytes, start, length));
  }

  private eachPart(
    item: ItemView,
    visit: (bytes: Uint8Array, start: number, offset: number, length: number) => void,
  ): void {
    let segment = this.memory.segmentAt(item.arena, item.word);
    let start = item.valueStart;
    let offset = 0;
    for (;;) {
      const room = this.memory.segmentStart(segment) + this.memory.segmentBytes - start;
      const length = Math.min(room, item.valueLength - offset);
      visit(this.memory.bytes[this.memory.arenaOf(segment)]!, start, offset, length);
      offset += length;
      if (offset === item.valueLength) return;
      segment = this.memory.control[this.memory.record(segment) + SEGMENT_CONTINUED]!;
      start = this.memory.segmentStart(segment);
    }
  }
}
