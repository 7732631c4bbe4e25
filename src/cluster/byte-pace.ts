/** So many bytes per second, and a burst of a short while: a bucket of tokens that the clock fills. Time is passed in. */

/** How long a pause may be made up for. */
const BURST_MS = 50;
/** One frame fits in any case. */
const BURST_BYTES_MIN: number = 256 * 1024;

export class BytePace {
  private bytesPerMs = 0;
  private burstBytes = 0;
  private allowance = BURST_BYTES_MIN;
  private filledAtMs = Number.NEGATIVE_INFINITY;

  /** `bytesPerSecond`: above 0; Infinity for no limit. */
  constructor(bytesPerSecond: number) {
    this.setRate(bytesPerSecond);
  }

  /** From now on so many; what is owed stays owed. */
  setRate(bytesPerSecond: number): void {
    this.bytesPerMs = bytesPerSecond / 1000;
    this.burstBytes = Math.max(BURST_BYTES_MIN, this.bytesPerMs * BURST_MS);
    this.allowance = Math.min(this.allowance, this.burstBytes);
  }

  /** Whether something may be sent at `nowMs`. What is sent then may be longer than the allowance; the rest is owed. */
  allows(nowMs: number): boolean {
    if (this.bytesPerMs === Number.POSITIVE_INFINITY) return true;
    const passedMs = Math.max(0, nowMs - this.filledAtMs);
    if (passedMs > 0) {
      this.allowance = Math.min(this.burstBytes, this.allowance + passedMs * this.bytesPerMs);
      this.filledAtMs = nowMs;
    }
    return this.allowance > 0;
  }

  spend(bytes: number): void {
    if (this.bytesPerMs !== Number.POSITIVE_INFINITY) this.allowance -= bytes;
  }

  /** When something may be sent again. */
  get readyAtMs(): number {
    return this.allowance > 0 ? this.filledAtMs : this.filledAtMs + (1 - this.allowance) / this.bytesPerMs;
  }
}
