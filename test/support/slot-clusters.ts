/** Random clusters with slots, and what a plan for them must be: for the planner's tests, its contract and its benchmark. */
import { unreachable } from '../../src/base/assert.ts';
import { planOwners, type SlotTransfer } from '../../src/topology/planner.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import { type ClusterNode, nextTopology, NO_NODE, type NodeState, Topology } from '../../src/topology/topology.ts';

export interface ClusterLimits {
  readonly nodeCountMin: number;
  readonly nodeCountMax: number;
  readonly weightMax: number;
  readonly zoneCountMax: number;
}

/** A whole number from 0 to `limit` - 1. */
export function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

export function randomNode(random: () => number, parts: Partial<ClusterNode> = {}): ClusterNode {
  const id = Array.from({ length: 40 }, () => '0123456789abcdef'[below(random, 16)]).join('');
  const host = `10.${below(random, 256)}.${below(random, 256)}.${below(random, 256)}`;
  return { id, host, port: 7600, peerPort: 17_600, zone: '', weight: 1, state: 'active', ...parts };
}

/** Small clusters more often than large ones; a third of them of equal nodes. In whole numbers, so that they are the same on all machines. */
export function randomNodes(random: () => number, limits: ClusterLimits): ClusterNode[] {
  const { nodeCountMin, nodeCountMax, weightMax, zoneCountMax } = limits;
  const span = nodeCountMax - nodeCountMin + 1;
  const halvings = below(random, 32 - Math.clz32(span));
  const count = nodeCountMin + below(random, span >>> halvings);
  const zoneCount = 1 + below(random, zoneCountMax);
  const isEqual = random() < 0.3;
  return Array.from({ length: count }, () =>
    randomNode(random, {
      weight: isEqual ? 1 : 1 + below(random, weightMax),
      zone: zoneCount === 1 ? '' : `zone-${below(random, zoneCount)}`,
    }),
  );
}

/** The fewest and the most slots that the issue of fair shares allows; not by the planner's code. */
export function boundsOf(nodes: readonly ClusterNode[]): readonly { readonly min: number; readonly max: number }[] {
  const weightSum = nodes.reduce((sum, { weight, state }) => sum + (state === 'active' ? weight : 0), 0);
  return nodes.map(({ weight, state }) => {
    if (state !== 'active') return { min: 0, max: 0 };
    const fair = (SLOT_COUNT * weight) / weightSum;
    return {
      min: Math.floor(fair * 0.95 + 1e-9),
      max: Math.max(Math.floor(fair * 1.05 + 1e-9), Math.ceil(fair - 1e-9)),
    };
  });
}

/** A topology of active `nodes` in which each has some number of slots within its bounds, in a few ranges. */
export function randomTopology(random: () => number, nodes: readonly ClusterNode[], replicaCount = 0): Topology {
  const counts = randomCounts(random, nodes);
  const pieces: [index: number, count: number][] = counts.flatMap((count, index) => {
    const first = below(random, count + 1);
    return [[index, first] as [number, number], [index, count - first] as [number, number]];
  });
  for (let at = pieces.length - 1; at > 0; at -= 1) {
    const other = below(random, at + 1);
    [pieces[at], pieces[other]] = [pieces[other]!, pieces[at]!];
  }
  const owners = new Uint16Array(SLOT_COUNT);
  let slot = 0;
  for (const [index, count] of pieces) {
    owners.fill(index, slot, slot + count);
    slot += count;
  }
  const replicas = new Uint16Array(SLOT_COUNT * replicaCount).fill(NO_NODE);
  return Topology.of({ cluster: 'test', epoch: 1, nodes, owners, replicaCount, replicas, moves: [] });
}

function randomCounts(random: () => number, nodes: readonly ClusterNode[]): readonly number[] {
  const bounds = boundsOf(nodes);
  const counts = bounds.map(({ min }) => min);
  let left = SLOT_COUNT - counts.reduce((sum, count) => sum + count, 0);
  // First to where chance has it, then wherever there is room.
  for (let round = 0; left > 0; round += 1) {
    for (let index = 0; index < counts.length && left > 0; index += 1) {
      const room = bounds[index]!.max - counts[index]!;
      const added = Math.min(left, round === 0 ? below(random, room + 1) : Math.min(room, 1 + below(random, room + 1)));
      counts[index]! += added;
      left -= added;
    }
  }
  return counts;
}

/** Slots that each node has where those on their way are there. */
export function effectiveCounts(topology: Topology): number[] {
  const counts = topology.nodes.map(({ id }) => topology.slotCountOf(id));
  for (const { from, to, slots } of topology.moves) {
    counts[topology.indexOf(from)]! -= slots.length;
    counts[topology.indexOf(to)]! += slots.length;
  }
  return counts;
}

/** The fewest slots that can change their owner, or get one, until all nodes are within their bounds. */
export function leastTransfers(topology: Topology): number {
  let above = SLOT_COUNT - topology.ownedCount;
  let missing = 0;
  const counts = effectiveCounts(topology);
  boundsOf(topology.nodes).forEach(({ min, max }, index) => {
    above += Math.max(0, counts[index]! - max);
    missing += Math.max(0, min - counts[index]!);
  });
  return Math.max(above, missing);
}

/** Of the node that has most for its part: e.g. 1.05. */
export function worstShare(topology: Topology): number {
  const weightSum = topology.nodes.reduce((sum, { weight }) => sum + weight, 0);
  return Math.max(
    ...topology.nodes.map(({ id, weight }) => (topology.slotCountOf(id) * weightSum) / (weight * SLOT_COUNT)),
  );
}

export function withTransfers(topology: Topology, transfers: readonly SlotTransfer[]): Topology {
  return nextTopology(topology, { owners: new Map(transfers.map(({ slot, to }) => [slot, to])) });
}

/** A cluster to which its nodes came at once. */
export function plannedTopology(nodes: readonly ClusterNode[]): Topology {
  const empty = nextTopology(Topology.empty('test'), { nodes });
  return withTransfers(empty, planOwners(empty));
}

/** `topology` with some of `transfers` begun as moves of up to 64 slots. */
export function withMoves(topology: Topology, transfers: readonly SlotTransfer[]): Topology {
  const pairs = new Map<string, { from: string; to: string; slots: number[] }>();
  for (const { slot, from, to } of transfers) {
    if (from === null) continue;
    const pair = pairs.get(from + to) ?? { from, to, slots: [] };
    if (pair.slots.length < 64) pair.slots.push(slot);
    pairs.set(from + to, pair);
  }
  const moves = [...pairs.values()].map(({ from, to, slots }, index) => ({ id: index + 1, from, to, slots }));
  return nextTopology(topology, { moves });
}

export const CHANGES = ['join', 'leave', 'drain', 'weight', 'many'] as const;
export type Change = (typeof CHANGES)[number];

/** The nodes of `topology` after a change by chance, at least one of them active. */
export function changedNodes(random: () => number, nodes: readonly ClusterNode[], change: Change): ClusterNode[] {
  const some = below(random, nodes.length);
  const weight = 1 + below(random, 16);
  switch (change) {
    case 'join':
      return [...nodes, randomNode(random, { weight, zone: nodes[some]!.zone })];
    case 'leave':
      return nodes.filter((_, index) => index !== some);
    case 'drain':
      return nodes.map((node, index) => (index === some ? { ...node, state: 'draining' } : node));
    case 'weight':
      return nodes.map((node, index) => (index === some ? { ...node, weight } : node));
    case 'many': {
      const kept = nodes.filter((_, index) => index === some || random() < 0.8);
      const changed = kept.map((node) => (node === nodes[some] ? node : withOtherState(random, node)));
      return [...changed, ...Array.from({ length: below(random, 3) }, () => randomNode(random, { weight }))];
    }
    default:
      return unreachable(change);
  }
}

function withOtherState(random: () => number, node: ClusterNode): ClusterNode {
  const states: readonly NodeState[] = ['active', 'active', 'active', 'joining', 'draining'];
  return { ...node, weight: 1 + below(random, 16), state: states[below(random, states.length)]! };
}
