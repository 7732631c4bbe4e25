/** What is different between two topologies of a cluster: for logs, for who acts on changes, and for people. */
import { SLOT_COUNT } from './slots.ts';
import type { ClusterNode, SlotMove, Topology } from './topology.ts';

export interface NodeChange {
  readonly before: ClusterNode;
  readonly after: ClusterNode;
}

/** Slots that one owner lost to another, as ids; null: nobody. */
export interface OwnerChange {
  readonly from: string | null;
  readonly to: string | null;
  /** Ascending. */
  readonly slots: readonly number[];
}

export interface TopologyDiff {
  /** Nodes in order of their ids. */
  readonly nodesAdded: readonly ClusterNode[];
  readonly nodesRemoved: readonly ClusterNode[];
  /** Another address, zone, weight or state under the same id. */
  readonly nodesChanged: readonly NodeChange[];
  /** In order of their first slots. */
  readonly owners: readonly OwnerChange[];
  /** Slots whose replicas, or their order, are others; ascending. */
  readonly replicaSlots: readonly number[];
  readonly movesBegun: readonly SlotMove[];
  readonly movesEnded: readonly SlotMove[];
  /** Nothing is different but, perhaps, the epoch. */
  readonly isEmpty: boolean;
}

export function diffTopologies(before: Topology, after: Topology): TopologyDiff {
  const nodesAdded = after.nodes.filter(({ id }) => before.node(id) === null);
  const nodesRemoved = before.nodes.filter(({ id }) => after.node(id) === null);
  const nodesChanged = before.nodes.flatMap((node) => {
    const now = after.node(node.id);
    return now === null || isSameNode(node, now) ? [] : [{ before: node, after: now }];
  });
  const owners = ownerChanges(before, after);
  const replicaSlots = changedReplicas(before, after);
  const movesBegun = movesWithout(after, before);
  const movesEnded = movesWithout(before, after);
  const parts = { nodesAdded, nodesRemoved, nodesChanged, owners, replicaSlots, movesBegun, movesEnded };
  return { ...parts, isEmpty: Object.values(parts).every(({ length }) => length === 0) };
}

function ownerChanges(before: Topology, after: Topology): readonly OwnerChange[] {
  const changes = new Map<string, { from: string | null; to: string | null; slots: number[] }>();
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const from = before.ownerOf(slot)?.id ?? null;
    const to = after.ownerOf(slot)?.id ?? null;
    if (from === to) continue;
    const pair = `${from} ${to}`;
    const change = changes.get(pair);
    if (change === undefined) changes.set(pair, { from, to, slots: [slot] });
    else change.slots.push(slot);
  }
  return [...changes.values()];
}

function changedReplicas(before: Topology, after: Topology): readonly number[] {
  const slots: number[] = [];
  const count = Math.max(before.replicaCount, after.replicaCount);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    for (let n = 0; n < count; n += 1) {
      const node = before.nodes[before.replicaIndex(slot, n)];
      if (node?.id === after.nodes[after.replicaIndex(slot, n)]?.id) continue;
      slots.push(slot);
      break;
    }
  }
  return slots;
}

/** Ids are never used twice, so a move that has the id of another is that one. */
function movesWithout(topology: Topology, other: Topology): readonly SlotMove[] {
  if (topology.moves.length === 0) return [];
  const ids = new Set(other.moves.map(({ id }) => id));
  return topology.moves.filter(({ id }) => !ids.has(id));
}

function isSameNode(left: ClusterNode, right: ClusterNode): boolean {
  return (
    left.host === right.host &&
    left.port === right.port &&
    left.peerPort === right.peerPort &&
    left.zone === right.zone &&
    left.weight === right.weight &&
    left.state === right.state
  );
}
