/**
 * Which coordinator to talk to, and when to try again: the one that answered last, else the one that another named as the
 * leader, else the next of the list. After each round in which none answered, the wait before the next round doubles.
 *
 * A leader that was named and does not answer counts against who named it: the list goes on behind that one, so that coordinators that
 * name a dead one cannot keep a node from the one that was elected since.
 */
import { assert } from '../base/assert.ts';

/** Waits between rounds of the list; each is drawn between half of it and all of it. */
const ROUND_DELAY_MS_MIN = 50;
const ROUND_DELAY_MS_MAX = 500;
/** Coordinators may name one another as the leader this often before the list's turn comes again. */
const REDIRECTS_IN_A_ROW_MAX = 3;

export class CoordinatorLine {
  /** `host:port` of each. */
  private readonly addresses: readonly string[];
  private readonly random01: () => number;
  private index = 0;
  /** Whom the one at `index` named, in the list or not. */
  private leader: string | null = null;
  private redirects = 0;
  private failures = 0;
  private delayMs = ROUND_DELAY_MS_MIN;
  private notBeforeMs = Number.NEGATIVE_INFINITY;

  /** `addresses` is not empty. */
  constructor(addresses: readonly string[], random01: () => number) {
    assert(addresses.length > 0, 'a node of a cluster has the address of a coordinator');
    this.addresses = addresses;
    this.random01 = random01;
  }

  /** Whom to ask now. */
  get address(): string {
    return this.leader ?? this.addresses[this.index]!;
  }

  /** Whether something may be sent at `nowMs`. */
  isReady(nowMs: number): boolean {
    return nowMs >= this.notBeforeMs;
  }

  /** The coordinator at `address` did what it was asked: it leads. */
  answered(address: string): void {
    if (address !== this.address) return;
    this.redirects = 0;
    this.failures = 0;
    this.delayMs = ROUND_DELAY_MS_MIN;
  }

  /** The one at `address` does not lead; `leader` does, or nobody knows who. */
  redirected(address: string, leader: string | null, nowMs: number): void {
    if (address !== this.address) return;
    this.redirects += 1;
    if (leader === null || leader === address || this.redirects > REDIRECTS_IN_A_ROW_MAX) {
      this.failed(address, nowMs);
      return;
    }
    this.leader = leader;
  }

  /** The one at `address` did not answer, or refused. What concerns another than the one asked now is old news. */
  failed(address: string, nowMs: number): void {
    if (address !== this.address) return;
    this.redirects = 0;
    this.failures += 1;
    this.leader = null;
    this.index = (this.index + 1) % this.addresses.length;
    if (this.failures < this.addresses.length) return;
    this.failures = 0;
    this.notBeforeMs = nowMs + this.delayMs * (0.5 + this.random01() / 2);
    this.delayMs = Math.min(this.delayMs * 2, ROUND_DELAY_MS_MAX);
  }
}
