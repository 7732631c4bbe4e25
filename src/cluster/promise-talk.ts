/**
 * Promises between nodes, for the time in which no coordinator can be reached: asked of all others, and given to them. Part of the agent.
 *
 * Who has not had a lease for half its time asks all other nodes of its topology: "take over none of my slots for a lease's time". One that
 * knows of a newer topology, or of one without the asker, does not promise: a takeover may be under way. So a node that all
 * others have promised to can serve on, and as soon as one of them has heard of a change, nobody can any more.
 */
import type { PromiseRequest } from '../protocol/cluster/messages.ts';
import { shortNodeId } from '../topology/short-node-id.ts';
import type { Topology } from '../topology/topology.ts';
import type { AgentOutput, PendingRequest } from './agent-output.ts';
import type { ServingRights } from './serving-right.ts';
import { PROMISE_MS_MAX, type SlotFences } from './slot-fences.ts';

/** A lease of which this share has passed since it was asked for is not relied on any more. */
const ASK_AFTER_SHARE = 0.5;
/** Rounds of asking in a lease's time. */
const ROUNDS_PER_LEASE = 3;

export class PromiseTalk {
  private readonly output: AgentOutput;
  private readonly rights: ServingRights;
  private readonly fences: SlotFences;
  private nextRoundMs = Number.NEGATIVE_INFINITY;

  constructor(output: AgentOutput, rights: ServingRights, fences: SlotFences) {
    this.output = output;
    this.rights = rights;
    this.fences = fences;
  }

  /** Asks the others where the lease is old. Only for a node that is in `topology`. */
  ask(topology: Topology, selfId: string, { nowMs, leaseMs }: { nowMs: number; leaseMs: number }): void {
    if (nowMs - this.rights.grantedSentMs < leaseMs * ASK_AFTER_SHARE || nowMs < this.nextRoundMs) return;
    const everyMs = leaseMs / ROUNDS_PER_LEASE;
    this.nextRoundMs = nowMs + everyMs;
    const durationMs = Math.min(leaseMs, PROMISE_MS_MAX);
    const { cluster, epoch } = topology;
    for (const node of topology.nodes) {
      if (node.id === selfId) continue;
      this.output.askPeer(
        node,
        { type: 'promise', cluster, from: selfId, epoch, durationMs },
        { purpose: { kind: 'promise', nodeId: node.id, durationMs }, nowMs, timeoutMs: everyMs },
      );
    }
  }

  /** A peer answered. */
  answered({ purpose, sentMs }: PendingRequest, granted: boolean): void {
    if (purpose.kind === 'promise' && granted) this.rights.promised(purpose.nodeId, sentMs, purpose.durationMs);
  }

  /** Another node asks. True: what it may serve, this node does not serve for the time that it asked for. */
  grant({ from, epoch, durationMs }: PromiseRequest, topology: Topology, selfId: string, nowMs: number): boolean {
    const isMember = topology.node(selfId) !== null && topology.node(from) !== null;
    if (!isMember || from === selfId || topology.epoch > epoch || durationMs > PROMISE_MS_MAX) return false;
    this.fences.promise(from, durationMs, nowMs);
    return true;
  }

  /** The others that hold this node up: those without a promise, for people. */
  missingText(topology: Topology, selfId: string, nowMs: number): string {
    const others = topology.nodes.filter(({ id }) => id !== selfId);
    if (others.length === 0) return 'there is no other node that could promise not to take over';
    const missing = new Set(
      this.rights.withoutPromise(
        others.map(({ id }) => id),
        nowMs,
      ),
    );
    const names = others
      .filter(({ id }) => missing.has(id))
      .map(({ id, host, peerPort }) => `${shortNodeId(id)} (${host}:${peerPort})`);
    return `not promised by ${names.join(', ')}`;
  }
}
