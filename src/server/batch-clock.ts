/**
 * When batches begin and end. Monotonic time is read at both; what time of day it is, sessions that are served as a group ask together, as long as
 * that was a moment ago: an item's life is counted in whole ms.
 */
import type { Clock } from './environment.ts';

/** How old the time of day may be in a group. */
const SAME_MS_MAX = 0.1;

export class BatchClock {
  /** Of the batch at hand, ms since 1970. */
  nowMs = 0;
  /** Monotonic ms. */
  startedAtMs = 0;
  private readonly clock: Clock;
  private inGroup = false;
  /** Monotonic ms of when `nowMs` was read in this group. */
  private readAtMs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  beginGroup(): void {
    this.inGroup = true;
    this.readAtMs = Number.NEGATIVE_INFINITY;
  }

  endGroup(): void {
    this.inGroup = false;
  }

  begin(): void {
    const { clock } = this;
    this.startedAtMs = clock.monotonicMs();
    if (this.inGroup && this.startedAtMs - this.readAtMs < SAME_MS_MAX) return;
    this.nowMs = clock.nowMs();
    this.readAtMs = this.startedAtMs;
  }

  /** Monotonic ms. */
  end(): number {
    return this.clock.monotonicMs();
  }
}
