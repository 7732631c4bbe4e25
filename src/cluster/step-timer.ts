/**
 * Runs the mover's steps when they are due: soon after `wake` or when a step says that there is more to do, with a turn of the event loop
 * between two, else at the time that the last step told. After a step that took long it rests for a multiple of that: moves get a part of the
 * thread's processor, and clients the rest, however much there is to move. Should an application's fake timers swallow a timer, the next `tick` runs the step.
 */
const { setImmediate: startImmediate, setTimeout: startTimeout, clearTimeout: stopTimeout } = globalThis;

/** Timers end a little early or late; what is due this soon is due now. */
const SOON_MS = 1;
/** A step that takes this long is work; a shorter one only looked around. */
const WORK_MS_MIN = 0.5;
/** So many times as long as it worked the mover rests. */
const REST_FACTOR = 5;

export class StepTimer {
  private readonly monotonicMs: () => number;
  /** Returns when the next step is due; Infinity: when woken. */
  private readonly step: () => number;
  private readonly mayRest: () => boolean;
  private dueMs = Number.POSITIVE_INFINITY;
  private restUntilMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;
  private isSoon = false;
  private isRunning = false;
  private isWantedNow = false;
  private isStopped = false;

  /** `mayRest`: nobody waits for the next step. */
  constructor(monotonicMs: () => number, step: () => number, mayRest: () => boolean = () => true) {
    this.monotonicMs = monotonicMs;
    this.step = step;
    this.mayRest = mayRest;
  }

  /** A step is to be run soon. Never runs one itself. */
  wake(): void {
    this.dueMs = Number.NEGATIVE_INFINITY;
    this.runSoon();
  }

  /** As `wake`, at once; called from within a step it makes another one follow, at once too. */
  wakeNow(): void {
    this.isWantedNow = true;
    if (!this.isRunning) this.run();
  }

  /** Call it now and then: runs a step that is due. */
  tick(nowMs: number): void {
    if (nowMs >= Math.max(this.dueMs, this.restUntilMs)) this.run();
    else if (nowMs >= this.dueMs) this.schedule();
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) stopTimeout(this.timer);
  }

  private run(): void {
    if (this.isStopped || this.isRunning) return;
    this.isRunning = true;
    const startMs = this.monotonicMs();
    try {
      do {
        this.isWantedNow = false;
        this.dueMs = Number.POSITIVE_INFINITY;
        this.dueMs = Math.min(this.step(), this.dueMs);
      } while (this.isWantedNow && !this.isStopped);
    } finally {
      this.isRunning = false;
      const endMs = this.monotonicMs();
      const isWork = endMs - startMs >= WORK_MS_MIN && this.mayRest();
      this.restUntilMs = isWork ? endMs + (endMs - startMs) * REST_FACTOR : Number.NEGATIVE_INFINITY;
    }
    this.schedule();
  }

  private schedule(): void {
    if (this.isStopped || this.dueMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(this.dueMs, this.restUntilMs) - this.monotonicMs();
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
