/**
 * Calls to a cluster of etcd members: one member after the other until one answers, with a token where there is a user.
 *
 * Only calls that may be made twice go through here. An attempt that ends without an answer may have been carried out, now
 * or a little later: reads, renewals, revocations and compare-and-swap transactions all bear that, and so does the grant of
 * a lease whose id the caller chose.
 *
 * An attempt may take `attemptMs`, which is longer than a healthy member takes for anything and short enough that a dead
 * one is passed over well within an election. The member that answered last is asked first.
 */
import { ShoalError } from '../../base/errors.ts';
import { EtcdFailure, failureOfConnection, GrpcCode } from './etcd-errors.ts';
import { EtcdEndpoint, type EtcdTls } from './etcd-http.ts';
import {
  rangeRequest,
  readRange,
  readToken,
  readWatch,
  type Sighting,
  type WatchMessage,
  base64,
} from './etcd-messages.ts';
import { pause, type StateClock } from './state-clock.ts';

export interface EtcdAccess {
  /** Origins, `https://host:2379`. */
  readonly endpoints: readonly string[];
  readonly tls: EtcdTls;
  /** Null: etcd asks for none. */
  readonly user: { readonly name: string; readonly password: string } | null;
}

export interface Answer {
  readonly body: unknown;
  /** When the attempt that was answered was sent. */
  readonly sentMs: number;
}

/** Between two attempts, where the first failed at once. */
const BETWEEN_ATTEMPTS_MS = 50;
/** New tokens for one attempt: users may change while we ask. */
const TOKENS_PER_ATTEMPT = 2;

export class EtcdClient {
  private readonly endpoints: readonly EtcdEndpoint[];
  private readonly user: EtcdAccess['user'];
  private readonly clock: StateClock;
  private readonly attemptMs: number;
  private index = 0;
  /** Null: not asked for yet, or run out; empty: etcd has no users. */
  private token: string | null = null;

  constructor(access: EtcdAccess, clock: StateClock, attemptMs: number) {
    this.endpoints = access.endpoints.map((origin) => new EtcdEndpoint(origin, access.tls, clock));
    this.user = access.user;
    this.clock = clock;
    this.attemptMs = attemptMs;
  }

  /**
   * The answer of the first member that gives one, tried until `deadlineMs`; the deadline is looked at between attempts and
   * cuts the last. Rejects with an EtcdFailure: `refused` at once, `misconfigured` once each member failed so, in a row,
   * `passing` at the deadline or when the signal is aborted.
   */
  async call(path: string, body: object, deadlineMs: number, signal: AbortSignal): Promise<Answer> {
    let misconfigured = 0;
    let isAfterUnknown = false;
    for (;;) {
      const endpoint = this.endpoint();
      let failure: EtcdFailure;
      try {
        return await this.attempt(endpoint, path, body, deadlineMs, signal);
      } catch (error) {
        failure = failureAt(endpoint, error);
        failure.isAfterUnknown = isAfterUnknown;
      }
      isAfterUnknown ||= failure.kind === 'passing';
      if (failure.kind === 'refused' || signal.aborted) throw failure;
      misconfigured = failure.kind === 'misconfigured' ? misconfigured + 1 : 0;
      if (misconfigured === this.endpoints.length) throw failure;
      this.moveOn(endpoint);
      if (this.clock.monotonicMs() + BETWEEN_ATTEMPTS_MS >= deadlineMs) throw failure;
      await pause(this.clock, BETWEEN_ATTEMPTS_MS, signal);
    }
  }

  /** The key at a revision that is the latest when the call begins, or a later one. */
  async get(key: string, deadlineMs: number, signal: AbortSignal): Promise<Sighting> {
    return readRange((await this.call('/v3/kv/range', rangeRequest(key), deadlineMs, signal)).body);
  }

  /**
   * Tells of changes of the key from `fromRevision` on. Resolves when the watch has ended, for whatever reason, with that
   * reason; the next watch is then at another member, unless etcd itself ended it.
   */
  async watch(
    key: string,
    fromRevision: number,
    signal: AbortSignal,
    onMessage: (message: WatchMessage) => void,
  ): Promise<string> {
    const endpoint = this.endpoint();
    const body = { create_request: { key: base64(key), start_revision: String(fromRevision) } };
    const ended = new AbortController();
    let reason = 'the member ended the watch';
    let cancelled = false;
    try {
      const token = await this.tokenFrom(endpoint, this.attemptMs, signal);
      await endpoint.watch('/v3/watch', {
        body,
        token,
        timeoutMs: this.attemptMs,
        signal: AbortSignal.any([signal, ended.signal]),
        onMessage: (parsed) => {
          const message = readWatch(parsed);
          if (cancelled || signal.aborted) return;
          if (message.kind === 'cancelled') {
            cancelled = true;
            reason = message.compacted ? 'its history was compacted away' : message.reason;
            ended.abort();
          }
          onMessage(message);
        },
      });
    } catch (error) {
      const failure = failureAt(endpoint, error);
      if (failure.kind === 'token') this.token = null;
      if (!cancelled) reason = failure.message;
    }
    if (!cancelled && !signal.aborted) this.moveOn(endpoint);
    return reason;
  }

  close(): void {
    for (const endpoint of this.endpoints) endpoint.close();
  }

  private endpoint(): EtcdEndpoint {
    const endpoint = this.endpoints[this.index];
    if (endpoint === undefined) throw new ShoalError('InvalidOption', 'etcd needs at least one endpoint');
    return endpoint;
  }

  /** Unless another call has done so already. */
  private moveOn(from: EtcdEndpoint): void {
    if (this.endpoint() === from) this.index = (this.index + 1) % this.endpoints.length;
  }

  private async attempt(
    endpoint: EtcdEndpoint,
    path: string,
    body: object,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    for (let tokens = 0; ; tokens += 1) {
      const left = (): number => Math.min(this.attemptMs, Math.max(1, deadlineMs - this.clock.monotonicMs()));
      const token = await this.tokenFrom(endpoint, left(), signal);
      const sentMs = this.clock.monotonicMs();
      try {
        return { body: await endpoint.call(path, { body, token, timeoutMs: left(), signal }), sentMs };
      } catch (error) {
        if (!(error instanceof EtcdFailure) || error.kind !== 'token' || tokens === TOKENS_PER_ATTEMPT) throw error;
        // Tokens end after some minutes and with the member; another call may have a new one already.
        if (this.token === token) this.token = null;
      }
    }
  }

  private async tokenFrom(endpoint: EtcdEndpoint, timeoutMs: number, signal: AbortSignal): Promise<string | null> {
    if (this.user === null) return null;
    this.token ??= await this.authenticate(endpoint, this.user, timeoutMs, signal);
    return this.token === '' ? null : this.token;
  }

  private async authenticate(
    endpoint: EtcdEndpoint,
    { name, password }: { readonly name: string; readonly password: string },
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string> {
    const options = { body: { name, password }, token: null, timeoutMs, signal };
    try {
      return readToken(await endpoint.call('/v3/auth/authenticate', options));
    } catch (error) {
      // Users are switched off: everybody may do everything, with or without a name.
      if (error instanceof EtcdFailure && error.grpcCode === GrpcCode.failedPrecondition) return '';
      throw error;
    }
  }
}

/** With the member's name. A fault of ours (a file that cannot be read) counts as a configuration that is wrong. */
function failureAt(endpoint: EtcdEndpoint, error: unknown): EtcdFailure {
  if (error instanceof ShoalError) return new EtcdFailure('misconfigured', error.message, null, error);
  const { kind, message, grpcCode } = failureOfConnection(error);
  return new EtcdFailure(kind, `${endpoint.origin}: ${message}`, grpcCode, error);
}
