/**
 * Where items are written: this thread's open segments, one for each queue. Only their owner appends, so allocation is an
 * addition; a full segment is sealed and joins its queue. Items too long for that take segments of their own (large-items.ts).
 *
 * Order of a write: `ensure` room (may take a segment; no bucket is locked), then under the bucket's lock `append`, fill, link, and after
 * the unlock `publish`, so that who reads the fill mark sees whole items before it.
 */
import {
  type Queue,
  SEGMENT_PREFIX_BYTES,
  SegmentState,
  THREAD_OPEN_BYTES,
  THREAD_OPEN_SEGMENT,
  WORD_SHIFT,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import { NO_SEGMENT, type SegmentPool } from './segment-pool.ts';

export class ItemLog {
  /** Where the last `append` put its item. */
  arena = 0;
  word = 0;
  /** The longest item that goes to an open segment. A longer one would waste too much of it. */
  readonly inlineBytesMax: number;
  private readonly memory: StoreMemory;
  private readonly pool: SegmentPool;
  private readonly control: Int32Array;
  /** Fill marks by queue, ahead of the published ones while an item is written. */
  private readonly filled = [0, 0, 0];

  constructor(memory: StoreMemory, pool: SegmentPool) {
    this.memory = memory;
    this.pool = pool;
    this.control = memory.control;
    this.inlineBytesMax = memory.segmentBytes / 2;
  }

  /** Whether `queue`'s open segment has room for `bytes`. */
  hasRoom(queue: Queue, bytes: number): boolean {
    const control = this.control;
    return (
      control[this.memory.threadWord + THREAD_OPEN_SEGMENT + queue] !== NO_SEGMENT &&
      control[this.memory.threadWord + THREAD_OPEN_BYTES + queue]! + bytes <= this.memory.segmentBytes
    );
  }

  /** Makes room for `bytes` in `queue`'s open segment; false where no segment beyond `reserve` is free. No bucket may be locked. */
  ensure(queue: Queue, bytes: number, reserve: number): boolean {
    if (this.hasRoom(queue, bytes)) return true;
    const next = this.pool.take(SegmentState.open, queue, reserve);
    if (next === NO_SEGMENT) return false;
    this.seal(queue);
    // In this order for who reads both: while the segment's number stands there, the fill mark is its own.
    Atomics.store(this.control, this.memory.threadWord + THREAD_OPEN_BYTES + queue, SEGMENT_PREFIX_BYTES);
    Atomics.store(this.control, this.memory.threadWord + THREAD_OPEN_SEGMENT + queue, next);
    return true;
  }

  /** Takes `bytes` of `queue`'s open segment, after `ensure`; `arena` and `word` tell where. */
  append(queue: Queue, bytes: number): void {
    const segment = this.control[this.memory.threadWord + THREAD_OPEN_SEGMENT + queue]!;
    const filled = this.control[this.memory.threadWord + THREAD_OPEN_BYTES + queue]!;
    this.arena = this.memory.arenaOf(segment);
    this.word = (this.memory.segmentStart(segment) + filled) >> WORD_SHIFT;
    this.filled[queue] = filled + bytes;
  }

  /**
   * Moves `queue`'s fill mark behind the item just written. After the bucket's unlock, and before the item's expiry is noted; atomic, so that
   * all threads see the item's bytes, this and the note in that order.
   */
  publish(queue: Queue): void {
    Atomics.store(this.control, this.memory.threadWord + THREAD_OPEN_BYTES + queue, this.filled[queue]!);
  }

  /** Seals `queue`'s open segment, if there is one. */
  seal(queue: Queue): void {
    const word = this.memory.threadWord;
    const segment = this.control[word + THREAD_OPEN_SEGMENT + queue]!;
    if (segment === NO_SEGMENT) return;
    Atomics.store(this.control, word + THREAD_OPEN_SEGMENT + queue, NO_SEGMENT);
    this.pool.seal(segment, SegmentState.sealed, this.control[word + THREAD_OPEN_BYTES + queue]!);
  }
}
