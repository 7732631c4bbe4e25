/**
 * The election of one of several coordinators in etcd, and the lease that it hangs on.
 *
 * Elected is who created the leader's key, by a transaction that asks that it is not there; the key goes with the lease, so
 * it is deleted some seconds after its holder was last heard of, or at once when the holder revokes the lease. The key's
 * create revision names one election for ever: every write asks for it, and whoever was deposed in the meantime writes
 * nothing.
 *
 * A renewal counts from the moment before it was sent. It counts only if a read that a majority of the members confirmed
 * (as etcd's reads do) finds the key afterwards, in the same term of etcd's own leader as the renewal: a member that does
 * not know yet that it leads no more answers renewals, and nobody else hears of them.
 */
import { randomBytes } from 'node:crypto';
import type { Announcer } from './announcer.ts';
import type { EtcdClient } from './etcd-client.ts';
import { EtcdFailure, failureOfConnection, GrpcCode } from './etcd-errors.ts';
import { watchLeader } from './etcd-leader-watch.ts';
import {
  type EtcdItem,
  readGrant,
  readKeepAlive,
  readTransaction,
  type Sighting,
  transactionRequest,
} from './etcd-messages.ts';
import { pause, type StateClock } from './state-clock.ts';
import type { StoredState } from './state-store.ts';

export interface ElectionParts {
  readonly client: Pick<EtcdClient, 'call' | 'get' | 'watch'>;
  readonly clock: StateClock;
  readonly announcer: Announcer;
  readonly address: string;
  readonly leaderKey: string;
  readonly stateKey: string;
  /** Asked of etcd in whole seconds; it may give more. */
  readonly ttlSeconds: number;
  readonly pollMs: number;
  readonly againMs: number;
  /** What the first attempt came to: null (elected, or somebody else is), or what failed. Called once. */
  readonly onFirst: (failure: EtcdFailure | null) => void;
}

/** Of a lease, until which its holder acts: clocks may count at rates that differ by less than the rest. */
const LEASE_SHARE = 0.95;
const RENEWALS_PER_LEASE = 3;
/** Renewals in a row that etcd's own elections may make void before it counts as a failure. */
const TERMS_PER_RENEWAL = 4;
const LEASE_ID_BYTES = 8;

export class EtcdElection {
  private readonly parts: ElectionParts;
  private leaseId: string | null = null;
  private leaseMs: number;
  /** Of the key that we created; 0: none. */
  private created = 0;
  private isElected = false;
  private untilMs = -Infinity;
  private latest: Sighting | null = null;
  /** Ends our time as the elected one. */
  private reign = new AbortController();
  /** Set where only a transaction can tell who is elected: what was seen of the key is from before a loss. */
  private mustAsk = false;
  private wake: () => void = () => undefined;
  private isFirst = true;

  constructor(parts: ElectionParts) {
    this.parts = parts;
    this.leaseMs = parts.ttlSeconds * 1000;
  }

  electedUntilMs(): number {
    return this.isElected ? this.untilMs : -Infinity;
  }

  /** The create revision of our key while we are elected; null otherwise. */
  get electedRevision(): number | null {
    return this.isElected ? this.created : null;
  }

  /** Campaigns, leads, campaigns again; resolves once the signal is aborted. Then `resign` is to be called. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, leaderKey, pollMs, againMs, announcer } = this.parts;
    const onSeen = (sighting: Sighting): void => this.see(sighting);
    const onFailure = (failure: EtcdFailure): void => this.fail(failure);
    const watching = watchLeader(
      {
        client,
        clock,
        key: leaderKey,
        pollMs,
        readMs: this.leaseMs,
        againMs,
        onSeen,
        onAlive: () => announcer.troubleIsOver('reach'),
        onFailure,
      },
      signal,
    );
    signal.addEventListener('abort', () => this.wake());
    while (!signal.aborted) {
      await this.vacancy(signal);
      if (signal.aborted) break;
      try {
        const state = await this.campaign(signal);
        if (state !== null && !signal.aborted) await this.lead(state, signal);
      } catch (error) {
        if (signal.aborted) break;
        this.fail(failureOfConnection(error));
        await pause(clock, againMs, signal);
      }
    }
    this.isElected = false;
    await watching;
  }

  /** Revokes the lease, which deletes the key, so that another is elected at once. Never rejects. */
  async resign(deadlineMs: number): Promise<void> {
    this.isElected = false;
    if (this.leaseId === null) return;
    const forever = new AbortController().signal;
    await this.parts.client
      .call('/v3/lease/revoke', { ID: this.leaseId }, deadlineMs, forever)
      .catch(() => 'the lease runs out by itself');
  }

  /** Not elected any more, as somebody found who looked at the key: `item` is what stands there. */
  deposedBy(item: EtcdItem | null): void {
    this.depose(item === null ? 'its key in etcd is gone' : 'another coordinator is elected', item);
  }

  private depose(reason: string, item: EtcdItem | null): void {
    if (!this.isElected) return;
    this.isElected = false;
    this.mustAsk = true;
    this.parts.announcer.deposed(reason, this.othersAddress(item));
    this.reign.abort();
    this.wake();
  }

  private isOurs(item: EtcdItem): boolean {
    return item.lease === this.leaseId;
  }

  private fail(failure: EtcdFailure): void {
    this.first(failure);
    this.parts.announcer.trouble('reach', `etcd: ${failure.message}`);
  }

  private first(failure: EtcdFailure | null): void {
    if (!this.isFirst) return;
    this.isFirst = false;
    this.parts.onFirst(failure);
  }

  private see(sighting: Sighting): void {
    // An answer may be overtaken by that of a transaction.
    if (sighting.revision < (this.latest?.revision ?? 0)) return;
    this.latest = sighting;
    const { item } = sighting;
    this.parts.announcer.troubleIsOver('reach');
    if (this.isElected) {
      if (sighting.revision >= this.created && item?.createRevision !== this.created) this.deposedBy(item);
      return;
    }
    const leader = this.othersAddress(item);
    if (item === null || leader !== null) this.parts.announcer.leader(leader);
    if (leader !== null) this.first(null);
    this.wake();
  }

  /** Null where the key is not there, or is ours, or was ours until a moment ago. */
  private othersAddress(item: EtcdItem | null): string | null {
    if (item === null || this.isOurs(item) || item.createRevision === this.created) return null;
    return Buffer.from(item.value).toString('utf8');
  }

  /** Resolves once the key is not there, or is ours: a transaction may then make us the elected one. */
  private async vacancy(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const item = this.latest?.item;
      if (this.mustAsk || item === null || (item !== undefined && this.isOurs(item))) return;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** The stored state where we are elected, confirmed; null where somebody else is, or it has to be tried again. */
  private async campaign(signal: AbortSignal): Promise<StoredState | null> {
    const { client, clock, leaderKey, stateKey, address } = this.parts;
    const deadlineMs = clock.monotonicMs() + this.leaseMs;
    const lease = await this.ensureLease(deadlineMs, signal);
    const request = transactionRequest(
      [{ key: leaderKey, createRevision: 0 }],
      [{ put: leaderKey, value: address, lease }, { get: stateKey }],
      [{ get: leaderKey }, { get: stateKey }],
    );
    this.mustAsk = true;
    let answer;
    try {
      answer = readTransaction((await client.call('/v3/kv/txn', request, deadlineMs, signal)).body);
    } catch (error) {
      // The lease ran out in between.
      if (!(error instanceof EtcdFailure) || error.grpcCode !== GrpcCode.notFound) throw error;
      this.leaseId = null;
      return null;
    }
    const [item = null, state = null] = answer.items;
    // A first attempt whose answer was lost may have created the key: then it is there, and ours.
    if (!answer.succeeded && (item === null || !this.isOurs(item))) {
      this.mustAsk = item === null;
      this.see({ item, revision: answer.revision, term: 0 });
      return null;
    }
    this.created = answer.succeeded ? answer.revision : (item?.createRevision ?? 0);
    if (!(await this.renew(deadlineMs, signal))) return null;
    this.mustAsk = false;
    return state === null
      ? { revision: 0, value: new Uint8Array(0) }
      : { revision: state.modRevision, value: state.value };
  }

  /** A lease that was there a moment ago. Its id is ours to choose, so that a grant can be asked for twice. */
  private async ensureLease(deadlineMs: number, signal: AbortSignal): Promise<string> {
    const { client, ttlSeconds } = this.parts;
    if (this.leaseId !== null) {
      const { body } = await client.call('/v3/lease/keepalive', { ID: this.leaseId }, deadlineMs, signal);
      if (readKeepAlive(body).ttlSeconds > 0) return this.leaseId;
    }
    const lease = newLeaseId();
    this.leaseId = lease;
    try {
      const request = { TTL: String(ttlSeconds), ID: lease };
      this.leaseMs = readGrant((await client.call('/v3/lease/grant', request, deadlineMs, signal)).body) * 1000;
    } catch (error) {
      const isThere = error instanceof EtcdFailure && error.grpcCode === GrpcCode.failedPrecondition;
      if (!isThere || !error.isAfterUnknown) throw error;
    }
    return lease;
  }

  /** False where the lease or the key is gone. Rejects where that cannot be found out by the deadline. */
  private async renew(deadlineMs: number, signal: AbortSignal): Promise<boolean> {
    const { client, leaderKey } = this.parts;
    for (let count = 0; count < TERMS_PER_RENEWAL; count += 1) {
      const { body, sentMs } = await client.call('/v3/lease/keepalive', { ID: this.leaseId }, deadlineMs, signal);
      const { ttlSeconds, term } = readKeepAlive(body);
      if (ttlSeconds <= 0) {
        this.leaseId = null;
        return false;
      }
      const sighting = await client.get(leaderKey, deadlineMs, signal);
      if (sighting.item?.createRevision !== this.created) return false;
      if (sighting.term === term) {
        this.leaseMs = ttlSeconds * 1000;
        this.untilMs = sentMs + this.leaseMs * LEASE_SHARE;
        return true;
      }
    }
    throw new EtcdFailure('passing', 'its members change their leader again and again');
  }

  /** Resolves once we are not elected any more. */
  private async lead(state: StoredState, signal: AbortSignal): Promise<void> {
    const { clock, announcer, againMs } = this.parts;
    const reign = new AbortController();
    this.reign = reign;
    const stop = (): void => reign.abort();
    signal.addEventListener('abort', stop);
    this.isElected = true;
    announcer.troubleIsOver('reach');
    announcer.elected(state);
    this.first(null);
    let pauseMs = this.leaseMs / RENEWALS_PER_LEASE;
    while (!reign.signal.aborted) {
      await pause(clock, pauseMs, reign.signal);
      if (reign.signal.aborted) break;
      try {
        if (await this.renew(this.untilMs, reign.signal)) {
          announcer.troubleIsOver('reach');
          pauseMs = this.leaseMs / RENEWALS_PER_LEASE;
        } else {
          this.depose('its lease in etcd ran out', this.latest?.item ?? null);
        }
      } catch (error) {
        if (reign.signal.aborted) break;
        const failure = failureOfConnection(error);
        this.fail(failure);
        if (clock.monotonicMs() + againMs >= this.untilMs) {
          this.depose(`etcd did not renew the election in time (${failure.message})`, null);
        }
        pauseMs = againMs;
      }
    }
    signal.removeEventListener('abort', stop);
  }
}

/** A positive number of 63 bits, in decimal. */
function newLeaseId(): string {
  return String((randomBytes(LEASE_ID_BYTES).readBigUInt64BE() >> 1n) | 1n);
}
