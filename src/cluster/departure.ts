/**
 * A node that is to leave in order: its slots are moved away first, unless nobody is there to take them. Its own process wants it so, or an operator, who has it start
 * again and tells it by its coordinator once it has nothing any more. Part of the agent.
 */
import type { Heartbeat, Lease } from '../protocol/cluster/messages.ts';
import type { Topology } from '../topology/topology.ts';

/** So many leases a node that leaves waits for somebody who could take its slots. One that was removed by mistake joins again in less. */
const NOBODY_STAYS_LEASES = 3;

/** Why a node has left: its process asked for it, or an operator, to have it started again. */
export type DepartureReason = 'asked' | 'restart';

export class Departure {
  private readonly mayRestart: boolean;
  private isAsked = false;
  private isRestart = false;
  /** Since when nobody stays; null: somebody does. */
  private pointlessSinceMs: number | null = null;

  /** `mayRestart`: the process is nothing but this node. */
  constructor(mayRestart: boolean) {
    this.mayRestart = mayRestart;
  }

  /** The node wants to go. */
  get isWanted(): boolean {
    return this.isAsked || this.isRestart;
  }

  get reason(): DepartureReason {
    return this.isRestart && !this.isAsked ? 'restart' : 'asked';
  }

  ask(): void {
    this.isAsked = true;
  }

  /** The part of a heartbeat that tells of it. */
  said(): Pick<Heartbeat, 'leaving' | 'restarts'> {
    return { leaving: this.isWanted, ...(this.mayRestart ? { restarts: true } : {}) };
  }

  /** `go`: nobody needs the node any more. `news`: it wants something else than before. */
  told({ mayGo, restart }: Pick<Lease, 'mayGo' | 'restart'>): 'go' | 'news' | 'nothing' {
    if (mayGo && this.isWanted) return 'go';
    const { isWanted } = this;
    this.isRestart = restart === true && this.mayRestart;
    return this.isWanted === isWanted ? 'nothing' : 'news';
  }

  /** Whether waiting is of no use: the cluster is being stopped as a whole. */
  isPointless(topology: Topology, nowMs: number, leaseMs: number): boolean {
    const { nodes } = topology;
    const nobodyStays = nodes.length === 1 || nodes.every(({ state }) => state === 'draining');
    if (!this.isAsked || !nobodyStays) {
      this.pointlessSinceMs = null;
      return false;
    }
    this.pointlessSinceMs ??= nowMs;
    return nowMs - this.pointlessSinceMs >= leaseMs * NOBODY_STAYS_LEASES;
  }
}
