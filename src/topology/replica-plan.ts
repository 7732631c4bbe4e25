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

/** How far a slot walks before it takes, of all nodes that may have it, the one with the fewest replicas for its weight. */
const WALK_POINTS_MAX = 256;

export class ReplicaPlan {
  /** As in `TopologyParts`. */
  readonly replicas: Uint16Array;
  private readonly topology: Topology;
  private readonly isActive: readonly boolean[];
  private readonly zones: Zones;
  private readonly weights: readonly number[];
  /** Replicas that each node has, and those that it should have at most. */
  private readonly loads: Int32Array;
  private readonly bounds: Int32Array;
  private ring: SlotRing | null = null;
  /** The owner and the replicas of the slot that is looked at. */
  private readonly chosen: number[] = [];

  constructor(topology: Topology) {
    this.topology = topology;
    const { nodes, replicaCount } = topology;
    this.replicas = new Uint16Array(SLOT_COUNT * replicaCount).fill(NO_NODE);
    this.isActive = nodes.map(({ state }) => state === 'active');
    this.weights = nodes.map(({ weight }) => weight);
    this.zones = new Zones(topology);
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
    const { topology, chosen } = this;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (!this.choose(slot)) continue;
      for (let n = 0; n < topology.replicaCount; n += 1) {
        const index = topology.replicaIndex(slot, n);
        if (index === NO_NODE) break;
        if (!this.mayHave(index, this.zones.fewest(chosen))) continue;
        this.put(slot, chosen.length - 1, index);
        chosen.push(index);
      }
    }
  }

  private fill(): void {
    const { topology, chosen } = this;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (!this.choose(slot)) continue;
      while (chosen.length <= topology.replicaCount) {
        const uses = this.zones.fewest(chosen);
        if (uses === NO_ZONE) break;
        const index = this.nextWithRoom(slot, uses) ?? this.leastLoaded(uses);
        this.put(slot, chosen.length - 1, index);
        chosen.push(index);
      }
    }
  }

  /** Replicas of nodes that have too many go to nodes that have room, if they may. */
  private relieve(): void {
    const { topology, chosen, loads, bounds } = this;
    if (!loads.some((load, index) => load > bounds[index]!)) return;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (!this.choose(slot)) continue;
      for (let n = 0; n < topology.replicaCount; n += 1) {
        const index = this.replicas[slot * topology.replicaCount + n]!;
        if (index === NO_NODE || loads[index]! <= bounds[index]!) continue;
        chosen.splice(n + 1, 1);
        const uses = this.zones.fewest(chosen);
        const other = this.nextWithRoom(slot, uses) ?? this.leastLoaded(uses);
        const isBetter = other !== index && loads[other]! < bounds[other]!;
        if (isBetter) {
          loads[index]! -= 1;
          this.put(slot, n, other);
        }
        chosen.splice(n + 1, 0, isBetter ? other : index);
      }
    }
  }

  /** Makes the owner and the replicas of `slot` the chosen ones; false where nobody owns it, so that there is nothing to copy. */
  private choose(slot: number): boolean {
    const { topology, chosen } = this;
    const owner = topology.ownerIndex(slot);
    chosen.length = 0;
    if (owner === NO_NODE) return false;
    chosen.push(owner);
    for (let n = 0; n < topology.replicaCount; n += 1) {
      const index = this.replicas[slot * topology.replicaCount + n]!;
      if (index !== NO_NODE) chosen.push(index);
    }
    return true;
  }

  private put(slot: number, n: number, index: number): void {
    this.replicas[slot * this.topology.replicaCount + n] = index;
    this.loads[index]! += 1;
  }

  private mayHave(index: number, uses: number): boolean {
    return (
      this.isActive[index] === true && !this.chosen.includes(index) && this.zones.usesOf(index, this.chosen) === uses
    );
  }

  /** The next node clockwise that may have `slot` and has room; null where there is none near. */
  private nextWithRoom(slot: number, uses: number): number | null {
    this.ring ??= this.makeRing();
    const { owners } = this.ring;
    const steps = Math.min(owners.length, WALK_POINTS_MAX);
    let point = this.ring.firstPoint(slot);
    for (let step = 0; step < steps; step += 1) {
      const index = owners[point]!;
      if (this.loads[index]! < this.bounds[index]! && this.mayHave(index, uses)) return index;
      point = point + 1 === owners.length ? 0 : point + 1;
    }
    return null;
  }

  /** Of all nodes that may have the slot. There is one. */
  private leastLoaded(uses: number): number {
    const { loads, weights } = this;
    let least = -1;
    for (let index = 0; index < loads.length; index += 1) {
      // Most others are no better than the least so far, which takes less time to see.
      if (least >= 0 && loads[index]! * weights[least]! >= loads[least]! * weights[index]!) continue;
      if (this.mayHave(index, uses)) least = index;
    }
    return least;
  }

  private makeRing(): SlotRing {
    const active = this.topology.nodes.flatMap(({ id, weight }, index) =>
      this.isActive[index] === true ? [{ id, weight, index }] : [],
    );
    return SlotRing.of(active);
  }
}

/** `Zones.fewest`: every active node has the slot. */
const NO_ZONE = -1;

/** How a slot's nodes are spread over zones. */
class Zones {
  private readonly zoneOf: Uint16Array;
  private readonly isActive: readonly boolean[];
  /** Active nodes in each zone. */
  private readonly activeCounts: Uint16Array;
  private readonly activeZoneCount: number;

  constructor({ nodes }: Topology) {
    const numbers = new Map<string, number>();
    for (const { zone } of nodes) if (!numbers.has(zone)) numbers.set(zone, numbers.size);
    this.zoneOf = Uint16Array.from(nodes, ({ zone }) => numbers.get(zone)!);
    this.isActive = nodes.map(({ state }) => state === 'active');
    this.activeCounts = new Uint16Array(numbers.size);
    nodes.forEach((_, index) => {
      if (this.isActive[index] === true) this.activeCounts[this.zoneOf[index]!]! += 1;
    });
    this.activeZoneCount = this.activeCounts.reduce((sum, count) => sum + Math.min(1, count), 0);
  }

  /** How many of `chosen` are in the zone of the node `index`. */
  usesOf(index: number, chosen: readonly number[]): number {
    const { zoneOf } = this;
    let uses = 0;
    for (const other of chosen) if (zoneOf[other] === zoneOf[index]) uses += 1;
    return uses;
  }

  /** The fewest of `chosen` that a zone has which has an active node besides them; NO_ZONE where none has. */
  fewest(chosen: readonly number[]): number {
    const { zoneOf, activeCounts } = this;
    let used = 0;
    let fewest = NO_ZONE;
    for (let at = 0; at < chosen.length; at += 1) {
      const zone = zoneOf[chosen[at]!]!;
      let uses = 0;
      let activeUses = 0;
      let isFirst = true;
      for (let other = 0; other < chosen.length; other += 1) {
        if (zoneOf[chosen[other]!] !== zone) continue;
        if (other < at) isFirst = false;
        uses += 1;
        if (this.isActive[chosen[other]!] === true) activeUses += 1;
      }
      if (!isFirst || activeCounts[zone] === 0) continue;
      used += 1;
      if (activeCounts[zone]! > activeUses && (fewest === NO_ZONE || uses < fewest)) fewest = uses;
    }
    return used < this.activeZoneCount ? 0 : fewest;
  }
}
