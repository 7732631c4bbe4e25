/**
 * Nodes that were removed, and may serve on all the same. A node that loses the coordinator serves while all other nodes of its topology
 * promise to take over none of its slots. Those others keep their word, so they may be given its slots at once. A node that joined later gave no word: it must get no slot
 * as long as there may be one like that, or both would serve it.
 *
 * It is over with a removed node once
 *  - a node that was active beside it has applied a topology without it, and a lease has passed: that one promises nothing any more;
 *  - or there never was anybody who could promise (`witnesses`);
 *  - or its process is gone: another one is at its address, or an operator says so;
 *  - or a node is gone in this way that was removed with it or after it, and a lease has passed: it had to promise, too.
 *
 * No node becomes active before it is over with all of them. So every active node was there when they were, and can witness.
 */
import type { ClusterNode, Topology } from '../topology/topology.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import type { Membership } from './membership.ts';

export interface DepartedNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Of the first topology without it. */
  readonly epoch: number;
  /** No promise to it lasts longer. */
  readonly leaseMs: number;
  /** It can have promises of these nodes only, which were joining; null: nobody knows of whom. */
  readonly witnesses: readonly string[] | null;
  /** Its process has ended. */
  readonly isGone: boolean;
}

/** What is to be remembered of `node`, which the topology that follows has no more; null: it has no slot to serve. */
export function departureOf(
  node: ClusterNode,
  { topology, leaseMs, removalEpoch }: CoordinatorState,
  membership: Membership,
): DepartedNode | null {
  const { id, host, port } = node;
  if (topology.slotCountOf(id) === 0 && !topology.moves.some(({ to }) => to === id)) return null;
  const others = topology.nodes.filter((other) => other.id !== id);
  // Whether it knows of no nodes but these.
  const isUpToDate = (membership.lastOf(id)?.heartbeat.epoch ?? 0) >= Math.max(removalEpoch, 1);
  const witnesses =
    isUpToDate && others.every(({ state }) => state === 'joining') ? others.map((other) => other.id) : null;
  return { id, host, port, epoch: topology.epoch + 1, leaseMs, witnesses, isGone: false };
}

/** `node`, as gone if one of `others` is at its address. */
export function seenBeside(node: DepartedNode, others: readonly AtAddress[]): DepartedNode {
  const { id, host, port, isGone } = node;
  if (isGone || !others.some((other) => other.id !== id && other.host === host && other.port === port)) return node;
  return { ...node, isGone: true };
}

interface AtAddress {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

/** In leases: a node that joins and waits for so long is worth a word. */
const WAIT_LEASES = 3;

export class Departures {
  /** Since when nodes that join wait for one that was removed. */
  private waitsSinceMs: number | null = null;
  private isTold = false;
  /** By the id of the node that is gone: when it was first seen that nobody promises it anything any more. */
  private readonly confirmedAtMs = new Map<string, number>();

  /** After an election. */
  clear(): void {
    this.confirmedAtMs.clear();
    this.waitsSinceMs = null;
    this.isTold = false;
  }

  /** Takes notice of what nodes have applied. */
  observe({ departed, topology }: CoordinatorState, membership: Membership, nowMs: number): void {
    if (departed.length === 0) {
      if (this.confirmedAtMs.size > 0) this.confirmedAtMs.clear();
      return;
    }
    for (const node of departed) {
      if (this.confirmedAtMs.has(node.id)) continue;
      const others = departed.filter((other) => other.isGone && other.epoch >= node.epoch);
      if (others.length > 0 || isConfirmed(node, topology, membership)) this.confirmedAtMs.set(node.id, nowMs);
    }
  }

  /** Whether `node` cannot serve any more at `nowMs`. */
  isOver(node: DepartedNode, nowMs: number): boolean {
    if (node.isGone || node.witnesses?.length === 0) return true;
    const confirmedAtMs = this.confirmedAtMs.get(node.id);
    return confirmedAtMs !== undefined && nowMs - confirmedAtMs > node.leaseMs;
  }

  /** Why nodes that join have waited for long, once; null: they have not, or it was told. */
  notice({ departed, topology, leaseMs }: CoordinatorState, nowMs: number): string | null {
    const unknown = departed.filter(({ isGone }) => !isGone);
    if (unknown.length === 0 || !topology.nodes.some(({ state }) => state === 'joining')) {
      this.waitsSinceMs = null;
      this.isTold = false;
      return null;
    }
    this.waitsSinceMs ??= nowMs;
    if (this.isTold || nowMs - this.waitsSinceMs < leaseMs * WAIT_LEASES) return null;
    this.isTold = true;
    const names = unknown.map(({ id, host, port }) => `${id} at ${host}:${port}`).join(', ');
    return `nodes that join wait: ${names} may still serve where this coordinator cannot see it; start a node at its address, or say that it is gone for good (shoal cluster forget)`;
  }
}

function isConfirmed({ epoch, witnesses }: DepartedNode, topology: Topology, membership: Membership): boolean {
  const hasApplied = (id: string): boolean => (membership.lastOf(id)?.heartbeat.epoch ?? 0) >= epoch;
  if (topology.nodes.some(({ id, state }) => state !== 'joining' && hasApplied(id))) return true;
  return witnesses?.every((id) => topology.node(id) !== null && hasApplied(id)) === true;
}
