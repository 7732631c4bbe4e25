/** Timers of a reactor, which blocks in its wait and so has none of the event loop's. Few, coarse, and cheap while none is due. Pure. */

/** The longest wait that the kernel's 32 bits can say. */
const WAIT_MS_MAX = 2 ** 31 - 1;

export interface ReactorTimer {
  stop(): void;
}

interface Timer extends ReactorTimer {
  dueAtMs: number;
  /** 0: it runs once. */
  readonly intervalMs: number;
  readonly callback: () => void;
}

export class ReactorTimers {
  private readonly timers = new Set<Timer>();
  /** No timer is due before; infinite where there is none. */
  private earliestMs = Number.POSITIVE_INFINITY;

  /** Calls `callback` at `nowMs + delayMs`, and every `intervalMs` after that unless that is 0. */
  add(nowMs: number, delayMs: number, intervalMs: number, callback: () => void): ReactorTimer {
    const timer: Timer = {
      dueAtMs: nowMs + delayMs,
      intervalMs,
      callback,
      stop: () => void this.timers.delete(timer),
    };
    this.timers.add(timer);
    this.earliestMs = Math.min(this.earliestMs, timer.dueAtMs);
    return timer;
  }

  get isEmpty(): boolean {
    return this.timers.size === 0;
  }

  /** Whole ms until a timer may be due, at most what a wait can be told; -1 where there is none. */
  waitMs(nowMs: number): number {
    if (this.timers.size === 0) return -1;
    return Math.min(WAIT_MS_MAX, Math.max(0, Math.ceil(this.earliestMs - nowMs)));
  }

  /** Runs what is due. After a callback that throws the others are still due; that one only where it has an interval. */
  run(nowMs: number): void {
    if (nowMs < this.earliestMs || this.timers.size === 0) return;
    const due = [...this.timers].filter((timer) => timer.dueAtMs <= nowMs);
    for (const timer of due) {
      // One that ran before it may have stopped it.
      if (!this.timers.has(timer)) continue;
      if (timer.intervalMs === 0) this.timers.delete(timer);
      else timer.dueAtMs = nowMs + timer.intervalMs;
      timer.callback();
    }
    this.earliestMs = Number.POSITIVE_INFINITY;
    for (const timer of this.timers) this.earliestMs = Math.min(this.earliestMs, timer.dueAtMs);
  }
}
