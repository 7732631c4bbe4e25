/**
 * How long to wait before the next attempt to connect: doubling from the first wait to the longest, each time a random
 * part between half of it and all of it, so that clients that lost one node together do not come back together.
 */
export interface BackoffOptions {
  /** Before the first repeated attempt. */
  readonly firstMs: number;
  readonly longestMs: number;
}

export class Backoff {
  private readonly options: BackoffOptions;
  private readonly random01: () => number;
  private failureCount = 0;

  constructor(options: BackoffOptions, random01: () => number) {
    this.options = options;
    this.random01 = random01;
  }

  /** The wait in ms after one more failure. */
  nextMs(): number {
    const { firstMs, longestMs } = this.options;
    const wholeMs = Math.min(longestMs, firstMs * 2 ** Math.min(this.failureCount, DOUBLINGS_MAX));
    this.failureCount += 1;
    return wholeMs * (0.5 + this.random01() / 2);
  }

  /** The next failure is a first one again. */
  reset(): void {
    this.failureCount = 0;
  }
}

/** Beyond this any wait is the longest one, and the power stays finite. */
const DOUBLINGS_MAX = 30;
