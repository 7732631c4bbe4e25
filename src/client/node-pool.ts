/**
 * The connections to one node, and the requests that wait for one of them.
 *
 * The first connection that is not choked takes every request, so that requests of one turn share a write; another one is
 * opened only while all that there are have more unsent than SPILL_BYTES. A lost connection is opened anew, at once the first time, then with
 * growing waits. Requests wait meanwhile, until their deadline or until the breaker opens.
 *
 *     submit ──► a connection is ready ──► in flight
 *        │ none ready: queue ──► ready ──► in flight
 *        └ breaker open: fails at once
 */
import { ShoalError } from '../base/errors.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Breaker } from './breaker.ts';
import { Connection, type ConnectionOptions, type ConnectionOwner } from './connection.ts';
import type { Greeting } from './hello.ts';
import type { ReplyFrame } from './reply-frame.ts';
import type { Request } from './request.ts';
import type { ClientRuntime, Timer } from './runtime.ts';
import type { OpenSocket } from './tcp-socket.ts';

export interface PoolOptions extends ConnectionOptions {
  readonly connectionCountMax: number;
  readonly backoff: BackoffOptions;
  readonly breakerFailureCount: number;
  /** Requests that may wait or be in flight together. */
  readonly pendingCountMax: number;
  /** Bytes of requests that the system has not taken yet, on all connections together. */
  readonly unsentBytesMax: number;
  /** How often a request is sent at most. */
  readonly sendCountMax: number;
}

export type NodeState = 'connecting' | 'up' | 'down';

export interface PoolOwner {
  /** Finds the pool for a request again: it was lost with its connection to `pool`, or the node of `pool` was removed. */
  resubmit(request: Request, pool: NodePool): void;
  onStateChanged(pool: NodePool, state: NodeState, error: ShoalError | null): void;
  /** The node has let us in: what waits for it is sent next. */
  onGreeted(pool: NodePool, greeting: Greeting): void;
  /** The node is down: `waiting` are the requests that waited for it, each of which must settle or come back. */
  onDown(pool: NodePool, waiting: readonly Request[], error: ShoalError): void;
  /** See ConnectionOwner. */
  onNotServed(pool: NodePool, request: Request, reply: ReplyFrame): boolean;
  /** A retired pool has closed its last connection. */
  onEmpty(pool: NodePool): void;
}

export class NodePool implements ConnectionOwner {
  readonly node: string;
  state: NodeState = 'connecting';
  lastError: ShoalError | null = null;
  /** What the node said of itself last. */
  greeting: Greeting | null = null;
  /** Which node this is in its cluster: another one that answers at its address is not let in. Null: whoever answers. */
  expectedId: string | null = null;
  /** Since when it is `down`. */
  downSinceMs = 0;
  /** Another node answers at the address: what is known of the cluster is old. */
  isReplaced = false;
  private readonly options: PoolOptions;
  private readonly owner: PoolOwner;
  private readonly runtime: ClientRuntime;
  private readonly open: OpenSocket;
  private readonly connections: Connection[] = [];
  private readonly ready: Connection[] = [];
  private waiting: Request[] = [];
  private readonly breaker: Breaker;
  private readonly backoff: Backoff;
  private reconnect: Timer | null = null;
  /** From when on a connection beside another one is tried again. */
  private spareFromMs = 0;
  /** From when on a full connection is looked through again. */
  private lookFromMs = 0;
  private retired = false;
  /** When connections of a retired pool are closed, answered or not. */
  private closeAtMs = Number.POSITIVE_INFINITY;

  constructor(options: PoolOptions, owner: PoolOwner, runtime: ClientRuntime, open: OpenSocket) {
    this.options = options;
    this.owner = owner;
    this.runtime = runtime;
    this.open = open;
    this.node = `${options.host}:${options.port}`;
    this.breaker = new Breaker(options.breakerFailureCount);
    this.backoff = new Backoff(options.backoff, runtime.random01);
  }

  get connectionCount(): number {
    return this.ready.length;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  get inFlightCount(): number {
    let count = 0;
    for (const connection of this.ready) count += connection.inFlightCount;
    return count;
  }

  /** Takes a request over: it will settle, or come back by `resubmit`. Throws a ShoalError where it cannot be taken. */
  submit(request: Request): void {
    const connection = this.ready.length === 0 ? null : this.pick();
    if (connection === null) {
      this.enqueue(request);
      return;
    }
    if (connection.inFlightCount >= this.options.pendingCountMax) {
      this.lookAgain();
      throw this.queueFull('requests are in flight');
    }
    connection.send(request);
  }

  /** Opens a connection if there is none and none is being opened. */
  connect(): void {
    if (this.connections.length === 0 && this.reconnect === null && !this.retired) this.openConnection();
  }

  /** Fails what is over its deadline. */
  expire(nowMs: number): void {
    if (nowMs >= this.closeAtMs) {
      for (const connection of this.connections)
        connection.end(this.error('ConnectionLost', `${this.node} has left the cluster, and does not answer`));
    }
    for (const connection of this.connections) {
      connection.expire(nowMs, (request) => request.fail(this.timeout(request)));
      if (connection.isReady && connection.silentTimeoutCount >= this.options.breakerFailureCount) {
        // It took requests and answered none: as good as dead, and so, until a greeting says otherwise, is its node.
        this.trip(this.error('Timeout', `${this.node} does not answer`));
        connection.end(this.error('ConnectionLost', `${this.node} does not answer: the connection was given up`));
      }
    }
    if (this.waiting.length === 0) return;
    for (const request of this.waiting) if (request.deadlineMs <= nowMs) request.fail(this.timeout(request));
    this.waiting = this.waiting.filter((request) => !request.settled);
  }

  /**
   * Takes no more requests; closes once those in flight are answered, or at `closeAtMs`, when they count as lost. What waits finds another
   * pool.
   */
  retire(closeAtMs: number): void {
    if (this.retired) return;
    this.retired = true;
    this.closeAtMs = closeAtMs;
    this.reconnect?.cancel();
    this.reconnect = null;
    const { waiting } = this;
    this.waiting = [];
    for (const request of waiting) if (!request.settled) this.owner.resubmit(request, this);
    this.closeIfIdle();
  }

  /** Of a retired pool: closes it if nobody waits for an answer any more. */
  closeIfIdle(): void {
    if (!this.retired) return;
    for (const connection of this.connections) {
      if (!connection.isReady || !connection.hasPending())
        connection.end(this.error('ConnectionLost', `${this.node} was removed`));
    }
    if (this.connections.length === 0) this.owner.onEmpty(this);
  }

  /** Closes it now; what is in flight or waits fails with `error`. */
  destroy(error: ShoalError): void {
    this.retired = true;
    this.reconnect?.cancel();
    this.reconnect = null;
    this.failWaiting(error);
    for (const connection of this.connections) connection.end(error);
    if (this.connections.length === 0) this.owner.onEmpty(this);
  }

  /** Takes the requests away that wait for a connection, but for those that are for this node alone. */
  takeWaiting(): readonly Request[] {
    const { waiting } = this;
    if (waiting.length === 0) return waiting;
    this.waiting = waiting.filter(({ isForNode }) => isForNode);
    return waiting.filter(({ isForNode }) => !isForNode);
  }

  onReady(connection: Connection): void {
    const greeting = connection.greeting!;
    this.isReplaced = this.expectedId !== null && greeting.nodeId !== this.expectedId;
    if (this.isReplaced) {
      connection.end(this.error('ConnectFailed', `another node answers at ${this.node}`));
      return;
    }
    this.greeting = greeting;
    this.ready.push(connection);
    this.breaker.succeeded();
    this.owner.onGreeted(this, greeting);
    this.sendWaiting();
    // A listener may send too, or remove us: what waited comes first.
    this.change('up', null);
  }

  private sendWaiting(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const request of waiting) {
      if (request.settled) continue;
      try {
        this.submit(request);
      } catch (error) {
        request.fail(error as ShoalError);
      }
    }
  }

  onClosed(connection: Connection, error: ShoalError, lost: readonly Request[]): void {
    remove(this.connections, connection);
    const wasReady = remove(this.ready, connection);
    this.lastError = error;
    if (connection.hasAnswered) this.backoff.reset();
    if (!this.retired && this.connections.length === 0) this.scheduleReconnect(wasReady, connection.hasAnswered, error);
    else if (!wasReady) this.spareFromMs = this.runtime.nowMs() + this.backoff.nextMs();
    for (const request of lost) this.repeatOrFail(request, error);
    if (this.retired && this.connections.length === 0) this.owner.onEmpty(this);
  }

  onNotServed(request: Request, reply: ReplyFrame): boolean {
    return this.owner.onNotServed(this, request, reply);
  }

  private pick(): Connection | null {
    const { ready } = this;
    let least = ready[0]!;
    if (least.isReady && least.unsentBytes <= SPILL_BYTES) return least;
    let unsentBytes = 0;
    for (const connection of ready) {
      unsentBytes += connection.unsentBytes;
      if (!connection.isReady) continue;
      if (!least.isReady || connection.unsentBytes < least.unsentBytes) least = connection;
    }
    if (!least.isReady) return null;
    if (unsentBytes > this.options.unsentBytesMax) throw this.queueFull('bytes wait to be sent', unsentBytes);
    if (least.unsentBytes > SPILL_BYTES) this.openSpare();
    return least;
  }

  /** One more connection, unless there are as many as may be, or the last attempt failed just now. */
  private openSpare(): void {
    if (this.connections.length >= this.options.connectionCountMax) return;
    if (this.runtime.nowMs() >= this.spareFromMs) this.openConnection();
  }

  /** Where all places are taken by what nobody waits for any more, no timer runs that would find it out. */
  private lookAgain(): void {
    const nowMs = this.runtime.nowMs();
    if (nowMs < this.lookFromMs) return;
    this.lookFromMs = nowMs + LOOK_AGAIN_MS;
    this.expire(nowMs);
  }

  private enqueue(request: Request): void {
    if (this.retired) throw this.error('NoAvailableNodes', `${this.node} was removed`);
    if (this.breaker.isOpen) throw this.unavailable();
    if (this.waiting.length >= this.options.pendingCountMax) throw this.queueFull('requests wait', this.waiting.length);
    this.waiting.push(request);
    this.connect();
  }

  private openConnection(): void {
    this.reconnect = null;
    this.connections.push(new Connection(this.options, this, this.runtime, this.open));
  }

  /** `worked`: the connection answered requests, so the next one is tried at once; one that was only greeted may be lost over and over. */
  private scheduleReconnect(wasReady: boolean, worked: boolean, error: ShoalError): void {
    // Set before anybody is told: a listener that removes the node, or closes the client, cancels it.
    const opens = !wasReady && (this.breaker.failed() || error.code === 'Unauthenticated');
    const delayMs = worked && !this.breaker.isOpen ? 0 : this.backoff.nextMs();
    this.reconnect = this.runtime.after(delayMs, false, () => this.openConnection());
    if (wasReady) this.change(this.breaker.isOpen ? 'down' : 'connecting', error);
    else if (opens) this.trip(error);
  }

  private trip(error: ShoalError): void {
    this.lastError = error;
    this.breaker.trip();
    this.change('down', error);
    const { waiting } = this;
    this.waiting = [];
    if (waiting.length > 0)
      this.owner.onDown(this, waiting, error.code === 'Unauthenticated' ? error : this.unavailable());
  }

  private repeatOrFail(request: Request, error: ShoalError): void {
    const again =
      request.repeatable && request.sendCount < this.options.sendCountMax && error.code === 'ConnectionLost';
    if (again) this.owner.resubmit(request, this);
    else request.fail(error);
  }

  private failWaiting(error: ShoalError): void {
    const { waiting } = this;
    this.waiting = [];
    for (const request of waiting) request.fail(error);
  }

  private change(state: NodeState, error: ShoalError | null): void {
    if (error !== null) this.lastError = error;
    if (this.state === state) return;
    this.state = state;
    if (state === 'down') this.downSinceMs = this.runtime.nowMs();
    this.owner.onStateChanged(this, state, error);
  }

  private timeout(request: Request): ShoalError {
    const progress = request.sendCount === 0 ? 'it was never sent' : 'it was sent and may have been executed';
    const before = request.refusal === null ? '' : `; before that ${request.refusal}`;
    return this.error('Timeout', `no answer from ${this.node} within ${request.timeoutMs} ms; ${progress}${before}`);
  }

  private unavailable(): ShoalError {
    const why = this.lastError === null ? '' : `: ${this.lastError.message}`;
    return this.error('NoAvailableNodes', `${this.node} is down${why}`, this.lastError);
  }

  private queueFull(what: string, count = this.options.pendingCountMax): ShoalError {
    return this.error('QueueFull', `${count} ${what} for ${this.node}, which is as many as may`);
  }

  private error(
    code: 'Timeout' | 'NoAvailableNodes' | 'QueueFull' | 'ConnectionLost' | 'ConnectFailed',
    message: string,
    cause: ShoalError | null = null,
  ): ShoalError {
    return new ShoalError(code, message, cause === null ? { node: this.node } : { node: this.node, cause });
  }
}

function remove(list: Connection[], connection: Connection): boolean {
  const index = list.indexOf(connection);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}

/** A connection with more unsent than this is choked: its peer, or the way to it, is slower than we are. */
const SPILL_BYTES = 256 * 1024;
/** How often it is worth to look through a full connection. */
const LOOK_AGAIN_MS = 1000;
