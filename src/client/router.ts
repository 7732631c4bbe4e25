/**
 * From a request to the node of its key: the ring over the nodes that were given, a pool for each, and the one timer that looks after the
 * deadlines of all requests.
 *
 * The timer runs only while requests are pending, and then keeps the process alive: a promise that nobody settles does not
 * exist. Deadlines are met to within DEADLINE_STEP_MS.
 */
import { ShoalError } from '../base/errors.ts';
import { Ring } from '../topology/ring.ts';
import type { ResolvedAddress } from './address.ts';
import { NodePool, type NodeState, type PoolOptions, type PoolOwner } from './node-pool.ts';
import type { Key, PendingCounter, Request } from './request.ts';
import type { ClientRuntime, Timer } from './runtime.ts';
import type { OpenSocket } from './tcp-socket.ts';

export interface RouterParts {
  readonly runtime: ClientRuntime;
  readonly open: OpenSocket;
  /** Options of the pools, but for host and port. */
  readonly pool: Omit<PoolOptions, 'host' | 'port'>;
  readonly onStateChanged: (member: Member, state: NodeState, error: ShoalError | null) => void;
}

/** A node that the client knows, and how it is. */
export interface Member {
  readonly address: ResolvedAddress;
  readonly pool: NodePool;
}

export class Router implements PoolOwner, PendingCounter {
  private readonly parts: RouterParts;
  private members: readonly Member[] = [];
  private ring: Ring;
  /** The pool of the only node; null where there are none or several. */
  private onlyPool: NodePool | null = null;
  /** Pools of removed nodes that still have requests in flight. */
  private readonly retired = new Set<NodePool>();
  private pendingCount = 0;
  private timer: Timer | null = null;
  private closed: ShoalError | null = null;
  /** Told once nothing is pending any more. */
  private onIdle: (() => void) | null = null;
  private onAllClosed: (() => void) | null = null;

  constructor(nodes: readonly ResolvedAddress[], parts: RouterParts) {
    this.parts = parts;
    this.ring = Ring.of(nodes);
    this.setMembers(nodes.map((address) => this.member(address)));
  }

  get all(): readonly Member[] {
    return this.members;
  }

  /** Sends `request` to the node of its key; it settles by itself. Throws a ShoalError where it cannot be taken. */
  submit(request: Request, timeoutMs: number): void {
    this.submitTo(this.onlyPool ?? this.poolOf(request.key), request, timeoutMs);
  }

  /** The same, to a node of the caller's choice. */
  submitTo(pool: NodePool, request: Request, timeoutMs: number): void {
    if (!request.accepted) this.checkOpen();
    request.timeoutMs = timeoutMs;
    if (request.deadlineMs === 0) request.deadlineMs = this.parts.runtime.nowMs() + timeoutMs;
    pool.submit(request);
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

  resubmit(request: Request, pool: NodePool): void {
    if (request.settled) return;
    try {
      // A client that is being closed still waits for what was pending before.
      if (this.closed !== null && this.members.length === 0) throw this.closed;
      const next = request.isForNode ? pool : (this.onlyPool ?? this.poolOf(request.key));
      next.submit(request);
    } catch (error) {
      request.fail(error as ShoalError);
    }
  }

  add(address: ResolvedAddress): Member {
    if (this.closed !== null) throw this.closed;
    this.ring = this.ring.with(address);
    const member = this.member(address);
    this.setMembers([...this.members, member]);
    member.pool.connect();
    return member;
  }

  /** The node's keys belong to the others from now on; what is in flight is waited for. Returns whether there was such a node. */
  remove(id: string): boolean {
    const member = this.members.find(({ address }) => address.id === id);
    if (member === undefined) return false;
    this.ring = this.ring.without(id);
    this.setMembers(this.members.filter((other) => other !== member));
    this.retired.add(member.pool);
    member.pool.retire();
    // It looks after what the pool still waits for.
    if (this.retired.size > 0) this.timer ??= this.startTimer();
    return true;
  }

  /** Throws `ClientClosed` where no more requests are taken. */
  checkOpen(): void {
    if (this.closed !== null) throw this.closed;
  }

  /** Which of `all` owns the key: its index. */
  ownerOf(key: Key): number {
    if (this.members.length === 0) {
      throw this.closed ?? new ShoalError('NoAvailableNodes', 'the list of nodes is empty');
    }
    if (typeof key !== 'string') return this.ring.ownerOf(key, 0, key.length);
    let scratch = keyScratch;
    if (key.length * 3 > scratch.length) scratch = Buffer.allocUnsafe(key.length * 3);
    return this.ring.ownerOf(scratch, 0, scratch.write(key, 0, 'utf8'));
  }

  connectAll(): void {
    for (const { pool } of this.members) pool.connect();
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
    const pools = [...this.members.map(({ pool }) => pool), ...this.retired];
    for (const pool of pools) this.retired.add(pool);
    this.setMembers([]);
    if (this.retired.size > 0) {
      await new Promise<void>((resolve) => {
        this.onAllClosed = resolve;
        for (const pool of pools) pool.destroy(error);
      });
    }
    this.timer?.cancel();
    this.timer = null;
  }

  onStateChanged(pool: NodePool, state: NodeState, error: ShoalError | null): void {
    const member = this.members.find((candidate) => candidate.pool === pool);
    if (member !== undefined) this.parts.onStateChanged(member, state, error);
  }

  onEmpty(pool: NodePool): void {
    this.retired.delete(pool);
    if (this.retired.size === 0) this.onAllClosed?.();
  }

  private count(request: Request): void {
    request.counter = this;
    this.pendingCount += 1;
  }

  private poolOf(key: Key): NodePool {
    return this.members[this.ownerOf(key)]!.pool;
  }

  private member(address: ResolvedAddress): Member {
    const { host, port } = address;
    const { pool, runtime, open } = this.parts;
    return { address, pool: new NodePool({ ...pool, host, port }, this, runtime, open) };
  }

  /** In the order of the ring's nodes: an owner is an index into both. */
  private setMembers(members: readonly Member[]): void {
    this.members = members;
    this.onlyPool = members.length === 1 ? members[0]!.pool : null;
  }

  private startTimer(): Timer {
    return this.parts.runtime.after(DEADLINE_STEP_MS, true, () => {
      this.timer = null;
      const nowMs = this.parts.runtime.nowMs();
      for (const { pool } of this.members) pool.expire(nowMs);
      for (const pool of this.retired) {
        pool.expire(nowMs);
        pool.closeIfIdle();
      }
      if (this.pendingCount > 0 || this.retired.size > 0) this.timer ??= this.startTimer();
    });
  }
}

const DEADLINE_STEP_MS = 10;
const keyScratch: Buffer = Buffer.allocUnsafeSlow(1024);
