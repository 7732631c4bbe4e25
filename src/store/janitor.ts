/**
 * Background work on a store: keeps free segments in reserve, so that a write hardly ever waits for a drain, and removes what has expired.
 * Sans-IO: `step` does a bounded piece of work; a thread of its own (`janitor-thread.ts`) or the data thread between
 * batches calls it.
 */
import { CONTROL_EXPIRY_HELD } from './layout.ts';
import { reserveSegments } from './segment-reserve.ts';
import type { Store } from './store.ts';

/** Segments with expired items walked between two ticks: all in turn, but never so many that a core is busy with it. */
const EXPIRY_SHARE = 1 / 256;
const EXPIRY_SEGMENTS_MIN = 8;
/** Of those, how many one step walks: exclusive sections and writers short of memory wait for a step. */
const EXPIRY_SEGMENTS_PER_STEP = 4;

export class Janitor {
  private readonly store: Store;
  private readonly segmentsWanted: number;
  private readonly expirySegments: number;
  /** Of those, how many are left before the next tick. */
  private expirySegmentsLeft: number;

  /** `store`: this thread's access; the janitor works under its row. */
  constructor(store: Store) {
    this.store = store;
    const { segmentCount } = store.parts.memory;
    this.segmentsWanted = reserveSegments(segmentCount);
    this.expirySegments = Math.max(EXPIRY_SEGMENTS_MIN, Math.round(segmentCount * EXPIRY_SHARE));
    this.expirySegmentsLeft = this.expirySegments;
  }

  /** A bounded piece of work. True: call again soon; false: nothing to do before the next tick or wake-up. */
  step(nowMs: number): boolean {
    const { memory, pool, reclaimer } = this.store.parts;
    this.store.enter();
    try {
      if (pool.freeCount < this.segmentsWanted && reclaimer.reclaimOnce(nowMs)) return true;
      if (memory.control[CONTROL_EXPIRY_HELD] === 0) {
        const wanted = Math.min(this.expirySegmentsLeft, EXPIRY_SEGMENTS_PER_STEP);
        const walked = reclaimer.removeExpired(wanted, nowMs);
        this.expirySegmentsLeft -= walked;
        if (walked === wanted && this.expirySegmentsLeft > 0) return true;
      }
      this.expirySegmentsLeft = this.expirySegments;
      return false;
    } finally {
      this.store.leave();
    }
  }
}
