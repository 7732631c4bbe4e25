/**
 * A process of the simulation: a clock of its own, timers by that clock, and what it gets from outside. It can be paused, for any time and
 * inside of what it is doing, and killed; it then is another process if it comes back.
 *
 *     running   runs what comes when it comes
 *     paused    what comes waits; its clock goes on, so its timers are late
 *     dead      nothing of it ever runs again
 *
 * Timers and what came from outside do not keep their order over a pause, as on a real system; what came is in order among itself.
 */
import { assert } from '../src/base/assert.ts';
import type { Chance } from './randomness.ts';
import type { Happening, Scheduler } from './scheduler.ts';

/** Between two things that waited for the end of a pause. */
const RESUME_STEP_MS = 0.001;
/** A timer is this late rather than a rounding early. */
const TIMER_LATE_MS = 0.001;

export class SimProcess {
  readonly name: string;
  /** Ms of this clock in a true ms. */
  readonly clockRate: number;
  private readonly clockOffsetMs: number;
  private readonly scheduler: Scheduler;
  private readonly chance: Chance;
  private state: 'running' | 'paused' | 'dead' = 'running';
  private readonly waitingTimers: (() => void)[] = [];
  private readonly waitingInput: (() => void)[] = [];
  private resumeAtMs = 0;

  constructor(name: string, clockRate: number, scheduler: Scheduler, chance: Chance) {
    this.name = name;
    this.clockRate = clockRate;
    this.scheduler = scheduler;
    this.chance = chance;
    this.clockOffsetMs = chance.between(0, 1_000_000);
  }

  /** What the monotonic clock of this process says now. */
  get monotonicMs(): number {
    return this.clockOffsetMs + this.scheduler.nowMs * this.clockRate;
  }

  get isDead(): boolean {
    return this.state === 'dead';
  }

  get isRunning(): boolean {
    return this.state === 'running';
  }

  /** Runs `run` when this process's clock has gone on by `delayMs`, or after the pause that it then is in. */
  after(delayMs: number, run: () => void): Happening {
    return this.scheduler.after(Math.max(0, delayMs) / this.clockRate, () => this.enter(run, this.waitingTimers));
  }

  /** Runs `run` when this process's clock says `monotonicMs`. */
  at(monotonicMs: number, run: () => void): Happening {
    return this.after(Math.max(0, monotonicMs - this.monotonicMs) + TIMER_LATE_MS, run);
  }

  /** Something comes from outside, now. */
  receive(run: () => void): void {
    this.enter(run, this.waitingInput);
  }

  kill(): void {
    this.state = 'dead';
    this.waitingTimers.length = 0;
    this.waitingInput.length = 0;
  }

  /** Stops for `pauseMs` true ms; `first`, where given, is what it was in the middle of, and goes on first. */
  pause(pauseMs: number, first: (() => void) | null = null): void {
    if (this.state === 'dead') return;
    if (first !== null) {
      assert(this.state === 'running', 'only what runs is in the middle of something');
      this.waitingInput.unshift(first);
    }
    this.state = 'paused';
    const resumeAtMs = this.scheduler.nowMs + pauseMs;
    if (resumeAtMs <= this.resumeAtMs) return;
    this.resumeAtMs = resumeAtMs;
    this.scheduler.at(resumeAtMs, () => {
      if (this.state === 'paused' && this.resumeAtMs === resumeAtMs) this.resumeNext(first !== null);
    });
  }

  /** Ends a pause at once. */
  resume(): void {
    if (this.state !== 'paused') return;
    this.resumeAtMs = this.scheduler.nowMs;
    this.resumeNext(true);
  }

  private enter(run: () => void, waiting: (() => void)[]): void {
    if (this.state === 'running') run();
    else if (this.state === 'paused') waiting.push(run);
  }

  /** Works off what waited, one thing in an event of its own, and keeps what comes meanwhile behind it. */
  private resumeNext(inputFirst: boolean): void {
    if (this.state !== 'paused' || this.scheduler.nowMs < this.resumeAtMs) return;
    const fromInput =
      this.waitingTimers.length === 0 || (this.waitingInput.length > 0 && (inputFirst || this.chance.happens(0.5)));
    const run = (fromInput ? this.waitingInput : this.waitingTimers).shift();
    if (run === undefined) {
      this.state = 'running';
      return;
    }
    this.state = 'running';
    run();
    if (this.state !== 'running') return;
    this.state = 'paused';
    this.scheduler.after(RESUME_STEP_MS, () => this.resumeNext(false));
  }
}
