/**
 * The planner: which slots shall belong to another node, so that each has its part. Pure, and the same on every machine: it reads a topology
 * and nothing else.
 *
 * How many slots each node shall have is a matter of numbers alone (slot-shares.ts); no more move than must. Then the ring (slot-ring.ts)
 * says which: of the slots that may go, those go whose walk is shortest, and each goes to the first node on its way that still has room.
 *
 * A plan may be carried out in parts, in any order, and made anew in between: slots that are on their way count as there, so what is left to do only gets less, and no slot
 * goes twice.
 */
import { assert } from '../base/assert.ts';
import { type PlannedTopology, ReplicaPlan } from './replica-plan.ts';
import { SlotRing } from './slot-ring.ts';
import { targetCounts } from './slot-shares.ts';
import { SLOT_COUNT } from './slots.ts';
import { NO_NODE, type Topology } from './topology.ts';

/**
 * As few as can be, for long ranges: on other rings more points make shares more even and spread what a node loses over all others, but here the numbers do
 * both.
 */
const OWNER_POINTS_PER_WEIGHT = 1;

/** A slot that shall belong to another node, by ids; `from: null`: nobody owns it. */
export interface SlotTransfer {
  readonly slot: number;
  readonly from: string | null;
  readonly to: string;
}

export interface PlanOptions {
  /** Whether each node shall have its fair share to the slot, instead of 0.95 to 1.05 of it. By default it need not. */
  readonly tight?: boolean;
}

/**
 * The transfers that bring all nodes within their bounds, in order of their slots; none where they are. Active nodes get slots, others lose theirs. Without an active node nobody can
 * get any, and all stay. Nothing to do costs a look at each node; the most costly plan, of 1000 nodes, some ms.
 */
export function planOwners(topology: Topology, options: PlanOptions = {}): readonly SlotTransfer[] {
  const { nodes } = topology;
  const active = nodes.filter(({ state }) => state === 'active');
  if (active.length === 0) return [];
  const counts = nodes.map(({ id }) => topology.slotCountOf(id));
  const fixed = nodes.map(() => 0);
  for (const { from, to, slots } of topology.moves) {
    counts[topology.indexOf(from)]! -= slots.length;
    counts[topology.indexOf(to)]! += slots.length;
    fixed[topology.indexOf(to)]! += slots.length;
  }
  const claims = nodes.map(({ weight, state }, index) => ({
    weight: state === 'active' ? weight : 0,
    count: counts[index]!,
    fixed: fixed[index]!,
  }));
  const targets = targetCounts(claims, SLOT_COUNT, options.tight === true ? 'tight' : 'loose');
  const surplus = counts.map((count, index) => count - targets[index]!);
  return surplus.some((slots) => slots < 0) ? transfers(topology, surplus) : [];
}

/**
 * The replicas that the slots of `topology` shall have, `topology.replicaCount` each or as many as there are other active nodes, as indexes into its nodes: distinct, zones apart, and where
 * they are already if they may be there. For a change that has new owners too, ask for the topology after it: epochs that were only drafts hurt nobody.
 */
export function planReplicas(topology: PlannedTopology): Uint16Array {
  return new ReplicaPlan(topology).replicas;
}

/** The slots that go from nodes with a surplus, and from nobody, to those that lack some. Uses `surplus` up. */
function transfers(topology: Topology, surplus: number[]): readonly SlotTransfer[] {
  const { nodes } = topology;
  const lacking = nodes
    .map(({ id, weight }, index) => ({ id, weight, index }))
    .filter(({ index }) => surplus[index]! < 0);
  const ring = SlotRing.of(lacking, OWNER_POINTS_PER_WEIGHT);
  const walk = new RingWalk(ring, (index) => surplus[index]! < 0);
  const targets = new Uint16Array(SLOT_COUNT).fill(NO_NODE);
  let room = lacking.reduce((sum, { index }) => sum - surplus[index]!, 0);
  for (const slot of nearestFirst(topology, ring, surplus)) {
    const source = topology.ownerIndex(slot);
    if (source !== NO_NODE) {
      if (surplus[source]! <= 0) continue;
      surplus[source]! -= 1;
    }
    assert(room > 0, 'what some nodes give is what others lack');
    room -= 1;
    const target = walk.firstWithRoom(slot);
    surplus[target]! += 1;
    targets[slot] = target;
  }
  const found: SlotTransfer[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const target = targets[slot]!;
    if (target !== NO_NODE) found.push({ slot, from: topology.ownerOf(slot)?.id ?? null, to: nodes[target]!.id });
  }
  return found;
}

/** The slots that may go, by the length of their walk, and then by number. */
function nearestFirst(topology: Topology, ring: SlotRing, surplus: readonly number[]): Uint32Array {
  const distances = ring.distances();
  const keys = new Float64Array(SLOT_COUNT);
  let count = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const owner = topology.ownerIndex(slot);
    const mayGo = owner === NO_NODE || (surplus[owner]! > 0 && topology.moveOf(slot) === null);
    if (!mayGo) continue;
    keys[count] = distances[slot]! * SLOT_COUNT + slot;
    count += 1;
  }
  keys.subarray(0, count).sort();
  const slots = new Uint32Array(count);
  // Not by %, which takes ten times as long with numbers of more than 32 bits.
  for (let at = 0; at < count; at += 1) slots[at] = keys[at]! - Math.floor(keys[at]! / SLOT_COUNT) * SLOT_COUNT;
  return slots;
}

/** Walks on a ring on which nodes fill up and never empty, so what was found full once is skipped from then on. */
class RingWalk {
  private readonly ring: SlotRing;
  private readonly hasRoom: (index: number) => boolean;
  /** For each point one further on, before which no node has room. */
  private readonly skips: Uint32Array;

  constructor(ring: SlotRing, hasRoom: (index: number) => boolean) {
    this.ring = ring;
    this.hasRoom = hasRoom;
    const pointCount = ring.owners.length;
    this.skips = Uint32Array.from({ length: pointCount }, (_, point) => (point + 1) % pointCount);
  }

  /** The index of the first node on the way of `slot` that has room. Some node has. */
  firstWithRoom(slot: number): number {
    const { owners } = this.ring;
    const first = this.ring.firstPoint(slot);
    let found = first;
    while (!this.hasRoom(owners[found]!)) found = this.skips[found]!;
    for (let point = first; point !== found; ) {
      const next = this.skips[point]!;
      this.skips[point] = found;
      point = next;
    }
    return owners[found]!;
  }
}
