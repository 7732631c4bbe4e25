/** A node that is to leave in order: its slots are moved away first, unless nobody is there to take them. Part of the agent. */
import type { Topology } from '../topology/topology.ts';

/** So many leases a node that leaves waits for somebody who could take its slots. One that was removed by mistake joins again in less. */
const NOBODY_STAYS_LEASES = 3;

export class Departure {
  /** The node wants to go. */
  isWanted = false;
  /** Since when nobody stays; null: somebody does. */
  private pointlessSinceMs: number | null = null;

  /** Whether waiting is of no use: the cluster is being stopped as a whole. */
  isPointless(topology: Topology, nowMs: number, leaseMs: number): boolean {
    const { nodes } = topology;
    const nobodyStays = nodes.length === 1 || nodes.every(({ state }) => state === 'draining');
    if (!this.isWanted || !nobodyStays) {
      this.pointlessSinceMs = null;
      return false;
    }
    this.pointlessSinceMs ??= nowMs;
    return nowMs - this.pointlessSinceMs >= leaseMs * NOBODY_STAYS_LEASES;
  }
}
