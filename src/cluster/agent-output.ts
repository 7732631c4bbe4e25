/**
 * Gathers what a step of the agent wants done, in an order that is safe to carry out one after another: what takes rights away, then claims, which stand before all that is written by them, then the
 * slot table, then what relies on it (commands to the mover, replies), then requests.
 */
import type { CoordinatorRequest, PeerRequest } from '../protocol/cluster/messages.ts';
import type { ClusterNode } from '../topology/topology.ts';
import type { AgentEffect } from './agent-types.ts';
import { ServingRight } from './slot-table.ts';

/** Requests that may wait for their answers at once; far above what the agent's own timing leads to. */
const PENDING_MAX = 10_000;

/** Whom a request went to and why: what its answer means. */
export type RequestPurpose =
  | { readonly kind: 'heartbeat'; readonly address: string }
  | { readonly kind: 'watch'; readonly address: string }
  | { readonly kind: 'promise'; readonly nodeId: string; readonly durationMs: number }
  | { readonly kind: 'handover'; readonly moveId: number }
  | { readonly kind: 'moveStatus'; readonly moveId: number }
  /** Before anything is handed over: whether the target knows of the move. */
  | { readonly kind: 'moveAhead'; readonly moveId: number };

export interface PendingRequest {
  readonly id: number;
  readonly purpose: RequestPurpose;
  readonly sentMs: number;
  readonly deadlineMs: number;
}

/**
 * Earlier first. A right that is taken away goes before the slots; one that is given comes after those that it was given for.
 *
 * Of what the mover is told about one slot, what ends comes first. `copyFrom`: from then on nothing of a former owner is stored, so the copy that a slot is served with, or kept as, does not change any more, and a
 * deletion that follows deletes all there will be. Then moves and deletions. Streams to replicas come last, and have only slots that are served: what is in a slot that is being deleted is never sent.
 */
const ORDER: Readonly<Record<AgentEffect['type'], number>> = {
  topology: 0,
  claim: 2,
  slots: 3,
  serveUntil: 4,
  copyFrom: 5,
  endMove: 6,
  purge: 6,
  dropAll: 6,
  beginExport: 6,
  shipRest: 6,
  takeOver: 6,
  beginImport: 6,
  setPace: 6,
  replicateTo: 7,
  reply: 8,
  forget: 9,
  askCoordinator: 9,
  askPeer: 9,
  trouble: 10,
  left: 10,
  log: 11,
};
const ORDER_OF_REVOCATION = 1;

function orderOf(effect: AgentEffect): number {
  const isRevocation = effect.type === 'serveUntil' && effect.right === ServingRight.none;
  return isRevocation ? ORDER_OF_REVOCATION : ORDER[effect.type];
}

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
    for (const requestId of this.pending.keys()) this.forget(requestId);
  }

  /** The requests whose time is over, which are not waited for from now on. */
  expire(nowMs: number): readonly PendingRequest[] {
    const expired = [...this.pending.values()].filter(({ deadlineMs }) => deadlineMs <= nowMs);
    for (const { id } of expired) this.forget(id);
    return expired;
  }

  /** What has gathered since the last call. */
  takeEffects(): readonly AgentEffect[] {
    const effects = this.effects.toSorted((left, right) => orderOf(left) - orderOf(right));
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
