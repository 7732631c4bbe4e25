/**
 * Gathers what a step of the agent wants done, in an order that is safe to carry out one after another: what takes rights away, then the
 * slot table, then what relies on it (commands to the mover, replies), then requests.
 */
import type { CoordinatorRequest, PeerRequest } from '../protocol/cluster/messages.ts';
import type { ClusterNode } from '../topology/topology.ts';
import type { AgentEffect } from './agent-types.ts';

/** Requests that may wait for their answers at once; far above what the agent's own timing leads to. */
const PENDING_MAX = 10_000;

/** Whom a request went to and why: what its answer means. */
export type RequestPurpose =
  | { readonly kind: 'heartbeat'; readonly address: string }
  | { readonly kind: 'watch'; readonly address: string }
  | { readonly kind: 'promise'; readonly nodeId: string; readonly durationMs: number }
  | { readonly kind: 'handover'; readonly moveId: number }
  | { readonly kind: 'moveStatus'; readonly moveId: number };

export interface PendingRequest {
  readonly id: number;
  readonly purpose: RequestPurpose;
  readonly sentMs: number;
  readonly deadlineMs: number;
}

/** Earlier first. */
const ORDER: Readonly<Record<AgentEffect['type'], number>> = {
  topology: 0,
  serveUntil: 1,
  slots: 2,
  endMove: 3,
  purge: 3,
  dropAll: 3,
  beginExport: 3,
  shipRest: 3,
  beginImport: 3,
  setPace: 3,
  reply: 4,
  forget: 5,
  askCoordinator: 5,
  askPeer: 5,
  trouble: 6,
  left: 6,
  log: 7,
};

export class AgentOutput {
  private effects: AgentEffect[] = [];
  private readonly pending = new Map<number, PendingRequest>();
  private nextRequestId = 1;

  add(effect: AgentEffect): void {
    this.effects.push(effect);
  }

  log(level: 'info' | 'warn' | 'error', message: string): void {
    this.effects.push({ type: 'log', level, message });
  }

  askCoordinator(
    to: string,
    request: CoordinatorRequest,
    { purpose, nowMs, timeoutMs }: { purpose: RequestPurpose; nowMs: number; timeoutMs: number },
  ): number {
    const requestId = this.open(purpose, nowMs, timeoutMs);
    this.effects.push({ type: 'askCoordinator', requestId, to, request });
    return requestId;
  }

  askPeer(
    to: ClusterNode,
    request: PeerRequest,
    { purpose, nowMs, timeoutMs }: { purpose: RequestPurpose; nowMs: number; timeoutMs: number },
  ): number {
    const requestId = this.open(purpose, nowMs, timeoutMs);
    this.effects.push({ type: 'askPeer', requestId, to, request });
    return requestId;
  }

  /** The request that is answered, which is not waited for from now on; null where it was not. */
  take(requestId: number): PendingRequest | null {
    const request = this.pending.get(requestId) ?? null;
    this.pending.delete(requestId);
    return request;
  }

  forget(requestId: number): void {
    if (this.pending.delete(requestId)) this.effects.push({ type: 'forget', requestId });
  }

  forgetAll(): void {
    for (const requestId of [...this.pending.keys()]) this.forget(requestId);
  }

  /** The requests whose time is over, which are not waited for from now on. */
  expire(nowMs: number): readonly PendingRequest[] {
    const expired = [...this.pending.values()].filter(({ deadlineMs }) => deadlineMs <= nowMs);
    for (const { id } of expired) this.forget(id);
    return expired;
  }

  /** What has gathered since the last call. */
  takeEffects(): readonly AgentEffect[] {
    const effects = this.effects.toSorted((left, right) => ORDER[left.type] - ORDER[right.type]);
    this.effects = [];
    return effects;
  }

  private open(purpose: RequestPurpose, sentMs: number, timeoutMs: number): number {
    if (this.pending.size >= PENDING_MAX) this.forget(this.pending.keys().next().value!);
    const id = this.nextRequestId;
    this.nextRequestId += 1;
    this.pending.set(id, { id, purpose, sentMs, deadlineMs: sentMs + timeoutMs });
    return id;
  }
}
