/** What an operator is told of the cluster. */
import type { NodeStatus, Plan, Status } from '../protocol/cluster/messages.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { Topology } from '../topology/topology.ts';
import { type AwaitedNode, vacantCount } from './awaited.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import { syncedReplicas } from './failover-moves.ts';
import type { Membership } from './membership.ts';
import { plannedPairs, plannedSlots, progressOf } from './next-moves.ts';

export interface StatusFacts {
  readonly coordinator: string;
  readonly store: string;
  readonly trouble: string | null;
  /** How long a node is still waited for. */
  readonly leftMs: (node: AwaitedNode) => number;
  readonly nowMs: number;
}

export function statusOf(state: CoordinatorState, membership: Membership, facts: StatusFacts): Status {
  const { topology, settings, departed } = state;
  const { coordinator, store, trouble, leftMs, nowMs } = facts;
  const weights = topology.nodes.reduce(
    (sum, { state: nodeState, weight }) => sum + (nodeState === 'active' ? weight : 0),
    0,
  );
  const copies = copyCounts(topology, membership);
  const nodes: readonly NodeStatus[] = topology.nodes.map((node, index) => {
    const heartbeat = membership.lastOf(node.id)?.heartbeat;
    const figures = heartbeat?.figures ?? { items: 0, bytes: 0, memoryBytes: 0 };
    return {
      ...node,
      ...figures,
      slots: topology.slotCountOf(node.id),
      fairSlots: node.state === 'active' ? Math.round((SLOT_COUNT * node.weight) / weights) : 0,
      epoch: heartbeat?.epoch ?? 0,
      silentMs: membership.silentMs(node.id, nowMs),
      replicaSlots: copies.all[index]!,
      syncedSlots: copies.synced[index]!,
      coveredSlots: copies.covered[index]!,
      isRestarting: settings.restarting.has(node.id),
      streams: heartbeat?.replication?.streams ?? [],
    };
  });
  return {
    type: 'status',
    cluster: topology.cluster,
    coordinator,
    store,
    trouble,
    epoch: topology.epoch,
    nodes,
    moves: topology.moves.map((move) => {
      const { id, from, to, slots } = move;
      const none = { id, state: 'copying', items: 0, bytes: 0, itemsTotal: 0, lag: 0, error: null } as const;
      return { ...(progressOf(move, membership) ?? none), from, to, slots: slots.length };
    }),
    departed: departed.filter(({ isGone }) => !isGone).map(({ id, host, port, epoch }) => ({ id, host, port, epoch })),
    returning: [...settings.returning.keys()],
    awaited: state.awaited
      .map((node) => ({ node, slots: vacantCount(node, topology) }))
      .filter(({ slots }) => slots > 0)
      .map(({ node, slots }) => ({ id: node.id, host: node.host, port: node.port, slots, leftMs: leftMs(node) })),
    unassigned: SLOT_COUNT - topology.ownedCount,
    plannedSlots: plannedSlots(topology, settings.tight),
    concurrentMoves: settings.concurrentMoves,
    moveBytesPerSecond: settings.moveBytesPerSecond,
    replicas: settings.replicas,
    missingCopies: Math.max(0, settings.replicas * topology.ownedCount - copies.useful),
  };
}

interface CopyCounts {
  /** By node: slots that it is to copy, and those of which it has a whole copy. */
  readonly all: Uint32Array;
  readonly synced: Uint32Array;
  /** By node: slots of its own that an active node has a whole copy of. */
  readonly covered: Uint32Array;
  /** Whole copies in the cluster, but for those that a slot has above what is wanted. */
  readonly useful: number;
}

function copyCounts(topology: Topology, membership: Membership): CopyCounts {
  const { nodes, replicaCount } = topology;
  const zeros = (): Uint32Array => new Uint32Array(nodes.length);
  const counts = { all: zeros(), synced: zeros(), covered: zeros(), useful: 0 };
  if (replicaCount === 0) return counts;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    for (const { id } of topology.replicasOf(slot)) counts.all[topology.indexOf(id)]! += 1;
    const synced = syncedReplicas(topology, slot, membership);
    for (const { id } of synced) counts.synced[topology.indexOf(id)]! += 1;
    if (synced.some(({ state }) => state === 'active')) counts.covered[topology.ownerIndex(slot)]! += 1;
    counts.useful += Math.min(synced.length, replicaCount - 1);
  }
  return counts;
}

/** What placing all slots to the slot would move. */
export function planOf({ topology }: CoordinatorState): Plan {
  const transfers = plannedPairs(topology, true).map(([{ from, to }, slots]) => ({ from, to, slots: slots.length }));
  return { type: 'plan', transfers };
}
