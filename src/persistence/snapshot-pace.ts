/**
 * Spreads a snapshot's slices over time, so that data threads which share its processor find it free most of the time. After a slice comes a rest of so many times as
 * long as the slice took. How long that was is seen without a clock: whoever steps comes back at once after a slice. On a busy processor, where a slice takes longer, the rest is
 * longer too; what the disk takes is not made up for beyond REST_MS_MAX.
 */

/** A snapshot takes a third of a processor at most. */
const REST_FACTOR = 2;
const REST_MS_MAX = 3;

export class SnapshotPace {
  private sliceBeganMs: number | null = null;
  private dueMs = Number.NEGATIVE_INFINITY;

  /** Whether a slice is to be written now, at `nowMs`. */
  begins(nowMs: number): boolean {
    if (this.sliceBeganMs !== null) {
      this.dueMs = nowMs + Math.min(REST_MS_MAX, REST_FACTOR * (nowMs - this.sliceBeganMs));
      this.sliceBeganMs = null;
    }
    if (nowMs < this.dueMs) return false;
    this.sliceBeganMs = nowMs;
    return true;
  }

  /** When `begins` is to be asked again; after a slice, at once. */
  nextMs(nowMs: number): number {
    return this.sliceBeganMs === null ? this.dueMs : nowMs;
  }
}
