/**
 * Time as the state stores see it: passed in, so that tests can let an election run out without waiting for it. Deadlines of
 * requests, pauses and renewals all come from here.
 */
import { RUNTIME_TIME } from '../../io/real-time.ts';

export interface StateClock {
  /** ms since some fixed moment; never goes back, and goes on while the process is stopped. */
  readonly monotonicMs: () => number;
  /** Calls `callback` once after `delayMs`, unless the returned function is called before. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
}

const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis;

export const SYSTEM_CLOCK: StateClock = {
  monotonicMs: RUNTIME_TIME.monotonicMs,
  after(delayMs, callback) {
    const timer = startTimer(callback, delayMs);
    return () => stopTimer(timer);
  },
};

/** Resolves after `delayMs`, or as soon as the signal is aborted. Never rejects. */
export function pause(clock: StateClock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(Math.max(0, delayMs), end);
    signal.addEventListener('abort', end);
  });
}
