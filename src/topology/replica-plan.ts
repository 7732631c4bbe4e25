/**
 * Which nodes keep the copies of each slot. Of a slot's replicas the planner asks, in this order:
 *
 * 1. They are distinct active nodes, and not the owner.
 * 2. They are spread over zones: none is in a zone that already has more of the slot's nodes, the owner included, than another that could take it. So where there are enough zones,
 *    each is in one of its own.
 * 3. No node has more than 1.05 times its part of all replicas, where the zones leave a choice.
 * 4. Replicas that are there stay. A new one is the next node clockwise on the ring.
 *
 * Planning what was planned changes nothing.
 */
import { SlotRing } from './slot-ring.ts';
import { upperBound } from './slot-shares.ts';
import { SLOT_COUNT } from './slots.ts';
import { NO_NODE, type Topology } from './topology.ts';
import { NO_ZONE, ZoneSpread } from './zone-spread.ts';

/** Enough that the replicas of a node's slots are on many others, which share what it did if it dies. */
const REPLICA_POINTS_PER_WEIGHT = 8;
/** How far a slot walks before it takes, of all nodes that may have it, the one with the fewest replicas for its weight. */
const WALK_POINTS_MAX = 256;
/** A power of two. */
const RECENT_COUNT = 1024;

/** What is planned for: a topology, or what will be one. */
export type PlannedTopology = Pick<Topology, 'nodes' | 'replicaCount' | 'ownedCount' | 'ownerIndex' | 'replicaIndex'>;

export class ReplicaPlan {
  /** As in `TopologyParts`. */
  readonly replicas: Uint16Array;
  private readonly topology: PlannedTopology;
  /** Slots looked at not long ago, by their nodes: many have the same, and then the same comes of it. */
  private readonly recent = new Int16Array(RECENT_COUNT).fill(-1);
  private readonly isActive: readonly boolean[];
  /** The slot that is looked at: its owner first, then its replicas. */
  private readonly spread: ZoneSpread;
  private readonly weights: readonly number[];
  /** Replicas that each node has, and those that it should have at most. */
  private readonly loads: Int32Array;
  private readonly bounds: Int32Array;
  private ring: SlotRing | null = null;

  constructor(topology: PlannedTopology) {
    this.topology = topology;
    const { nodes, replicaCount } = topology;
    this.replicas = new Uint16Array(SLOT_COUNT * replicaCount).fill(NO_NODE);
    this.isActive = nodes.map(({ state }) => state === 'active');
    this.weights = nodes.map(({ weight }) => weight);
    this.spread = new ZoneSpread(nodes, 1 + replicaCount);
    this.loads = new Int32Array(nodes.length);
    const active = nodes.filter((_, index) => this.isActive[index]);
    const weightSum = active.reduce((sum, { weight }) => sum + weight, 0);
    const total = topology.ownedCount * Math.min(replicaCount, active.length);
    this.bounds = Int32Array.from(nodes, ({ weight }) => upperBound(weight, Math.max(1, weightSum), total, 'loose'));
    if (active.length === 0 || replicaCount === 0) return;
    this.keep();
    this.fill();
    this.relieve();
  }

  private keep(): void {
    const { topology, spread, recent } = this;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const place = this.placeOf(slot);
      const alike = recent[place]!;
      if (alike >= 0 && this.areAlike(alike, slot)) {
        this.keepAs(alike, slot);
        continue;
      }
      recent[place] = slot;
      if (!this.look(slot)) continue;
      for (let n = 0; n < topology.replicaCount; n += 1) {
        const index = topology.replicaIndex(slot, n);
        if (index === NO_NODE) break;
        if (this.isActive[index] === true && !spread.has(index)) spread.add(index);
      }
      // The zones of all decide together, so that it does not matter which was there first.
      for (let at = spread.count - 1; at > 0; ) {
        const index = spread.removeAt(at);
        if (spread.usesOf(index) > spread.fewest()) {
          at = spread.count - 1;
        } else {
          spread.add(index, at);
          at -= 1;
        }
      }
      for (let at = 1; at < spread.count; at += 1) this.put(slot, at - 1, spread.at(at));
    }
  }

  /** In `recent`, of slots with the nodes of `slot`. */
  private placeOf(slot: number): number {
    const { topology } = this;
    let mixed = topology.ownerIndex(slot);
    for (let n = 0; n < topology.replicaCount; n += 1) mixed = Math.imul(mixed, 31) + topology.replicaIndex(slot, n);
    return (mixed ^ (mixed >>> 8)) & (RECENT_COUNT - 1);
  }

  /** Whether two slots have the same owner, and had the same replicas. */
  private areAlike(one: number, other: number): boolean {
    const { topology } = this;
    if (topology.ownerIndex(one) !== topology.ownerIndex(other)) return false;
    for (let n = 0; n < topology.replicaCount; n += 1)
      if (topology.replicaIndex(one, n) !== topology.replicaIndex(other, n)) return false;
    return true;
  }

  /** Keeps of `slot` what was kept of `alike`. */
  private keepAs(alike: number, slot: number): void {
    const { replicas } = this;
    const { replicaCount } = this.topology;
    for (let n = 0; n < replicaCount; n += 1) {
      const index = replicas[alike * replicaCount + n]!;
      if (index !== NO_NODE) this.put(slot, n, index);
    }
  }

  private fill(): void {
    const { topology, spread } = this;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.replicas[(slot + 1) * topology.replicaCount - 1] !== NO_NODE || !this.look(slot)) continue;
      while (spread.count <= topology.replicaCount) {
        const uses = spread.fewest();
        if (uses === NO_ZONE) break;
        const index = this.nextWithRoom(slot, uses) ?? this.leastLoaded(uses, false);
        this.put(slot, spread.count - 1, index);
        spread.add(index);
      }
    }
  }

  /** Replicas of nodes that have too many go to nodes that have room, if they may. */
  private relieve(): void {
    const { loads, bounds } = this;
    if (!loads.some((load, index) => load > bounds[index]!)) return;
    // The last slot with a replica that should go and cannot; −1 since one went.
    let stuck = -1;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (!this.hasReplicaToGo(slot) || (stuck >= 0 && this.haveSameNodes(stuck, slot)) || !this.look(slot)) continue;
      stuck = slot;
      // One that goes may leave a zone to another, which is looked at again.
      for (let place = 1; place < this.spread.count; ) {
        const hasGone = this.movedElsewhere(slot, place);
        if (hasGone) stuck = -1;
        place = hasGone ? 1 : place + 1;
      }
    }
  }

  /** Whether any replica of the slot is on a node that has too many. */
  private hasReplicaToGo(slot: number): boolean {
    const { replicas, loads, bounds } = this;
    const { replicaCount } = this.topology;
    for (let at = slot * replicaCount; at < (slot + 1) * replicaCount; at += 1) {
      const index = replicas[at]!;
      if (index !== NO_NODE && loads[index]! > bounds[index]!) return true;
    }
    return false;
  }

  /** Whether two slots have the same owner and, so far, the same replicas. */
  private haveSameNodes(one: number, other: number): boolean {
    const { topology, replicas } = this;
    const { replicaCount } = topology;
    if (topology.ownerIndex(one) !== topology.ownerIndex(other)) return false;
    for (let n = 0; n < replicaCount; n += 1)
      if (replicas[one * replicaCount + n] !== replicas[other * replicaCount + n]) return false;
    return true;
  }

  /** Whether the slot's node at `place` had too many and gave this slot to another. */
  private movedElsewhere(slot: number, place: number): boolean {
    const { spread, loads, bounds } = this;
    const index = spread.at(place);
    if (loads[index]! <= bounds[index]!) return false;
    spread.removeAt(place);
    const other = this.nextWithRoom(slot, spread.fewest());
    spread.add(other ?? index, place);
    if (other === null) return false;
    loads[index]! -= 1;
    this.put(slot, place - 1, other);
    return true;
  }

  /** Looks at `slot`, with the replicas that it has so far; false where nobody owns it, so that there is nothing to copy. */
  private look(slot: number): boolean {
    const { topology, spread, replicas } = this;
    const owner = topology.ownerIndex(slot);
    if (owner === NO_NODE) return false;
    spread.clear();
    spread.add(owner);
    for (let at = slot * topology.replicaCount; at < (slot + 1) * topology.replicaCount; at += 1) {
      if (replicas[at] !== NO_NODE) spread.add(replicas[at]!);
    }
    return true;
  }

  private put(slot: number, n: number, index: number): void {
    this.replicas[slot * this.topology.replicaCount + n] = index;
    this.loads[index]! += 1;
    if (this.loads[index] === this.bounds[index]) this.spread.noteFull(index);
  }

  /** Whether the slot may have the active node `index` too, which is in a zone with `uses` of its nodes. */
  private mayHave(index: number, uses: number): boolean {
    return !this.spread.has(index) && this.spread.usesOf(index) === uses;
  }

  /** The next node clockwise that `slot` may have and that has room; if none is near, the one with the fewest replicas for its weight. Null where none has room. */
  private nextWithRoom(slot: number, uses: number): number | null {
    if (!this.spread.haveRoom(uses)) return null;
    this.ring ??= this.makeRing();
    const { owners } = this.ring;
    const steps = Math.min(owners.length, WALK_POINTS_MAX);
    let point = this.ring.firstPoint(slot);
    for (let step = 0; step < steps; step += 1) {
      const index = owners[point]!;
      if (this.hasRoom(index) && this.mayHave(index, uses)) return index;
      point = point + 1 === owners.length ? 0 : point + 1;
    }
    return this.leastLoaded(uses, true);
  }

  private hasRoom(index: number): boolean {
    return this.loads[index]! < this.bounds[index]!;
  }

  /** Of all active nodes that the slot may have, or of those that have room, the one with the fewest replicas for its weight. There is one. */
  private leastLoaded(uses: number, withRoom: boolean): number {
    const { loads, weights, isActive } = this;
    let least = -1;
    for (let index = 0; index < loads.length; index += 1) {
      // Most others are no better than the least so far, which takes less time to see.
      if (least >= 0 && loads[index]! * weights[least]! >= loads[least]! * weights[index]!) continue;
      if (withRoom && !this.hasRoom(index)) continue;
      if (isActive[index] === true && this.mayHave(index, uses)) least = index;
    }
    return least;
  }

  private makeRing(): SlotRing {
    const active = this.topology.nodes.flatMap(({ id, weight }, index) =>
      this.isActive[index] === true ? [{ id, weight, index }] : [],
    );
    return SlotRing.of(active, REPLICA_POINTS_PER_WEIGHT);
  }
}
