/** How long to wait before all is copied again to a replica: at first not at all, then longer each time, so that one that cannot keep up costs little. */

/** The second time, and always double from there, up to the other. */
const DELAY_MS_MIN = 1000;
const DELAY_MS_MAX = 30_000;
/** A copy that comes so long after the last one is a first one. */
const FORGOTTEN_MS = 60_000;

export class CopyDelay {
  private lastAtMs = Number.NEGATIVE_INFINITY;
  private delayMs = 0;

  /** All is to be copied again: returns when, on the clock of `nowMs`. `isFailure`: not at once, the first time neither. */
  next(nowMs: number, isFailure: boolean): number {
    const isFirst = nowMs - this.lastAtMs > FORGOTTEN_MS && !isFailure;
    this.delayMs = isFirst ? 0 : Math.min(DELAY_MS_MAX, Math.max(DELAY_MS_MIN, this.delayMs * 2));
    this.lastAtMs = nowMs;
    return nowMs + this.delayMs;
  }
}
