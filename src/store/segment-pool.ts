/**
 * The segments: which are free, which belong to the index, and the two FIFO queues that S3-FIFO evicts from.
 *
 * Those given back form a stack and each queue a list, linked through SEGMENT_NEXT; segment 0 is always the index's first, so 0 ends
 * a list. Those that nobody has had are a range, used up from its low end. Ghosts come from its high end: they stay untouched until
 * something is evicted, and must not share a large page with what is used. Everything here happens once per segment filled, under one lock (CONTROL_POOL_LOCK), the innermost of all locks: nothing is
 * called while it is held.
 *
 * The last segments are a reserve for the drain, which needs one to copy survivors to before it can free another.
 */
import {
  CONTROL_FREE_COUNT,
  CONTROL_FREE_COUNT_LEAST,
  CONTROL_FREE_HEAD,
  CONTROL_FRESH_END,
  CONTROL_FRESH_FIRST,
  CONTROL_POOL_LOCK,
  CONTROL_QUEUE_COUNT,
  CONTROL_QUEUE_HEAD,
  CONTROL_QUEUE_TAIL,
  Queue,
  SEGMENT_CONTINUED,
  SEGMENT_DEAD,
  SEGMENT_EXPIRY,
  SEGMENT_NEXT,
  SEGMENT_PREVIOUS,
  SEGMENT_QUEUE,
  SEGMENT_STATE,
  SEGMENT_USED,
  SegmentState,
} from './layout.ts';
import { NEVER_TICK } from './expiry-tick.ts';
import type { StoreMemory } from './memory.ts';
import { lock, unlock } from './spin-lock.ts';

/** Segments that only the drain may take. */
export const DRAIN_RESERVE_SEGMENTS = 2;
/** No segment: what `take` answers when there is none. */
export const NO_SEGMENT = 0;

export class SegmentPool {
  private readonly memory: StoreMemory;
  private readonly control: Int32Array;

  constructor(memory: StoreMemory) {
    this.memory = memory;
    this.control = memory.control;
  }

  /** Frees all segments from `first` on, as if nobody ever had them. For a new or flushed store. */
  reset(first: number): void {
    const control = this.control;
    lock(control, CONTROL_POOL_LOCK);
    for (let segment = first; segment < this.memory.segmentCount; segment += 1) {
      const record = this.memory.record(segment);
      control[record + SEGMENT_STATE] = SegmentState.free;
      control[record + SEGMENT_QUEUE] = Queue.none;
    }
    control[CONTROL_FREE_HEAD] = NO_SEGMENT;
    control[CONTROL_FRESH_FIRST] = first;
    control[CONTROL_FRESH_END] = this.memory.segmentCount;
    control[CONTROL_FREE_COUNT] = this.memory.segmentCount - first;
    if (control[CONTROL_FREE_COUNT_LEAST] === 0) control[CONTROL_FREE_COUNT_LEAST] = control[CONTROL_FREE_COUNT]!;
    for (const queue of [Queue.small, Queue.main]) {
      control[CONTROL_QUEUE_COUNT + queue] = 0;
      control[CONTROL_QUEUE_HEAD + queue] = NO_SEGMENT;
      control[CONTROL_QUEUE_TAIL + queue] = NO_SEGMENT;
    }
    unlock(control, CONTROL_POOL_LOCK);
  }

  get freeCount(): number {
    return Atomics.load(this.control, CONTROL_FREE_COUNT);
  }

  /** Segments of `queue`, the open ones included. */
  queueCount(queue: Queue): number {
    return this.control[CONTROL_QUEUE_COUNT + queue]!;
  }

  /** The oldest sealed segment of `queue`, or NO_SEGMENT. */
  oldest(queue: Queue): number {
    return this.control[CONTROL_QUEUE_HEAD + queue]!;
  }

  /**
   * Takes a free segment, in the given state, if more than `reserve` are free; else NO_SEGMENT.
   * Its contents are whatever was there before.
   */
  take(state: number, queue: Queue, reserve: number): number {
    const control = this.control;
    lock(control, CONTROL_POOL_LOCK);
    if (control[CONTROL_FREE_COUNT]! <= reserve) {
      unlock(control, CONTROL_POOL_LOCK);
      return NO_SEGMENT;
    }
    const segment = this.taken(this.nextFree(), state, queue);
    unlock(control, CONTROL_POOL_LOCK);
    return segment;
  }

  /** Takes a free segment as `take` does, in no queue, from the far end of those that nobody has had. */
  takeFar(state: number, reserve: number): number {
    const control = this.control;
    lock(control, CONTROL_POOL_LOCK);
    if (control[CONTROL_FREE_COUNT]! <= reserve) {
      unlock(control, CONTROL_POOL_LOCK);
      return NO_SEGMENT;
    }
    const isFresh = control[CONTROL_FRESH_FIRST]! < control[CONTROL_FRESH_END]!;
    const segment = this.taken(isFresh ? --control[CONTROL_FRESH_END]! : this.nextFree(), state, Queue.none);
    unlock(control, CONTROL_POOL_LOCK);
    return segment;
  }

  /**
   * Takes `count` segments chained by SEGMENT_CONTINUED, all or none: two threads that each held half of what they need would wait for
   * one another. Returns the head, in the state of a continuation as the rest.
   */
  takeChain(count: number, queue: Queue, reserve: number): number {
    const control = this.control;
    lock(control, CONTROL_POOL_LOCK);
    let head = NO_SEGMENT;
    if (control[CONTROL_FREE_COUNT]! >= count + reserve) {
      for (let taken = 0; taken < count; taken += 1) {
        const segment = this.taken(this.nextFree(), SegmentState.continuation, queue);
        control[this.memory.record(segment) + SEGMENT_CONTINUED] = head;
        head = segment;
      }
    }
    unlock(control, CONTROL_POOL_LOCK);
    return head;
  }

  /** Puts a segment that `take` gave, now full, at the young end of its queue. `used`: its bytes in use. */
  seal(segment: number, state: number, used: number): void {
    const record = this.memory.record(segment);
    lock(this.control, CONTROL_POOL_LOCK);
    this.control[record + SEGMENT_USED] = used;
    this.control[record + SEGMENT_STATE] = state;
    this.append(segment, this.control[record + SEGMENT_QUEUE] as Queue);
    unlock(this.control, CONTROL_POOL_LOCK);
  }

  /** Moves a sealed segment to the young end of `queue` without touching what it holds. */
  requeue(segment: number, queue: Queue): void {
    const control = this.control;
    const record = this.memory.record(segment);
    lock(control, CONTROL_POOL_LOCK);
    this.remove(segment);
    const length = this.chainLength(segment);
    control[CONTROL_QUEUE_COUNT + control[record + SEGMENT_QUEUE]!]! -= length;
    control[CONTROL_QUEUE_COUNT + queue]! += length;
    for (let part = segment; part !== NO_SEGMENT; part = control[this.memory.record(part) + SEGMENT_CONTINUED]!) {
      control[this.memory.record(part) + SEGMENT_QUEUE] = queue;
    }
    this.append(segment, queue);
    unlock(control, CONTROL_POOL_LOCK);
  }

  /** Gives back a sealed segment, with those that it goes on in. Nothing in it is in the index any more. */
  release(segment: number): void {
    lock(this.control, CONTROL_POOL_LOCK);
    this.remove(segment);
    this.free(segment);
    unlock(this.control, CONTROL_POOL_LOCK);
  }

  /** Gives back a segment that was taken and never sealed, with those that it goes on in. */
  giveBack(segment: number): void {
    lock(this.control, CONTROL_POOL_LOCK);
    this.free(segment);
    unlock(this.control, CONTROL_POOL_LOCK);
  }

  /** The free segment to take next, out of the stack or the range. There is one. */
  private nextFree(): number {
    const control = this.control;
    const segment = control[CONTROL_FREE_HEAD]!;
    if (segment === NO_SEGMENT) return control[CONTROL_FRESH_FIRST]!++;
    control[CONTROL_FREE_HEAD] = control[this.memory.record(segment) + SEGMENT_NEXT]!;
    return segment;
  }

  /** Writes down that `segment` is taken. Returns it. */
  private taken(segment: number, state: number, queue: Queue): number {
    const control = this.control;
    const free = control[CONTROL_FREE_COUNT]! - 1;
    const record = this.memory.record(segment);
    control[CONTROL_FREE_COUNT] = free;
    if (free < control[CONTROL_FREE_COUNT_LEAST]!) control[CONTROL_FREE_COUNT_LEAST] = free;
    control[record + SEGMENT_STATE] = state;
    control[record + SEGMENT_QUEUE] = queue;
    control[record + SEGMENT_NEXT] = NO_SEGMENT;
    control[record + SEGMENT_USED] = 0;
    control[record + SEGMENT_DEAD] = 0;
    control[record + SEGMENT_CONTINUED] = 0;
    control[record + SEGMENT_EXPIRY] = NEVER_TICK;
    if (queue !== Queue.none) control[CONTROL_QUEUE_COUNT + queue]! += 1;
    return segment;
  }

  private free(segment: number): void {
    const control = this.control;
    for (let part = segment; part !== NO_SEGMENT; ) {
      const record = this.memory.record(part);
      const next = control[record + SEGMENT_CONTINUED]!;
      const queue = control[record + SEGMENT_QUEUE]!;
      if (queue !== Queue.none) control[CONTROL_QUEUE_COUNT + queue]! -= 1;
      control[record + SEGMENT_STATE] = SegmentState.free;
      control[record + SEGMENT_QUEUE] = Queue.none;
      control[record + SEGMENT_CONTINUED] = 0;
      control[record + SEGMENT_NEXT] = control[CONTROL_FREE_HEAD]!;
      control[CONTROL_FREE_HEAD] = part;
      control[CONTROL_FREE_COUNT]! += 1;
      part = next;
    }
  }

  private chainLength(segment: number): number {
    let length = 0;
    for (let part = segment; part !== NO_SEGMENT; part = this.control[this.memory.record(part) + SEGMENT_CONTINUED]!) {
      length += 1;
    }
    return length;
  }

  private append(segment: number, queue: Queue): void {
    const control = this.control;
    const tail = control[CONTROL_QUEUE_TAIL + queue]!;
    const record = this.memory.record(segment);
    control[record + SEGMENT_NEXT] = NO_SEGMENT;
    control[record + SEGMENT_PREVIOUS] = tail;
    if (tail === NO_SEGMENT) control[CONTROL_QUEUE_HEAD + queue] = segment;
    else control[this.memory.record(tail) + SEGMENT_NEXT] = segment;
    control[CONTROL_QUEUE_TAIL + queue] = segment;
  }

  private remove(segment: number): void {
    const control = this.control;
    const record = this.memory.record(segment);
    const queue = control[record + SEGMENT_QUEUE]!;
    const next = control[record + SEGMENT_NEXT]!;
    const previous = control[record + SEGMENT_PREVIOUS]!;
    if (previous === NO_SEGMENT) control[CONTROL_QUEUE_HEAD + queue] = next;
    else control[this.memory.record(previous) + SEGMENT_NEXT] = next;
    if (next === NO_SEGMENT) control[CONTROL_QUEUE_TAIL + queue] = previous;
    else control[this.memory.record(next) + SEGMENT_PREVIOUS] = previous;
  }
}
