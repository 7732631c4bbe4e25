/** The environment of a node inside an application: real time whatever fake timers are installed, or the clock that the application gives. */
import { systemTime } from '../io/real-time.ts';
import { type Log, type NodeEnvironment, systemEnvironment } from './environment.ts';

/** Undefined: the machine's wall clock, and warnings and errors to standard error. */
export function embeddedEnvironment(nowMs: (() => number) | undefined, log: Log | undefined): NodeEnvironment {
  const environment = systemEnvironment();
  const time = systemTime();
  return {
    ...environment,
    clock: { nowMs: nowMs === undefined ? time.nowMs : checkedClock(nowMs), monotonicMs: time.monotonicMs },
    timers: { every: (intervalMs, callback) => ({ stop: time.every(intervalMs, callback) }) },
    log: log ?? environment.log,
  };
}

/** The latest moment that a Date can hold. */
const TIME_MS_MAX = 8.64e15;

/** The given clock in whole ms; what it says that is no time is not passed on to the store. */
function checkedClock(nowMs: () => number): () => number {
  let lastMs = 0;
  return () => {
    const value: unknown = nowMs();
    if (typeof value === 'number' && value >= 0 && value <= TIME_MS_MAX) lastMs = Math.floor(value);
    return lastMs;
  };
}
