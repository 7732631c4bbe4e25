/**
 * Requests that are to be sent again in a while. They are looked at each RETRY_TICK_MS, and only while there are any: what refused them is mostly a
 * hand-over, which is over in a few milliseconds, and behind one request its client's others wait too.
 */
import type { TimerHandle, Timers } from '../environment.ts';
import type { ForwardedRequest } from './forwarded-request.ts';

const RETRY_TICK_MS = 1;

export class ForwardRetries {
  private readonly timers: Timers;
  private readonly onTick: () => void;
  private waiting: ForwardedRequest[] = [];
  private timer: TimerHandle | null = null;
  private isClosed = false;

  /** `onTick` is to call `takeDue`. */
  constructor(timers: Timers, onTick: () => void) {
    this.timers = timers;
    this.onTick = onTick;
  }

  add(request: ForwardedRequest): void {
    this.waiting.push(request);
    if (!this.isClosed) this.timer ??= this.timers.every(RETRY_TICK_MS, this.onTick);
  }

  /** Takes those out whose time has come, and gives them to `send`, which may add them again. */
  takeDue(nowMs: number, send: (request: ForwardedRequest) => void): void {
    const { waiting } = this;
    if (waiting.some((request) => request.retryAtMs <= nowMs)) {
      this.waiting = waiting.filter((request) => request.retryAtMs > nowMs);
      for (const request of waiting) if (request.retryAtMs <= nowMs) send(request);
    }
    if (this.waiting.length === 0) this.stop();
  }

  /** Nothing is sent again from now on. */
  close(): void {
    this.isClosed = true;
    this.stop();
  }

  private stop(): void {
    this.timer?.stop();
    this.timer = null;
  }
}
