/** The disk of a node of `CoordinatorBench`: what it claims of slots, and, of a node that has started with it, what it found there. */
import type { DiskTold } from '../../src/protocol/cluster/messages.ts';
import { slotRanges } from '../../src/topology/slot-ranges.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import type { SlotMove, Topology } from '../../src/topology/topology.ts';

interface BenchClaim {
  readonly time: number;
  readonly isTaken: boolean;
}

let disks = 0;

export class BenchDisk {
  readonly dataSet: string;
  readonly claims: Map<number, BenchClaim>;
  /** Slots that were found, and are neither its node's nor dropped yet. */
  private readonly stored: Set<number>;

  private constructor(dataSet: string, claims: ReadonlyMap<number, BenchClaim>) {
    this.dataSet = dataSet;
    this.claims = new Map(claims);
    this.stored = new Set(claims.keys());
  }

  static empty(): BenchDisk {
    disks += 1;
    return new BenchDisk(disks.toString(16).padStart(32, '0'), new Map());
  }

  /** As a node finds it that starts with it. */
  found(): BenchDisk {
    return new BenchDisk(this.dataSet, this.claims);
  }

  /** The node `id` serves what `topology` gives it. */
  apply(topology: Topology, id: string): void {
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (topology.ownerOf(slot)?.id === id) {
        this.stored.delete(slot);
        if (!topology.isUnsure(slot)) this.claims.set(slot, { time: topology.sinceOf(slot), isTaken: false });
      } else if (this.isUnsettled(topology, slot)) this.stored.add(slot);
      else if (!this.stored.has(slot) && topology.moveOf(slot) === null) this.claims.delete(slot);
    }
  }

  /** The node takes the slots of a move over, of which the coordinator does not know yet. */
  take({ slots }: SlotMove, topology: Topology): void {
    for (const slot of slots) this.claims.set(slot, { time: topology.sinceOf(slot), isTaken: true });
  }

  /** It owned the slot, and nobody has served it since, as far as the topology says. */
  private isUnsettled(topology: Topology, slot: number): boolean {
    const time = this.claims.get(slot)?.time ?? 0;
    const isOwnerless = time !== 0 && topology.ownerOf(slot) === null;
    return isOwnerless && (topology.beforeOf(slot) === time || topology.sinceOf(slot) === time);
  }

  dropStored(): void {
    for (const slot of this.stored) this.claims.delete(slot);
    this.stored.clear();
  }

  told(epoch: number): DiskTold {
    const copies = new Map<string, BenchClaim & { slots: number[] }>();
    for (const slot of [...this.stored].toSorted((left, right) => left - right)) {
      const claim = this.claims.get(slot)!;
      const key = `${claim.time} ${claim.isTaken}`;
      const copy = copies.get(key);
      if (copy === undefined) copies.set(key, { ...claim, slots: [slot] });
      else copy.slots.push(slot);
    }
    const told = [...copies.values()].map(({ time, isTaken, slots }) => ({
      time,
      isTaken,
      slots: slotRanges(slots).flat(),
    }));
    return { dataSet: this.dataSet, epoch, copies: told };
  }
}
