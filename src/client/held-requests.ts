/**
 * Requests that no node takes for now: their slot is on its way, its owner died, or nobody has told a topology yet. Nothing was done for
 * them, so each is tried again, after a wait that doubles, or at once when there is a new topology, until its deadline.
 *
 * Those that began to wait together are tried again together and in their order. At most `countMax` wait; one more fails with `QueueFull`.
 */
import { ShoalError } from '../base/errors.ts';
import type { NodePool } from './node-pool.ts';
import type { Request } from './request.ts';
import type { ClientRuntime, Timer } from './runtime.ts';

interface HeldRequest {
  readonly request: Request;
  /** The node that it is for, or that did not take it; null: there is none. */
  readonly pool: NodePool | null;
  readonly atMs: number;
}

export class HeldRequests {
  private readonly runtime: ClientRuntime;
  private readonly countMax: number;
  private readonly retry: (request: Request, pool: NodePool | null) => void;
  private held: HeldRequest[] = [];
  private timer: Timer | null = null;
  private timerAtMs = 0;
  /** From 0.5 to 1: drawn anew for each round, so that clients that were refused together do not come back together. */
  private jitter: number;

  /** `retry` is called for what is to be tried again; it may come back to `hold`. */
  constructor(runtime: ClientRuntime, countMax: number, retry: (request: Request, pool: NodePool | null) => void) {
    this.runtime = runtime;
    this.countMax = countMax;
    this.retry = retry;
    this.jitter = this.drawJitter();
  }

  get count(): number {
    return this.held.length;
  }

  /** Throws `QueueFull`. */
  hold(request: Request, pool: NodePool | null): void {
    if (this.held.length >= this.countMax) {
      throw new ShoalError(
        'QueueFull',
        `${this.countMax} requests wait for a node that takes them, which is as many as may`,
      );
    }
    const waitMs = Math.min(WAIT_LONGEST_MS, WAIT_FIRST_MS * 2 ** Math.min(request.refusalCount, DOUBLINGS_MAX));
    request.refusalCount += 1;
    const atMs = this.runtime.nowMs() + waitMs * this.jitter;
    this.held.push({ request, pool, atMs });
    this.wakeAt(atMs);
  }

  /** Tries all of them now. */
  release(): void {
    this.timer?.cancel();
    this.timer = null;
    this.tryUntil(Number.POSITIVE_INFINITY);
  }

  /** Fails what is over its deadline. */
  expire(nowMs: number): void {
    if (this.held.length === 0) return;
    for (const { request } of this.held) if (request.deadlineMs <= nowMs) request.fail(timeout(request));
    this.held = this.held.filter(({ request }) => !request.settled);
  }

  /** Fails all with `error`. */
  destroy(error: ShoalError): void {
    this.timer?.cancel();
    this.timer = null;
    const { held } = this;
    this.held = [];
    for (const { request } of held) request.fail(error);
  }

  private tryUntil(nowMs: number): void {
    this.jitter = this.drawJitter();
    const { held } = this;
    this.held = [];
    const due: HeldRequest[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const one of held) {
      if (one.atMs <= nowMs) due.push(one);
      else {
        this.held.push(one);
        nextMs = Math.min(nextMs, one.atMs);
      }
    }
    if (this.held.length > 0) this.wakeAt(nextMs);
    for (const { request, pool } of due) if (!request.settled) this.retry(request, pool);
  }

  private wakeAt(atMs: number): void {
    if (this.timer !== null && this.timerAtMs <= atMs) return;
    this.timer?.cancel();
    this.timerAtMs = atMs;
    const delayMs = Math.max(STEP_MS, atMs - this.runtime.nowMs());
    this.timer = this.runtime.after(delayMs, true, () => {
      this.timer = null;
      // A timer may be early by less than a step, and a wait that short is no use.
      this.tryUntil(this.runtime.nowMs() + STEP_MS);
    });
  }

  private drawJitter(): number {
    return 0.5 + this.runtime.random01() / 2;
  }
}

function timeout(request: Request): ShoalError {
  const why = request.refusal ?? 'no topology says who has its slot';
  // A refusal takes its sending back; what is left was sent over a connection that was lost.
  const outcome =
    request.sendCount === 0 ? 'so it was not executed' : 'but one to which the connection was lost may have';
  return new ShoalError('Timeout', `no node took it within ${request.timeoutMs} ms, ${outcome}; ${why}`);
}

/** A slot that changes hands is away for some milliseconds. */
const WAIT_FIRST_MS = 2;
/** A new topology ends every wait, so it need not be short. */
const WAIT_LONGEST_MS = 100;
const DOUBLINGS_MAX = 10;
/** All that waits is looked through no more often than this. */
const STEP_MS = 1;
