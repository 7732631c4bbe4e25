/**
 * How long this node may serve: by the coordinator's lease, or, while the coordinator cannot be reached, by the promises of
 * all other nodes that they take nothing over.
 *
 * Both count from the moment at which they were asked for, by this node's monotonic clock, and both are used up to USED_SHARE
 * of what was granted: the other side counts from later on and in full. So the right ends here before it ends there,
 * as long as the rates of two clocks differ by less than 1 − USED_SHARE (5 %, of which 2 % for each clock are assumed).
 */
import { ServingRight } from './slot-table.ts';

/** The share of a lease or promise that its holder uses. */
export const USED_SHARE = 0.95;

/** Leases that may wait for their epochs; of more, the oldest are worth least. */
const AHEAD_MAX = 8;

export interface LeaseGrant {
  /** When the heartbeat that was answered was sent. */
  readonly sentMs: number;
  readonly leaseMs: number;
  /** Of the coordinator's topology when it answered. */
  readonly epoch: number;
}

/** What the right rests on, and the monotonic ms at which it ends. */
export interface RightUntil {
  readonly right: ServingRight;
  /** −Infinity where there is none. */
  readonly untilMs: number;
}

export const NO_RIGHT: RightUntil = { right: ServingRight.none, untilMs: Number.NEGATIVE_INFINITY };

export class ServingRights {
  /** When the last lease that counts was asked for; −Infinity before the first. */
  grantedSentMs: number = Number.NEGATIVE_INFINITY;
  private leaseUntilMs = Number.NEGATIVE_INFINITY;
  /** Leases granted at an epoch that is not applied yet: by then some slots may be another node's. */
  private ahead: LeaseGrant[] = [];
  /** By the peer's id: until when it takes over nothing of ours. */
  private readonly promises = new Map<string, number>();

  /** The coordinator answered a heartbeat that was sent at `sentMs`, at `epoch`; this node is at `appliedEpoch`. */
  leaseGranted(grant: LeaseGrant, appliedEpoch: number): void {
    this.grantedSentMs = Math.max(this.grantedSentMs, grant.sentMs);
    if (grant.epoch > appliedEpoch) {
      if (this.ahead.length >= AHEAD_MAX) this.ahead.shift();
      this.ahead.push(grant);
      return;
    }
    this.leaseUntilMs = Math.max(this.leaseUntilMs, grant.sentMs + grant.leaseMs * USED_SHARE);
  }

  /** A topology was applied: a lease that waited for it counts from now on. */
  epochApplied(epoch: number): void {
    for (const grant of this.ahead.splice(0)) this.leaseGranted(grant, epoch);
  }

  /** Peer `nodeId` promised, asked at `sentMs`, to take nothing over for `durationMs`. */
  promised(nodeId: string, sentMs: number, durationMs: number): void {
    const untilMs = sentMs + durationMs * USED_SHARE;
    this.promises.set(nodeId, Math.max(untilMs, this.promises.get(nodeId) ?? untilMs));
  }

  /** Removed from the cluster: nothing of what was granted counts any more. */
  clear(): void {
    this.grantedSentMs = Number.NEGATIVE_INFINITY;
    this.leaseUntilMs = Number.NEGATIVE_INFINITY;
    this.ahead = [];
    this.promises.clear();
  }

  /** The right as it stands, of a node that has `others` beside it in its topology. It may have ended already. */
  current(others: readonly string[]): RightUntil {
    const promisedUntilMs = this.promisedUntilMs(others);
    if (promisedUntilMs > this.leaseUntilMs) return { right: ServingRight.promises, untilMs: promisedUntilMs };
    if (this.leaseUntilMs === Number.NEGATIVE_INFINITY) return NO_RIGHT;
    return { right: ServingRight.lease, untilMs: this.leaseUntilMs };
  }

  /** Whether no lease lasts at `nowMs`. */
  leaseEnded(nowMs: number): boolean {
    return this.leaseUntilMs <= nowMs;
  }

  /** The peers of `others` whose promise has ended at `nowMs`, or that never gave one. */
  withoutPromise(others: readonly string[], nowMs: number): readonly string[] {
    return others.filter((id) => (this.promises.get(id) ?? Number.NEGATIVE_INFINITY) <= nowMs);
  }

  /** All others must promise, and there must be one: a node alone cannot know that it was not replaced. */
  private promisedUntilMs(others: readonly string[]): number {
    let untilMs = others.length === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    for (const id of others) untilMs = Math.min(untilMs, this.promises.get(id) ?? Number.NEGATIVE_INFINITY);
    return untilMs;
  }
}
