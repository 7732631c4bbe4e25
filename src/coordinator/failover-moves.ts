/** Moves of slots to nodes that have copied them: which slots of a node that an operator fails over, or starts again, go where, and whether a move needs to copy anything. Part of a proposal. */
import type { ClusterNode, Topology } from '../topology/topology.ts';
import type { Membership } from './membership.ts';
import { byPair, type MoveKind, type PairedSlots } from './next-moves.ts';

/** The replicas of `slot` that follow its owner with a whole copy. */
export function syncedReplicas(topology: Topology, slot: number, membership: Membership): readonly ClusterNode[] {
  const owner = topology.ownerOf(slot);
  if (owner === null) return [];
  const since = topology.sinceOf(slot);
  return topology.replicasOf(slot).filter(({ id }) => membership.isSynced(id, { slot, owner: owner.id, since }));
}

/** How `slot` can go to the node `to`. */
export function moveKind(topology: Topology, slot: number, to: string, membership: Membership): MoveKind {
  if (topology.isUnsure(slot)) return 'wait';
  // With another owner, what is kept would be of no use any more, while others do not have it all yet.
  if (topology.hasKept(slot) && !isStuck(topology, slot, membership)) return 'wait';
  const n = topology.columnOf(slot, topology.indexOf(to));
  if (n < 0 || topology.isKept(slot, n)) return 'copy';
  const owner = topology.ownerOf(slot);
  const isSynced = owner !== null && membership.isSynced(to, { slot, owner: owner.id, since: topology.sinceOf(slot) });
  return isSynced ? 'replica' : 'copy';
}

/** Whether none of those that copy `slot` gets on, by its owner's word: it would be waited for in vain. */
function isStuck(topology: Topology, slot: number, membership: Membership): boolean {
  const streams = membership.lastOf(topology.ownerOf(slot)?.id ?? '')?.heartbeat.replication?.streams ?? [];
  const copying = topology.replicasOf(slot);
  return (
    copying.length > 0 &&
    copying.every(({ id }) => streams.some(({ target, error }) => target === id && error !== null))
  );
}

/** The replicas of `slot` that could take it over, and may own slots. */
export function heirsOf(
  topology: Topology,
  slot: number,
  yielding: ReadonlySet<string>,
  membership: Membership,
): readonly ClusterNode[] {
  const synced = syncedReplicas(topology, slot, membership);
  return synced.filter(({ id, state }) => state === 'active' && !yielding.has(id));
}

/** The slots of the nodes `yielding` that can go to a replica, so that those get equal parts for their weight. */
export function failoverPairs(
  topology: Topology,
  yielding: ReadonlySet<string>,
  membership: Membership,
): readonly PairedSlots[] {
  const counts = new Map(topology.nodes.map(({ id }) => [id, topology.slotCountOf(id)]));
  const loadOf = ({ id, weight }: ClusterNode): number => counts.get(id)! / weight;
  const transfers = [...yielding].flatMap((from) =>
    topology.slotsOf(from).flatMap((slot) => {
      if (topology.moveOf(slot) !== null) return [];
      const heirs = heirsOf(topology, slot, yielding, membership);
      if (heirs.length === 0) return [];
      const to = heirs.reduce((best, node) => (loadOf(node) < loadOf(best) ? node : best));
      counts.set(to.id, counts.get(to.id)! + 1);
      return [{ slot, from, to: to.id }];
    }),
  );
  return byPair(transfers);
}
