/**
 * The state store of several coordinators, of which one is elected: two keys in etcd.
 *
 *     shoal/<cluster>/leader    address of the elected coordinator, under its lease
 *     shoal/<cluster>/state     the value; its revision is the key's mod revision
 *
 * A write is a transaction on both: the leader's key is the one that this process created, and the state has the expected
 * revision. It may be sent twice: if the first one was carried out after all, the second finds our own value there and
 * nobody else can have put it there.
 */
import { ShoalError } from '../../base/errors.ts';
import { Announcer } from './announcer.ts';
import { type EtcdAccess, EtcdClient } from './etcd-client.ts';
import { EtcdElection } from './etcd-election.ts';
import { type EtcdFailure, failureOfConnection } from './etcd-errors.ts';
import { readTls } from './etcd-http.ts';
import { readTransaction, transactionRequest } from './etcd-messages.ts';
import { type StateClock, SYSTEM_CLOCK } from './state-clock.ts';
import { STATE_BYTES_MAX, type StateStore, type StateStoreListener, type WriteOutcome } from './state-store.ts';

export interface EtcdTiming {
  /** A coordinator that is silent for this long loses the election; whole seconds, etcd gives at least two. */
  readonly electionMs: number;
  /** One attempt at one member. */
  readonly attemptMs: number;
  /** A write, over all its attempts. */
  readonly writeMs: number;
  /** Between two reads that look whether a watch has fallen silent. */
  readonly pollMs: number;
  /** Between a failure and the next attempt. */
  readonly againMs: number;
  /** Giving the election up at the end. */
  readonly resignMs: number;
}

/** A killed leader of three members costs about 2.5 s until etcd answers again: the election has to outlive that. */
export const ETCD_TIMING: EtcdTiming = {
  electionMs: 5000,
  attemptMs: 1200,
  writeMs: 5000,
  pollMs: 2500,
  againMs: 100,
  resignMs: 1500,
};

export interface EtcdStateStoreOptions {
  readonly access: EtcdAccess;
  /** Coordinators of other clusters may use the same etcd. */
  readonly cluster: string;
  readonly clock?: StateClock;
  readonly timing?: Partial<EtcdTiming>;
}

export class EtcdStateStore implements StateStore {
  readonly description: string;
  private readonly access: EtcdAccess;
  private readonly cluster: string;
  private readonly clock: StateClock;
  private readonly timing: EtcdTiming;
  private readonly client: EtcdClient;
  private readonly closing = new AbortController();
  private readonly leaderKey: string;
  private readonly stateKey: string;
  private announcer: Announcer | null = null;
  private election: EtcdElection | null = null;
  private running: Promise<void> = Promise.resolve();
  private closed: Promise<void> | null = null;

  constructor({ access, cluster, clock = SYSTEM_CLOCK, timing }: EtcdStateStoreOptions) {
    this.access = access;
    this.cluster = cluster;
    this.clock = clock;
    this.timing = { ...ETCD_TIMING, ...timing };
    this.description = `etcd:${access.endpoints.join(',')}`;
    this.client = new EtcdClient(access, clock, this.timing.attemptMs);
    const folder = `shoal/${encodeURIComponent(this.cluster)}`;
    this.leaderKey = `${folder}/leader`;
    this.stateKey = `${folder}/state`;
  }

  async start(address: string, listener: StateStoreListener): Promise<void> {
    readTls(this.access.tls);
    const { electionMs, pollMs, againMs } = this.timing;
    const announcer = new Announcer(listener);
    this.announcer = announcer;
    const failure = await new Promise<EtcdFailure | null>((resolve) => {
      const election = new EtcdElection({
        client: this.client,
        clock: this.clock,
        announcer,
        address,
        leaderKey: this.leaderKey,
        stateKey: this.stateKey,
        ttlSeconds: Math.max(1, Math.ceil(electionMs / 1000)),
        pollMs,
        againMs,
        onFirst: resolve,
      });
      this.election = election;
      this.running = election.run(this.closing.signal).finally(() => resolve(null));
    });
    if (failure?.kind !== 'misconfigured') return;
    await this.close();
    throw new ShoalError('StateStoreFailed', `cannot use etcd: ${failure.message}`, { cause: failure });
  }

  electedUntilMs(): number {
    return this.election?.electedUntilMs() ?? -Infinity;
  }

  async write(value: Uint8Array, expectedRevision: number): Promise<WriteOutcome> {
    if (value.length > STATE_BYTES_MAX) {
      const text = `the state has ${value.length} bytes; at most ${STATE_BYTES_MAX} can be stored`;
      throw new ShoalError('InvalidArgument', text);
    }
    const electedRevision = this.election?.electedRevision ?? null;
    if (electedRevision === null) return { kind: 'notElected' };
    const { leaderKey, stateKey } = this;
    const request = transactionRequest(
      [
        { key: leaderKey, createRevision: electedRevision },
        { key: stateKey, modRevision: expectedRevision },
      ],
      [{ put: stateKey, value }],
      [{ get: leaderKey }, { get: stateKey }],
    );
    const deadlineMs = this.clock.monotonicMs() + this.timing.writeMs;
    try {
      const { body } = await this.client.call('/v3/kv/txn', request, deadlineMs, this.closing.signal);
      const { succeeded, revision, items } = readTransaction(body);
      for (const kind of ['reach', 'write'] as const) this.announcer?.troubleIsOver(kind);
      if (succeeded) return { kind: 'written', revision };
      const [leader = null, state = null] = items;
      if (leader?.createRevision !== electedRevision) {
        if (this.election?.electedRevision === electedRevision) this.election.deposedBy(leader);
        return { kind: 'notElected' };
      }
      if (state === null) return { kind: 'conflict', state: { revision: 0, value: new Uint8Array(0) } };
      if (state.modRevision > expectedRevision && Buffer.compare(state.value, value) === 0) {
        return { kind: 'written', revision: state.modRevision };
      }
      return { kind: 'conflict', state: { revision: state.modRevision, value: state.value } };
    } catch (error) {
      throw this.faultOf(failureOfConnection(error));
    }
  }

  close(): Promise<void> {
    this.closed ??= this.end();
    return this.closed;
  }

  private async end(): Promise<void> {
    this.announcer?.close();
    this.closing.abort();
    await this.running;
    await this.election?.resign(this.clock.monotonicMs() + this.timing.resignMs);
    this.client.close();
  }

  private faultOf(failure: EtcdFailure): ShoalError {
    const isUnknown = failure.kind === 'passing' || failure.kind === 'token' || failure.isAfterUnknown;
    const text = `etcd did not store the state: ${failure.message}`;
    this.announcer?.trouble(isUnknown ? 'reach' : 'write', text);
    return isUnknown
      ? new ShoalError('StateStoreUnavailable', `${text}; it may be stored all the same`, { cause: failure })
      : new ShoalError('StateStoreFailed', text, { cause: failure });
  }
}
