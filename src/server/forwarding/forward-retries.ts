/** Requests that are to be sent again in a while. */
import type { ForwardedRequest } from './forwarded-request.ts';

export class ForwardRetries {
  private waiting: ForwardedRequest[] = [];

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  add(request: ForwardedRequest): void {
    this.waiting.push(request);
  }

  /** Takes those out whose time has come, and gives them to `send`, which may add them again. */
  takeDue(nowMs: number, send: (request: ForwardedRequest) => void): void {
    if (this.waiting.length === 0) return;
    const { waiting } = this;
    this.waiting = waiting.filter((request) => request.retryAtMs > nowMs);
    for (const request of waiting) if (request.retryAtMs <= nowMs) send(request);
  }
}
