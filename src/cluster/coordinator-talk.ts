/**
 * The node's dialogue with its coordinator: heartbeats, which bring leases, and the watch, which brings topologies. Part of the agent.
 *
 * A heartbeat goes out each third of the lease, and at once when there is news. The watch is one long request that is
 * answered when there is a newer topology; it is made anew after each answer, and when a lease tells of an epoch that it
 * should have brought. Both go to the coordinator of the `CoordinatorLine`; a heartbeat without an answer moves that on.
 */
import type { CoordinatorAnswer, Heartbeat, Lease } from '../protocol/cluster/messages.ts';
import type { AgentOutput, PendingRequest } from './agent-output.ts';
import { LEASE_MS_DEFAULT } from './agent-types.ts';
import { CoordinatorLine } from './coordinator-line.ts';

/** Heartbeats in a lease's time. */
const HEARTBEATS_PER_LEASE = 3;
/** Heartbeats that may wait for their answers at once: one of the clock, some for news. */
const HEARTBEATS_PENDING_MAX = 4;
/** A coordinator answers a watch after this, also without news. */
const WATCH_WAIT_MS = 10_000;
/** After an answer to a watch that was of no use. */
const WATCH_AGAIN_MS = 100;
/** A watch that has not brought the epoch that a lease tells of for so long is made anew. */
const WATCH_STALE_MS = 300;
/** A coordinator that has refused so many heartbeats gives way to the next of the list. */
const REFUSALS_MAX = 2;

export type HeartbeatContent = Omit<Heartbeat, 'type' | 'cluster'>;

/** What the agent has to do with an answer. */
export type CoordinatorNews =
  | { readonly kind: 'lease'; readonly lease: Lease; readonly sentMs: number }
  | { readonly kind: 'topology'; readonly base64: string }
  | { readonly kind: 'nothing' };

const NOTHING: CoordinatorNews = { kind: 'nothing' };

export class CoordinatorTalk {
  /** Of the last lease. */
  leaseMs: number = LEASE_MS_DEFAULT;
  /** The coordinator of the last lease, as it calls itself; null before the first. */
  coordinator: string | null = null;
  /** Why there was no lease last time, for people; null where there was. */
  failure: string | null = null;
  private readonly output: AgentOutput;
  private readonly cluster: string;
  private readonly line: CoordinatorLine;
  private nextHeartbeatMs = Number.NEGATIVE_INFINITY;
  private isUrgent = false;
  private heartbeatsPending = 0;
  private watch: { readonly requestId: number; readonly address: string; readonly sentMs: number } | null = null;
  private nextWatchMs = Number.NEGATIVE_INFINITY;
  /** Heartbeats refused since the last lease. */
  private refusals = 0;
  /** Of the last lease; null before the first. */
  private moveBytesPerSecond: number | null = null;
  private refusalLogged = '';
  private silenceLogged = false;

  constructor(
    output: AgentOutput,
    options: { cluster: string; coordinators: readonly string[]; random01: () => number },
  ) {
    this.output = output;
    this.cluster = options.cluster;
    this.line = new CoordinatorLine(options.coordinators, options.random01);
  }

  /** There is news: a heartbeat goes out with the next `send`. */
  hasNews(): void {
    this.isUrgent = true;
  }

  /** Sends what is due. `content` is asked for only where a heartbeat goes out. */
  send(nowMs: number, content: () => HeartbeatContent): void {
    if (!this.line.isReady(nowMs)) return;
    if ((this.isUrgent || nowMs >= this.nextHeartbeatMs) && this.heartbeatsPending < HEARTBEATS_PENDING_MAX) {
      this.sendHeartbeat(nowMs, content());
    }
  }

  /** Watches for topologies after `epoch`. */
  sendWatch(nowMs: number, epoch: number, nodeId: string): void {
    if (this.watch !== null || nowMs < this.nextWatchMs || !this.line.isReady(nowMs)) return;
    const { address } = this.line;
    const requestId = this.output.askCoordinator(
      address,
      { type: 'watch', cluster: this.cluster, epoch, node: nodeId, waitMs: WATCH_WAIT_MS },
      { purpose: { kind: 'watch', address }, nowMs, timeoutMs: WATCH_WAIT_MS + this.leaseMs },
    );
    this.watch = { requestId, address, sentMs: nowMs };
  }

  /** `epoch`: of the topology that this node has applied. */
  answered(
    request: PendingRequest,
    answer: CoordinatorAnswer,
    context: { nowMs: number; epoch: number },
  ): CoordinatorNews {
    const { purpose } = request;
    if (purpose.kind === 'heartbeat') return this.heartbeatAnswered(request, purpose.address, answer, context);
    if (purpose.kind === 'watch') return this.watchAnswered(purpose.address, answer, context.nowMs);
    return NOTHING;
  }

  unanswered({ purpose }: PendingRequest, reason: string, nowMs: number): void {
    if (purpose.kind === 'heartbeat') {
      this.heartbeatsPending -= 1;
      this.failure = `the coordinator at ${purpose.address} does not answer: ${reason}`;
      if (purpose.address === this.line.address) this.nextHeartbeatMs = nowMs;
      this.line.failed(purpose.address, nowMs);
      if (!this.silenceLogged) this.output.log('warn', `${this.failure}; trying again`);
      this.silenceLogged = true;
    } else if (purpose.kind === 'watch') {
      this.watch = null;
      this.nextWatchMs = nowMs + WATCH_AGAIN_MS;
    }
  }

  /** What was brought was of no use: the next watch waits a little, so that nobody is asked in a loop. */
  watchInVain(nowMs: number): void {
    this.nextWatchMs = nowMs + WATCH_AGAIN_MS;
  }

  /** The node begins anew under another id; requests of the old one were forgotten. */
  restart(): void {
    this.heartbeatsPending = 0;
    this.watch = null;
    this.nextWatchMs = Number.NEGATIVE_INFINITY;
    this.isUrgent = true;
  }

  private sendHeartbeat(nowMs: number, content: HeartbeatContent): void {
    const { address } = this.line;
    const everyMs = this.leaseMs / HEARTBEATS_PER_LEASE;
    this.output.askCoordinator(
      address,
      { type: 'heartbeat', cluster: this.cluster, ...content },
      { purpose: { kind: 'heartbeat', address }, nowMs, timeoutMs: everyMs },
    );
    this.heartbeatsPending += 1;
    this.isUrgent = false;
    this.nextHeartbeatMs = nowMs + everyMs;
  }

  private heartbeatAnswered(
    { sentMs }: PendingRequest,
    address: string,
    answer: CoordinatorAnswer,
    { nowMs, epoch }: { nowMs: number; epoch: number },
  ): CoordinatorNews {
    this.heartbeatsPending -= 1;
    if (answer.type === 'notLeader') {
      this.redirected(address, answer.leader, nowMs);
      return NOTHING;
    }
    if (answer.type !== 'lease') {
      this.refused(address, answer, nowMs);
      // The reason may be in a topology that this node has missed: the watch has to get there before the line moves on.
      this.renewWatch(address, true, nowMs);
      this.refusals += 1;
      if (this.refusals % REFUSALS_MAX === 0) this.line.failed(address, nowMs);
      return NOTHING;
    }
    this.refusals = 0;
    this.line.answered(address);
    this.leaseMs = answer.leaseMs;
    this.coordinator = answer.coordinator;
    this.failure = null;
    this.refusalLogged = '';
    this.silenceLogged = false;
    this.renewWatch(address, answer.epoch > epoch, nowMs);
    this.setPace(answer.moveBytesPerSecond);
    return { kind: 'lease', lease: answer, sentMs };
  }

  private setPace(moveBytesPerSecond: number): void {
    if (moveBytesPerSecond === this.moveBytesPerSecond) return;
    this.moveBytesPerSecond = moveBytesPerSecond;
    const bytesPerSecond = moveBytesPerSecond === 0 ? Number.POSITIVE_INFINITY : moveBytesPerSecond;
    this.output.add({ type: 'setPace', bytesPerSecond });
  }

  /** A watch that hangs at another coordinator, or that should have brought something, is given up. */
  private renewWatch(address: string, isBehind: boolean, nowMs: number): void {
    const { watch } = this;
    if (watch === null) return;
    if (watch.address === address && !(isBehind && nowMs - watch.sentMs >= WATCH_STALE_MS)) return;
    this.output.forget(watch.requestId);
    this.watch = null;
  }

  private watchAnswered(address: string, answer: CoordinatorAnswer, nowMs: number): CoordinatorNews {
    this.watch = null;
    if (answer.type === 'topology') return { kind: 'topology', base64: answer.topology };
    this.nextWatchMs = nowMs + (answer.type === 'unchanged' ? 0 : WATCH_AGAIN_MS);
    if (answer.type === 'notLeader') this.redirected(address, answer.leader, nowMs);
    else if (answer.type !== 'unchanged') this.refused(address, answer, nowMs);
    return NOTHING;
  }

  private redirected(address: string, leader: string | null, nowMs: number): void {
    this.failure = `the coordinator at ${address} does not lead, and ${leader ?? 'nobody'} does`;
    if (address === this.line.address) this.nextHeartbeatMs = nowMs;
    this.line.redirected(address, leader, nowMs);
  }

  private refused(address: string, answer: CoordinatorAnswer, nowMs: number): void {
    const text = answer.type === 'refused' ? answer.text : `an answer of type ${answer.type}`;
    this.failure = `the coordinator at ${address} refuses this node: ${text}`;
    this.nextHeartbeatMs = Math.min(this.nextHeartbeatMs, nowMs + this.leaseMs / HEARTBEATS_PER_LEASE);
    if (this.refusalLogged === this.failure) return;
    this.refusalLogged = this.failure;
    this.output.log('error', this.failure);
  }
}
