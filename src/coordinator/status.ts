/** What an operator is told of the cluster. */
import type { NodeStatus, Plan, Status } from '../protocol/cluster/messages.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import type { Membership } from './membership.ts';
import { plannedPairs, plannedSlots, progressOf } from './next-moves.ts';

export interface StatusFacts {
  readonly coordinator: string;
  readonly store: string;
  readonly trouble: string | null;
  readonly nowMs: number;
}

export function statusOf(state: CoordinatorState, membership: Membership, facts: StatusFacts): Status {
  const { topology, settings, departed } = state;
  const { coordinator, store, trouble, nowMs } = facts;
  const weights = topology.nodes.reduce(
    (sum, { state: nodeState, weight }) => sum + (nodeState === 'active' ? weight : 0),
    0,
  );
  const nodes: readonly NodeStatus[] = topology.nodes.map((node) => {
    const heartbeat = membership.lastOf(node.id)?.heartbeat;
    const figures = heartbeat?.figures ?? { items: 0, bytes: 0, memoryBytes: 0 };
    return {
      ...node,
      ...figures,
      slots: topology.slotCountOf(node.id),
      fairSlots: node.state === 'active' ? Math.round((SLOT_COUNT * node.weight) / weights) : 0,
      epoch: heartbeat?.epoch ?? 0,
      silentMs: membership.silentMs(node.id, nowMs),
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
    unassigned: SLOT_COUNT - topology.ownedCount,
    plannedSlots: plannedSlots(topology, settings.tight),
    concurrentMoves: settings.concurrentMoves,
    moveBytesPerSecond: settings.moveBytesPerSecond,
  };
}

/** What placing all slots to the slot would move. */
export function planOf({ topology }: CoordinatorState): Plan {
  const transfers = plannedPairs(topology, true).map(([{ from, to }, slots]) => ({ from, to, slots: slots.length }));
  return { type: 'plan', transfers };
}
