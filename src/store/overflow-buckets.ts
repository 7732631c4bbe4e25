/**
 * Overflow buckets: where a full bucket goes on. 32 bytes with three slots; number `n` (from 1) lives in a segment that the overflow directory
 * names; those given back form a list through their control words. A handful of instructions under one lock, which nests inside bucket locks.
 */
import {
  BUCKET_CONTROL,
  CONTROL_INDEX_SEGMENTS,
  CONTROL_OVERFLOW_FREE,
  CONTROL_OVERFLOW_LOCK,
  CONTROL_OVERFLOW_NEXT,
  OVERFLOW_BYTES_SHIFT,
  OVERFLOW_WORDS,
  Queue,
  SegmentState,
  WORD_SHIFT,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import { DRAIN_RESERVE_SEGMENTS, NO_SEGMENT, type SegmentPool } from './segment-pool.ts';
import { lock, unlock } from './spin-lock.ts';

export class OverflowBuckets {
  private readonly memory: StoreMemory;
  private readonly pool: SegmentPool;
  private readonly control: Int32Array;
  private readonly perSegmentShift: number;

  constructor(memory: StoreMemory, pool: SegmentPool) {
    this.memory = memory;
    this.pool = pool;
    this.control = memory.control;
    this.perSegmentShift = memory.segmentShift - OVERFLOW_BYTES_SHIFT;
  }

  /** Forgets all. For a new or flushed store, whose segments go back to the pool by themselves. */
  reset(): void {
    this.control[CONTROL_OVERFLOW_NEXT] = 0;
    this.control[CONTROL_OVERFLOW_FREE] = 0;
  }

  /** An empty overflow bucket's number, or 0 where no segment is free for more of them. */
  take(): number {
    const control = this.control;
    lock(control, CONTROL_OVERFLOW_LOCK);
    let taken = control[CONTROL_OVERFLOW_FREE]!;
    if (taken !== 0) {
      control[CONTROL_OVERFLOW_FREE] = this.wordsOf(taken)[this.wordOf(taken) + BUCKET_CONTROL]!;
    } else if ((control[CONTROL_OVERFLOW_NEXT]! & ((1 << this.perSegmentShift) - 1)) !== 0 || this.addSegment()) {
      control[CONTROL_OVERFLOW_NEXT]! += 1;
      taken = control[CONTROL_OVERFLOW_NEXT]!;
    }
    unlock(control, CONTROL_OVERFLOW_LOCK);
    if (taken !== 0) this.wordsOf(taken).fill(0, this.wordOf(taken), this.wordOf(taken) + OVERFLOW_WORDS);
    return taken;
  }

  giveBack(bucket: number): void {
    lock(this.control, CONTROL_OVERFLOW_LOCK);
    this.wordsOf(bucket)[this.wordOf(bucket) + BUCKET_CONTROL] = this.control[CONTROL_OVERFLOW_FREE]!;
    this.control[CONTROL_OVERFLOW_FREE] = bucket;
    unlock(this.control, CONTROL_OVERFLOW_LOCK);
  }

  /** The arena words that hold overflow bucket `bucket`. */
  wordsOf(bucket: number): Int32Array {
    return this.memory.words[this.memory.arenaOf(this.segmentOf(bucket))]!;
  }

  /** Where it begins in them. */
  wordOf(bucket: number): number {
    const inSegment = (bucket - 1) & ((1 << this.perSegmentShift) - 1);
    return (this.memory.segmentStart(this.segmentOf(bucket)) >> WORD_SHIFT) + inSegment * OVERFLOW_WORDS;
  }

  private segmentOf(bucket: number): number {
    return this.control[this.memory.map.overflowDirectory + ((bucket - 1) >> this.perSegmentShift)]!;
  }

  private addSegment(): boolean {
    const segment = this.pool.take(SegmentState.overflow, Queue.none, DRAIN_RESERVE_SEGMENTS);
    if (segment === NO_SEGMENT) return false;
    const entry = this.control[CONTROL_OVERFLOW_NEXT]! >> this.perSegmentShift;
    this.control[this.memory.map.overflowDirectory + entry] = segment;
    Atomics.add(this.control, CONTROL_INDEX_SEGMENTS, 1);
    return true;
  }
}
