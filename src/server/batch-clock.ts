/**
 * When batches begin and end. Of sessions that are served as a group each begins where the one before it ended, and what time of day it is is asked once:
 * reading a clock three times costs as much as finding an item.
 */
import type { Clock } from './environment.ts';

/** After so long in a group the clocks are read again. */
const SAME_MS_MAX = 0.1;

export class BatchClock {
  /** Of the batch at hand, ms since 1970. */
  nowMs = 0;
  /** Monotonic ms. */
  startedAtMs = 0;
  private readonly clock: Clock;
  private endedAtMs = 0;
  /** Monotonic ms of when the times of this group were read; infinite: there is none. */
  private readAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  beginGroup(): void {
    this.read();
    this.endedAtMs = this.startedAtMs;
    this.readAtMs = this.startedAtMs;
  }

  endGroup(): void {
    this.readAtMs = Number.POSITIVE_INFINITY;
  }

  begin(): void {
    const sinceReadMs = this.endedAtMs - this.readAtMs;
    if (sinceReadMs >= 0 && sinceReadMs < SAME_MS_MAX) this.startedAtMs = this.endedAtMs;
    else this.read();
  }

  /** Monotonic ms. */
  end(): number {
    this.endedAtMs = this.clock.monotonicMs();
    return this.endedAtMs;
  }

  private read(): void {
    this.nowMs = this.clock.nowMs();
    this.startedAtMs = this.clock.monotonicMs();
    if (this.readAtMs !== Number.POSITIVE_INFINITY) this.readAtMs = this.startedAtMs;
  }
}
