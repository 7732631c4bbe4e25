/**
 * Runs the mover's steps when they are due: at once after `wake` or when a step says that there is more to do, with a turn of the event loop
 * between two, else at the time that the last step told. Should an application's fake timers swallow a timer, the next `tick` runs the step.
 */
const { setImmediate: startImmediate, setTimeout: startTimeout, clearTimeout: stopTimeout } = globalThis;

/** Timers end a little early or late; what is due this soon is due now. */
const SOON_MS = 1;

export class StepTimer {
  private readonly monotonicMs: () => number;
  /** Returns when the next step is due; Infinity: when woken. */
  private readonly step: () => number;
  private dueMs = Number.POSITIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;
  private isSoon = false;
  private isRunning = false;
  private isStopped = false;

  constructor(monotonicMs: () => number, step: () => number) {
    this.monotonicMs = monotonicMs;
    this.step = step;
  }

  /** A step is to be run soon. Never runs one itself. */
  wake(): void {
    this.dueMs = Number.NEGATIVE_INFINITY;
    this.runSoon();
  }

  /** Call it now and then: runs a step that is due. */
  tick(nowMs: number): void {
    if (nowMs >= this.dueMs) this.run();
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) stopTimeout(this.timer);
  }

  private run(): void {
    if (this.isStopped || this.isRunning) return;
    this.isRunning = true;
    this.dueMs = Number.POSITIVE_INFINITY;
    try {
      this.dueMs = Math.min(this.step(), this.dueMs);
    } finally {
      this.isRunning = false;
    }
    this.schedule();
  }

  private schedule(): void {
    if (this.isStopped || this.dueMs === Number.POSITIVE_INFINITY) return;
    const delayMs = this.dueMs - this.monotonicMs();
    if (delayMs <= SOON_MS) {
      this.runSoon();
      return;
    }
    if (this.timer !== null) stopTimeout(this.timer);
    this.timer = startTimeout(() => {
      this.timer = null;
      this.tick(this.monotonicMs() + SOON_MS);
    }, delayMs);
    this.timer.unref();
  }

  private runSoon(): void {
    if (this.isSoon || this.isStopped) return;
    this.isSoon = true;
    startImmediate(() => {
      this.isSoon = false;
      this.tick(this.monotonicMs() + SOON_MS);
    });
  }
}
