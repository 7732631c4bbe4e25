/** The free segments that the janitor keeps ready for writers, and how a writer asks for more. */
import { CONTROL_FREE_COUNT_LEAST, CONTROL_JANITOR_WAKE } from './layout.ts';
import type { StoreMemory } from './memory.ts';
import { DRAIN_RESERVE_SEGMENTS, type SegmentPool } from './segment-pool.ts';

/** Free segments that the janitor keeps, as a share of all and within bounds. More would be memory that holds nothing. */
const RESERVE_SHARE = 1 / 128;
const RESERVE_SEGMENTS_MIN = 1;
const RESERVE_SEGMENTS_MAX = 32;

/** How many segments the janitor tries to keep free, the drain's own reserve included. */
export function reserveSegments(segmentCount: number): number {
  const wanted = Math.round(segmentCount * RESERVE_SHARE);
  return DRAIN_RESERVE_SEGMENTS + Math.min(Math.max(wanted, RESERVE_SEGMENTS_MIN), RESERVE_SEGMENTS_MAX);
}

/** Asks the janitor to come now, if the reserve has been begun or memory is taken that was never used. */
export function wakeJanitor(memory: StoreMemory, pool: SegmentPool): void {
  const { freeCount } = pool;
  const isFresh = freeCount === Atomics.load(memory.control, CONTROL_FREE_COUNT_LEAST);
  if (freeCount >= reserveSegments(memory.segmentCount) && !isFresh) return;
  if (Atomics.exchange(memory.control, CONTROL_JANITOR_WAKE, 1) === 0)
    Atomics.notify(memory.control, CONTROL_JANITOR_WAKE);
}
