/** A clock that moves only when a test says so, for state stores over something that needs no real time to answer. */
import type { StateClock } from '../../src/coordinator/state/state-clock.ts';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class ManualStateClock implements StateClock {
  private nowMs = 1_000_000;
  private readonly timers = new Set<Timer>();

  readonly monotonicMs = (): number => this.nowMs;

  readonly after = (delayMs: number, callback: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };

  /** Lets time pass, timer by timer; what a timer begins has all the turns that it needs before the next one. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs;
    await settle();
    for (;;) {
      const next = [...this.timers].filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.callback();
      await settle();
    }
    this.nowMs = endMs;
  }

  /** As a process does that is stopped: time passes, and no timer of it runs before it goes on. */
  skip(durationMs: number): void {
    this.nowMs += durationMs;
  }

  /** Lets time pass until the promise has settled, and gives what it settled with. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const end = (): void => {
      isSettled = true;
    };
    promise.then(end, end);
    await settle();
    // eslint-disable-next-line no-unmodified-loop-condition
    while (!isSettled) await this.advance(STEP_MS);
    return await promise;
  }
}

const STEP_MS = 10;
const TURNS = 20;

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
