/**
 * Who sends heartbeats, since when this coordinator is elected. A node that is silent for a whole lease has lost the right to serve by its
 * own clock, because it counts from before it sent what is counted here from after it came: so its slots may be given away.
 */
import type { Heartbeat, NodeDescription } from '../protocol/cluster/messages.ts';
import type { ClusterNode, Topology } from '../topology/topology.ts';

/** A node as its last heartbeat tells. */
export interface HeardNode {
  readonly heartbeat: Heartbeat;
  readonly heardAtMs: number;
}

export class Membership {
  private readonly leaseMs: number;
  private readonly heard = new Map<string, HeardNode>();
  private electedAtMs = Number.POSITIVE_INFINITY;
  /** Epoch that each joining node is known to all nodes from. */
  private readonly joinedEpochs = new Map<string, number>();

  constructor(leaseMs: number) {
    this.leaseMs = leaseMs;
  }

  /** Who was heard before counts for nothing: another coordinator may have granted leases meanwhile. */
  elected(topology: Topology, nowMs: number): void {
    this.electedAtMs = nowMs;
    this.heard.clear();
    this.joinedEpochs.clear();
    this.topologyStored(topology);
  }

  hear(heartbeat: Heartbeat, nowMs: number): void {
    this.heard.set(heartbeat.node.id, { heartbeat, heardAtMs: nowMs });
  }

  /** Joining nodes that are in it for the first time are known from it on. */
  topologyStored(topology: Topology): void {
    for (const { id, state } of topology.nodes) {
      if (state === 'joining' && !this.joinedEpochs.has(id)) this.joinedEpochs.set(id, topology.epoch);
    }
    for (const id of this.joinedEpochs.keys()) if (topology.node(id) === null) this.joinedEpochs.delete(id);
  }

  lastOf(id: string): HeardNode | null {
    return this.heard.get(id) ?? null;
  }

  /** ms since the last heartbeat to this coordinator; −1 where there was none. */
  silentMs(id: string, nowMs: number): number {
    const heard = this.heard.get(id);
    return heard === undefined ? -1 : Math.floor(nowMs - heard.heardAtMs);
  }

  /** Whether the node's right to serve may not have ended yet. */
  isAlive(id: string, nowMs: number): boolean {
    const sinceMs = this.heard.get(id)?.heardAtMs ?? this.electedAtMs;
    return nowMs - sinceMs <= this.leaseMs;
  }

  /** Whether the node has sent a heartbeat to this coordinator, not too long ago. */
  isHeard(id: string, nowMs: number): boolean {
    return this.heard.has(id) && this.isAlive(id, nowMs);
  }

  /** Nodes that send heartbeats and are not in `topology`. */
  applicants(topology: Topology, nowMs: number): readonly NodeDescription[] {
    const found: NodeDescription[] = [];
    for (const [id, { heartbeat, heardAtMs }] of this.heard) {
      if (topology.node(id) !== null || heartbeat.leaving) continue;
      if (nowMs - heardAtMs <= this.leaseMs) found.push(heartbeat.node);
      else this.heard.delete(id);
    }
    return found;
  }

  /** Whether every other node that may be alive has said that it knows of the joining `node`. */
  isKnownToAll(node: ClusterNode, topology: Topology, nowMs: number): boolean {
    const epoch = this.joinedEpochs.get(node.id);
    if (epoch === undefined) return false;
    return topology.nodes.every(({ id }) => {
      const heard = this.heard.get(id);
      return heard === undefined ? !this.isAlive(id, nowMs) : heard.heartbeat.epoch >= epoch;
    });
  }
}
