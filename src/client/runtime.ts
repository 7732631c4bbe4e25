/**
 * Time, chance and scheduling, as the client takes them from its runtime. They are taken when this module loads, so fake
 * timers that a test installs later stop neither deadlines nor writes; parts get them as one object, so tests of those parts
 * can pass others.
 */
export interface ClientRuntime {
  /** ms since some fixed moment; never goes back. */
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random01: () => number;
  /** Runs `task` once the code that runs now, and the promises that it settled, are done. */
  readonly afterTurn: (task: () => void) => void;
  /** Runs `task` once after `delayMs`; `keepAlive`: whether the process waits for it. */
  readonly after: (delayMs: number, keepAlive: boolean, task: () => void) => Timer;
}

export interface Timer {
  cancel(): void;
}

const { setTimeout: setTimer, clearTimeout: clearTimer, performance: clock } = globalThis;
const now = clock.now.bind(clock);
const { random } = Math;
const nextTick = process.nextTick.bind(process);

export const SYSTEM_RUNTIME: ClientRuntime = {
  nowMs: now,
  random01: random,
  afterTurn: nextTick,
  after(delayMs, keepAlive, task) {
    const timer = setTimer(task, delayMs);
    if (!keepAlive) timer.unref();
    return { cancel: () => clearTimer(timer) };
  },
};
