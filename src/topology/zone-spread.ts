/**
 * How the nodes of one slot are spread over zones, and where there is room for more. It is made once for a topology and then told of one slot after another:
 * `clear`, and `add` for the owner and each replica. Nodes are known by their indexes.
 */
import type { ClusterNode } from './topology.ts';

/** `ZoneSpread.fewest`: every active node has the slot. */
export const NO_ZONE = -1;

export class ZoneSpread {
  private readonly zoneOf: Uint16Array;
  private readonly isActive: Uint8Array;
  private readonly isFull: Uint8Array;
  /** Active nodes in each zone, and zones with any. */
  private readonly activeCounts: Uint16Array;
  private readonly activeZoneCount: number;
  /** Active nodes with room in each zone, and in all. */
  private readonly roomCounts: Uint16Array;
  private allRoomCount: number;

  /** How many nodes the slot has, and which. */
  count = 0;
  private readonly nodes: Uint16Array;
  private readonly isChosen: Uint8Array;
  /** Of the slot's nodes those in each zone, and the active ones of them. */
  private readonly uses: Uint8Array;
  private readonly activeUses: Uint8Array;
  /** Zones that any of them is in. */
  private readonly usedZones: Uint16Array;
  private usedZoneCount = 0;

  /** For slots of at most `countMax` nodes. */
  constructor(nodes: readonly ClusterNode[], countMax: number) {
    const numbers = new Map<string, number>();
    for (const { zone } of nodes) if (!numbers.has(zone)) numbers.set(zone, numbers.size);
    this.zoneOf = Uint16Array.from(nodes, ({ zone }) => numbers.get(zone)!);
    this.isActive = Uint8Array.from(nodes, ({ state }) => Number(state === 'active'));
    this.isFull = new Uint8Array(nodes.length);
    this.nodes = new Uint16Array(countMax);
    this.usedZones = new Uint16Array(countMax);
    this.isChosen = new Uint8Array(nodes.length);
    this.uses = new Uint8Array(numbers.size);
    this.activeUses = new Uint8Array(numbers.size);
    this.activeCounts = new Uint16Array(numbers.size);
    for (let index = 0; index < nodes.length; index += 1) {
      this.activeCounts[this.zoneOf[index]!]! += this.isActive[index]!;
    }
    this.activeZoneCount = this.activeCounts.reduce((sum, count) => sum + Math.min(1, count), 0);
    this.roomCounts = this.activeCounts.slice();
    this.allRoomCount = this.isActive.reduce((sum, active) => sum + active, 0);
  }

  at(place: number): number {
    return this.nodes[place]!;
  }

  has(index: number): boolean {
    return this.isChosen[index] === 1;
  }

  /** Begins another slot, which has no nodes yet. */
  clear(): void {
    while (this.count > 0) this.removeAt(this.count - 1);
  }

  /** Adds the node `index`, which the slot has not, before the one at `place`. */
  add(index: number, place = this.count): void {
    const { nodes, uses } = this;
    const zone = this.zoneOf[index]!;
    for (let at = this.count; at > place; at -= 1) nodes[at] = nodes[at - 1]!;
    nodes[place] = index;
    this.count += 1;
    this.isChosen[index] = 1;
    if (uses[zone] === 0) {
      this.usedZones[this.usedZoneCount] = zone;
      this.usedZoneCount += 1;
    }
    uses[zone]! += 1;
    this.activeUses[zone]! += this.isActive[index]!;
  }

  /** Takes the node at `place` out and returns it. */
  removeAt(place: number): number {
    const { nodes, uses, usedZones } = this;
    const index = nodes[place]!;
    const zone = this.zoneOf[index]!;
    this.count -= 1;
    for (let at = place; at < this.count; at += 1) nodes[at] = nodes[at + 1]!;
    this.isChosen[index] = 0;
    uses[zone]! -= 1;
    this.activeUses[zone]! -= this.isActive[index]!;
    if (uses[zone] === 0) {
      this.usedZoneCount -= 1;
      for (let at = 0; at < this.usedZoneCount; at += 1)
        if (usedZones[at] === zone) usedZones[at] = usedZones[this.usedZoneCount]!;
    }
    return index;
  }

  /** How many of the slot's nodes are in the zone of the node `index`. */
  usesOf(index: number): number {
    return this.uses[this.zoneOf[index]!]!;
  }

  /** The fewest of the slot's nodes that a zone has which has an active node besides them; NO_ZONE where none has. */
  fewest(): number {
    const { uses, activeUses, activeCounts, usedZones } = this;
    let activeZones = 0;
    let fewest = NO_ZONE;
    for (let at = 0; at < this.usedZoneCount; at += 1) {
      const zone = usedZones[at]!;
      if (activeCounts[zone] === 0) continue;
      activeZones += 1;
      if (activeCounts[zone] === activeUses[zone]) continue;
      if (fewest === NO_ZONE || uses[zone]! < fewest) fewest = uses[zone]!;
    }
    return activeZones < this.activeZoneCount ? 0 : fewest;
  }

  /** The active node `index` has no room from now on. */
  noteFull(index: number): void {
    this.isFull[index] = 1;
    this.roomCounts[this.zoneOf[index]!]! -= 1;
    this.allRoomCount -= 1;
  }

  /** Whether an active node that the slot has not has room, in a zone that has `uses` of the slot's nodes. */
  haveRoom(uses: number): boolean {
    const { roomCounts, usedZones } = this;
    let room = uses === 0 ? this.allRoomCount : 0;
    for (let at = 0; at < this.usedZoneCount; at += 1) {
      const zone = usedZones[at]!;
      if (uses === 0) room -= roomCounts[zone]!;
      else if (this.uses[zone] === uses) room += roomCounts[zone]!;
    }
    if (uses === 0 || room === 0) return room > 0;
    for (let at = 0; at < this.count; at += 1) {
      const index = this.nodes[at]!;
      if (this.isActive[index] === 1 && this.isFull[index] === 0 && this.usesOf(index) === uses) room -= 1;
    }
    return room > 0;
  }
}
