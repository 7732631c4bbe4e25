/**
 * From a request to the node of its key, and back again where that node was lost or did not take it; and the one timer that looks after the
 * deadlines of all requests.
 *
 *     undecided ──► a node greets: in no cluster ──► ring      keys are shared among the nodes that were given
 *         └───────► a node greets: in a cluster ──► cluster    its topology says who has each slot
 *
 * Until it is decided requests wait at their node of the ring; as soon as a node says that it is in a cluster, whenever that is, they wait for the topology
 * instead. In a cluster a request ends with an answer, or at its deadline: it waits while its slot is on its way, and for
 * TAKEOVER_MS_MAX while the node that had it is down and others are not, or another one is in its place.
 *
 * The timer runs only while requests are pending, and then keeps the process alive: a promise that nobody settles does not
 * exist. Deadlines are met to within DEADLINE_STEP_MS.
 */
import { ShoalError } from '../base/errors.ts';
import { Feature, Status } from '../protocol/shoal/frame.ts';
import type { Topology } from '../topology/topology.ts';
import type { ResolvedAddress } from './address.ts';
import { Cluster } from './cluster.ts';
import type { Greeting } from './hello.ts';
import { HeldRequests } from './held-requests.ts';
import { KnownTopology } from './known-topology.ts';
import { type Member, NodeList } from './node-list.ts';
import { NodePool, type NodeState, type PoolOptions, type PoolOwner } from './node-pool.ts';
import { mayReadCopy, readFromPrimary } from './read-options.ts';
import type { ReplyFrame } from './reply-frame.ts';
import type { Key, PendingCounter, Request } from './request.ts';
import type { ClientRuntime, Timer } from './runtime.ts';
import type { OpenSocket } from './tcp-socket.ts';

export interface RouterParts {
  readonly runtime: ClientRuntime;
  readonly open: OpenSocket;
  /** Options of the pools, but for host and port. */
  readonly pool: Omit<PoolOptions, 'host' | 'port' | 'topology'>;
  /** Whether a cluster is looked for. */
  readonly topology: 'auto' | 'off';
  readonly onStateChanged: (member: Member, state: NodeState, error: ShoalError | null) => void;
  readonly onTopologyChanged: (topology: Topology, previous: Topology | null) => void;
  /** A node, as `host:port`, told a topology that cannot be used, or none. */
  readonly onTopologyIgnored: (node: string, error: ShoalError) => void;
}

export class Router implements PoolOwner, PendingCounter {
  private readonly parts: RouterParts;
  private readonly known = new KnownTopology();
  private readonly nodes: NodeList;
  private readonly cluster: Cluster;
  private readonly held: HeldRequests;
  private mode: 'undecided' | 'ring' | 'cluster';
  /** The addresses that the client was given. */
  private seeds: readonly ResolvedAddress[];
  private areSeedsConnected = false;
  private pendingCount = 0;
  private timer: Timer | null = null;
  private closed: ShoalError | null = null;
  /** Told once nothing is pending any more. */
  private onIdle: (() => void) | null = null;
  private onAllClosed: (() => void) | null = null;

  constructor(nodes: readonly ResolvedAddress[], parts: RouterParts) {
    this.parts = parts;
    this.seeds = nodes;
    this.mode = parts.topology === 'auto' ? 'undecided' : 'ring';
    const { runtime, open } = parts;
    const pool = { ...parts.pool, topology: this.known };
    this.nodes = new NodeList(nodes, ({ host, port }) => new NodePool({ ...pool, host, port }, this, runtime, open));
    this.held = new HeldRequests(runtime, pool.pendingCountMax, (request, home) => this.resubmit(request, home));
    this.cluster = new Cluster({
      runtime,
      open,
      connection: pool,
      backoff: pool.backoff,
      known: this.known,
      seeds: () => this.seeds,
      areAllDown: () => this.all.every((member) => member.pool.state === 'down'),
      onTopology: (topology, previous) => this.useTopology(topology, previous),
      onIgnored: parts.onTopologyIgnored,
    });
  }

  get all(): readonly Member[] {
    return this.nodes.members;
  }

  /** Null: none is known, as outside a cluster. */
  get topology(): Topology | null {
    return this.known.topology;
  }

  /** Whether there is, or may be, a cluster whose topology is not known yet. */
  get isUndecided(): boolean {
    return this.mode === 'undecided' || (this.mode === 'cluster' && this.known.topology === null);
  }

  /** Sends `request` to the node of its key; it settles by itself. Throws a ShoalError where it cannot be taken. */
  submit(request: Request, timeoutMs: number): void {
    this.submitTo(this.poolFor(request), request, timeoutMs);
  }

  /** The same, to a node of the caller's choice; null: it waits until somebody has its key. */
  submitTo(pool: NodePool | null, request: Request, timeoutMs: number): void {
    if (!request.accepted) this.checkOpen();
    request.timeoutMs = timeoutMs;
    if (request.deadlineMs === 0) request.deadlineMs = this.parts.runtime.nowMs() + timeoutMs;
    this.place(request, pool);
    if (request.counter === null) this.count(request);
    this.timer ??= this.startTimer();
  }

  /** Counts a request as pending that is not sent yet, so that closing waits for it. Throws `ClientClosed`. */
  accept(request: Request): void {
    this.checkOpen();
    request.accepted = true;
    this.count(request);
  }

  settled(): void {
    this.pendingCount -= 1;
    if (this.pendingCount === 0) this.onIdle?.();
  }

  /** `pool`: the node that it was lost at, or that did not take it. */
  resubmit(request: Request, pool: NodePool | null): void {
    if (request.settled) return;
    if (mayReadCopy(request)) readFromPrimary(request);
    try {
      this.place(request, request.isForNode ? pool : (this.nodes.only ?? this.poolOf(request.routeKey)));
    } catch (error) {
      request.fail(error as ShoalError);
    }
  }

  /** In a cluster, an address more to ask where no node of it can be reached. Throws `InvalidOption` where it is there. */
  add(address: ResolvedAddress): void {
    if (this.closed !== null) throw this.closed;
    if (this.seeds.some(({ id }) => id === address.id)) {
      throw new ShoalError('InvalidOption', `the node ${address.id} is there already`);
    }
    if (this.mode !== 'cluster') this.nodes.add(address).pool.connect();
    this.seeds = [...this.seeds, address];
  }

  /** The node's keys belong to the others from now on; what is in flight is waited for. Returns whether there was such a node. */
  remove(id: string): boolean {
    const seeds = this.seeds.filter((seed) => seed.id !== id);
    if (seeds.length === this.seeds.length) return false;
    this.seeds = seeds;
    const pool = this.mode === 'cluster' ? undefined : this.nodes.remove(id);
    if (pool !== undefined) this.retire(pool, Number.POSITIVE_INFINITY);
    return true;
  }

  /** Throws `ClientClosed` where no more requests are taken. */
  checkOpen(): void {
    if (this.closed !== null) throw this.closed;
  }

  /** The node of this id, or of this `host:port`. Throws `InvalidArgument` where there is none, and `ClientClosed`. */
  memberOf(id: string): Member {
    this.checkOpen();
    const named = this.all.find(({ address }) => address.id === id) ?? this.all.find(({ pool }) => pool.node === id);
    if (named === undefined) throw new ShoalError('InvalidArgument', `there is no node ${id}`);
    return named;
  }

  /** The node that has the key. Throws `NoAvailableNodes` where there is none for now. */
  memberFor(key: Key): Member {
    if (this.all.length === 0 && this.closed !== null) throw this.closed;
    this.nodes.checkNotEmpty();
    const member = this.all[this.nodes.ownerOf(key)];
    if (member !== undefined) return member;
    throw new ShoalError('NoAvailableNodes', 'no node of the cluster has the slot of this key, as far as is known');
  }

  connectAll(): void {
    for (const { pool } of this.all) pool.connect();
  }

  /** Resolves once a topology is known, in a cluster, and at once outside. Rejects with `NoAvailableNodes` after `timeoutMs`. */
  async whenDecided(timeoutMs: number): Promise<void> {
    this.checkOpen();
    if (this.mode === 'cluster') await this.cluster.whenKnown(timeoutMs);
  }

  /** Takes the topology that a node, as `host:port`, told. */
  hear(bytes: Uint8Array, node: string): void {
    this.cluster.hear(bytes, node);
  }

  /** Takes no more requests, waits for those that are pending, and closes all connections. */
  async close(error: ShoalError): Promise<void> {
    this.closed ??= error;
    if (this.pendingCount > 0) {
      await new Promise<void>((resolve) => {
        this.onIdle = resolve;
      });
    }
    await this.destroy(error);
  }

  /** Closes all connections now; what is pending fails with `error`. */
  async destroy(error: ShoalError): Promise<void> {
    this.closed ??= error;
    this.cluster.close(error);
    const pools = this.nodes.clear();
    this.held.destroy(error);
    if (pools.length > 0) {
      await new Promise<void>((resolve) => {
        this.onAllClosed = resolve;
        for (const pool of pools) pool.destroy(error);
      });
    }
    this.timer?.cancel();
    this.timer = null;
  }

  onStateChanged(pool: NodePool, state: NodeState, error: ShoalError | null): void {
    const member = this.nodes.memberOf(pool);
    if (member === undefined) return;
    this.parts.onStateChanged(member, state, error);
    if (state === 'up' && this.mode === 'cluster') this.held.release();
  }

  onEmpty(pool: NodePool): void {
    this.nodes.retired.delete(pool);
    if (this.nodes.retired.size === 0) this.onAllClosed?.();
  }

  onGreeted(pool: NodePool, { epoch }: Greeting): void {
    if (this.parts.topology === 'off') return;
    if (epoch === null) {
      if (this.mode === 'undecided') this.mode = 'ring';
    } else if (this.mode !== 'cluster') this.enterCluster(pool);
    else if (epoch > this.known.epoch) this.cluster.refresh(pool);
  }

  onDown(pool: NodePool, waiting: readonly Request[], error: ShoalError): void {
    const waits = error.code !== 'Unauthenticated' && this.isTakenOver(pool);
    for (const request of waiting) {
      if (mayReadCopy(request)) this.resubmit(request, pool);
      else if (waits && !request.isForNode) this.hold(request, pool, error.message);
      else request.fail(error);
    }
  }

  onNotServed(pool: NodePool, request: Request, reply: ReplyFrame): boolean {
    if (this.parts.topology === 'off') return false;
    if (this.mode !== 'cluster' || reply.epoch > this.known.epoch) this.cluster.refresh(pool);
    const isMoved = reply.status === Status.moved;
    if (request.isForNode && isMoved) return false;
    // Nothing was done.
    request.sendCount -= 1;
    if (mayReadCopy(request)) {
      this.resubmit(request, pool);
      return true;
    }
    request.refusal = `${pool.node} said: ${reply.errorText}`;
    try {
      if (isMoved)
        this.nodes.redirect(request.routeKey, reply.epoch < this.known.epoch ? null : movedTo(reply.errorText));
      const owner = request.isForNode ? pool : this.poolOf(request.routeKey);
      if (owner === null || owner === pool || request.hopCount >= HOPS_MAX) this.hold(request, pool, request.refusal);
      else {
        request.hopCount += 1;
        this.place(request, owner);
      }
    } catch (error) {
      request.fail(error as ShoalError);
    }
    return true;
  }

  private poolFor(request: Request): NodePool | null {
    if (mayReadCopy(request)) {
      const copy = this.nodes.copyOf(request.routeKey, this.parts.runtime.random01, canAnswerCopy);
      if (copy !== null) return copy;
      readFromPrimary(request);
    }
    return this.nodes.only ?? this.poolOf(request.routeKey);
  }

  private place(request: Request, pool: NodePool | null): void {
    if (pool === null) this.hold(request, null, null);
    else if (pool.state === 'down' && !request.isForNode && this.isTakenOver(pool)) {
      this.hold(request, pool, `${pool.node} is down`);
    } else pool.submit(request);
  }

  /** Keeps it for later, since nobody takes it for now. Throws `QueueFull`. */
  private hold(request: Request, pool: NodePool | null, refusal: string | null): void {
    if (refusal !== null) request.refusal = refusal;
    request.hopCount = 0;
    this.held.hold(request, pool);
    if (this.known.topology !== null) this.cluster.askAround(this.all, pool);
  }

  /** Whether others of its cluster may take over what the node of `pool` had, which is down. */
  private isTakenOver(pool: NodePool): boolean {
    if (this.mode !== 'cluster') return false;
    if (this.parts.runtime.nowMs() - pool.downSinceMs > TAKEOVER_MS_MAX) return false;
    return pool.isReplaced || this.all.some((member) => member.pool.state === 'up');
  }

  private count(request: Request): void {
    request.counter = this;
    this.pendingCount += 1;
  }

  private poolOf(key: Key): NodePool | null {
    if (this.all.length === 0) {
      if (this.closed !== null) throw this.closed;
      if (this.mode !== 'cluster') this.nodes.checkNotEmpty();
    }
    if (this.mode === 'undecided' && !this.areSeedsConnected) {
      // Any of them may know of a cluster, and that of the key may be gone.
      this.areSeedsConnected = true;
      this.connectAll();
    }
    return this.nodes.poolOf(key);
  }

  /** The node of `pool` says that it is in a cluster: all requests wait for the topology. */
  private enterCluster(pool: NodePool): void {
    const member = this.nodes.memberOf(pool);
    if (member === undefined) return;
    this.mode = 'cluster';
    this.nodes.forgetRoutes();
    this.rerouteWaiting();
    const { host, port } = member.address;
    this.cluster.begin(pool, { host, port, nodeId: null });
  }

  private useTopology(topology: Topology, previous: Topology | null): void {
    this.mode = 'cluster';
    const closeAtMs = this.parts.runtime.nowMs() + RETIRED_MS_MAX;
    for (const pool of this.nodes.useTopology(topology)) this.retire(pool, closeAtMs);
    this.connectAll();
    this.rerouteWaiting();
    this.held.release();
    this.parts.onTopologyChanged(topology, previous);
  }

  /** Requests that wait for a connection find their node again. */
  private rerouteWaiting(): void {
    const waiting = this.all.flatMap(({ pool }) => pool.takeWaiting());
    for (const request of waiting) this.resubmit(request, null);
  }

  private retire(pool: NodePool, closeAtMs: number): void {
    pool.retire(closeAtMs);
    // It looks after what the pool still waits for.
    if (this.nodes.retired.size > 0) this.timer ??= this.startTimer();
  }

  private startTimer(): Timer {
    return this.parts.runtime.after(DEADLINE_STEP_MS, true, () => {
      this.timer = null;
      const nowMs = this.parts.runtime.nowMs();
      this.held.expire(nowMs);
      for (const { pool } of this.all) pool.expire(nowMs);
      for (const pool of this.nodes.retired) {
        pool.expire(nowMs);
        pool.closeIfIdle();
      }
      if (this.pendingCount > 0 || this.nodes.retired.size > 0) this.timer ??= this.startTimer();
    });
  }
}

/** Whether the node answers at once, and knows how. */
function canAnswerCopy({ state, greeting }: NodePool): boolean {
  return state === 'up' && greeting !== null && (greeting.features & Feature.getCopy) !== 0;
}

/** Who has the slot now, as `host:port`, in the words of the node that has it no more; null: it does not say. */
function movedTo(text: string): string | null {
  return /^\d+ (\S+)$/.exec(text)?.[1] ?? null;
}

const DEADLINE_STEP_MS = 10;
/** Nodes that send a request to each other get it no more than so often without a pause. */
const HOPS_MAX = 3;
/** How long requests wait for somebody to take over from a node that is down: some leases of the nodes. Beyond it they fail at once. */
const TAKEOVER_MS_MAX = 10_000;
/** How long a node that has left the cluster may take for its last answers; then they count as lost. */
const RETIRED_MS_MAX = 2000;
