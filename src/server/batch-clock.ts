/**
 * When batches begin and end, for whoever needs the time, and for the statistics of their commands. Reading the clock is dear beside a request: of sessions that are
 * served as a group it is read once for each, so a batch lasts until the next one begins; and what time of day it is they ask together, as long as that
 * was a moment ago.
 */
import type { CommandStatistics } from './command-statistics.ts';
import type { Clock } from './environment.ts';

/** How old the time of day may be in a group; an item's life is counted in whole ms. */
const SAME_MS_MAX = 0.1;

export class BatchClock {
  /** Of the batch at hand, ms since 1970. */
  nowMs = 0;
  /** Monotonic ms. */
  startedAtMs = 0;
  private readonly clock: Clock;
  private readonly statistics: CommandStatistics;
  private inGroup = false;
  /** A batch of the group has ended, and how long it took is not known yet. */
  private isOpenEnded = false;
  /** Monotonic ms of when `nowMs` was read in this group. */
  private readAtMs = 0;

  constructor(clock: Clock, statistics: CommandStatistics) {
    this.clock = clock;
    this.statistics = statistics;
  }

  beginGroup(): void {
    this.inGroup = true;
    this.readAtMs = Number.NEGATIVE_INFINITY;
  }

  endGroup(): void {
    this.inGroup = false;
    if (this.isOpenEnded) this.settle(this.clock.monotonicMs());
  }

  begin(): void {
    const { clock } = this;
    const startedAtMs = clock.monotonicMs();
    if (this.isOpenEnded) this.settle(startedAtMs);
    this.startedAtMs = startedAtMs;
    if (this.inGroup && startedAtMs - this.readAtMs < SAME_MS_MAX) return;
    this.nowMs = clock.nowMs();
    this.readAtMs = startedAtMs;
  }

  /** Monotonic ms; null where it was not read. */
  end(): number | null {
    this.isOpenEnded = this.inGroup;
    if (this.inGroup) return null;
    const endedAtMs = this.clock.monotonicMs();
    this.settle(endedAtMs);
    return endedAtMs;
  }

  private settle(endedAtMs: number): void {
    this.isOpenEnded = false;
    this.statistics.settle(endedAtMs - this.startedAtMs);
  }
}
