/**
 * What happened, for people: the last events of a run, made into text only where somebody is going to read it. A run that fails without
 * a trace is run again with one, which shows at the same time that it replays.
 */
import type { Scheduler } from './scheduler.ts';

/** Lines that a failure shows. */
export const TRACE_LINES = 400;

export class Trace {
  private readonly lines: string[] = [];
  private next = 0;
  private readonly scheduler: Scheduler;
  private readonly isOn: boolean;

  constructor(scheduler: Scheduler, isOn: boolean) {
    this.scheduler = scheduler;
    this.isOn = isOn;
  }

  /** `who` did or got what `text` says. */
  note(who: string, text: () => string): void {
    if (!this.isOn) return;
    const { nowMs, step } = this.scheduler;
    this.lines[this.next % TRACE_LINES] =
      `${nowMs.toFixed(2).padStart(10)} ${String(step).padStart(7)}  ${who.padEnd(4)} ${text()}`;
    this.next += 1;
  }

  /** The last lines, oldest first. */
  tail(): readonly string[] {
    const start = this.next % TRACE_LINES;
    return this.next <= TRACE_LINES ? this.lines.slice() : [...this.lines.slice(start), ...this.lines.slice(0, start)];
  }
}
