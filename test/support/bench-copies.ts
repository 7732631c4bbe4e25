/**
 * What a node of a CoordinatorBench has of each slot, by the rules of docs/adr/0022-replication.md and not by the agent's code: the oracle beside which coordinators are tested. Copies become whole when
 * the test says so; items are not there at all, only whether all of a slot's are.
 */
import type { ReplicationTold } from '../../src/protocol/cluster/messages.ts';
import { slotRanges } from '../../src/topology/slot-ranges.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import { NO_NODE, Topology } from '../../src/topology/topology.ts';

interface Copy {
  /** Of the owner's time that it is of. */
  readonly time: number;
  readonly source: string;
  isWhole: boolean;
  /** Nothing is added to it. */
  isKept: boolean;
  /** Null: all that there was. */
  through: number | null;
  /** The coordinator has heard that it is whole. */
  isTold: boolean;
}

export class BenchCopies {
  readonly id: string;
  /** How far its copies are from now on, of all sources. */
  through = 0;
  /** Slots that it owns and that were emptied although it got them from somebody. */
  lostCount = 0;
  private readonly copies = new Map<number, Copy>();
  /** Slots of its own of which it has all. */
  private readonly own = new Set<number>();
  private readonly vacant = new Set<number>();
  private topology = Topology.empty('bench');

  constructor(id: string) {
    this.id = id;
  }

  /** Slots that are copied are whole from now on, where `is` says so. */
  sync(is: (slot: number) => boolean = () => true): void {
    for (const [slot, copy] of this.copies) if (!copy.isKept && is(slot)) copy.isWhole = true;
  }

  /** Copies begin again: none that follows an owner is whole. */
  desync(): void {
    for (const copy of this.copies.values()) if (!copy.isKept) copy.isWhole = false;
  }

  /** Whether all that the slot's owner had, some owner's, is here. */
  hasAll(slot: number): boolean {
    return this.own.has(slot) || this.copies.get(slot)?.isWhole === true;
  }

  /** As `hasAll`, as far as the coordinator has heard of it. */
  hasToldAll(slot: number): boolean {
    return this.own.has(slot) || (this.hasAll(slot) && this.copies.get(slot)!.isTold);
  }

  /** This node has taken move `id` over, if it knew of it. */
  take(id: number): void {
    const move = this.topology.moves.find((one) => one.id === id);
    for (const slot of move?.slots ?? []) this.own.add(slot);
  }

  apply(topology: Topology): void {
    const before = this.topology;
    if (topology.epoch <= before.epoch) return;
    this.topology = topology;
    const self = topology.indexOf(this.id);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const wasOwn = this.own.has(slot);
      this.vacant.delete(slot);
      if (self !== NO_NODE && topology.ownerIndex(slot) === self) this.takeOwn(slot, wasOwn);
      else if (!this.isTaken(slot)) this.takeOther(slot, self, wasOwn ? before.sinceOf(slot) : 0);
    }
  }

  told(): ReplicationTold | null {
    const { topology } = this;
    if (topology.lineage === null) return null;
    const groups = new Map<string, { copy: Copy; slots: number[] }>();
    for (const [slot, copy] of [...this.copies].toSorted(([left], [right]) => left - right)) {
      if (!copy.isWhole) continue;
      copy.isTold = true;
      const through = copy.isKept ? copy.through : this.through;
      const name = `${copy.source} ${copy.isKept} ${through}`;
      const group = groups.get(name) ?? { copy: { ...copy, through }, slots: [] };
      group.slots.push(slot);
      groups.set(name, group);
    }
    const copies = [...groups.values()].map(({ copy: { source, through, isKept }, slots }) => ({
      source,
      through,
      kept: isKept,
      slots: slotRanges(slots).flat(),
    }));
    const vacant = slotRanges([...this.vacant].toSorted((left, right) => left - right)).flat();
    return { epoch: topology.epoch, copies, vacant, streams: [] };
  }

  /** Taken over in a move that goes on by the topology. */
  private isTaken(slot: number): boolean {
    return this.own.has(slot) && this.topology.moveOf(slot)?.to === this.id;
  }

  private takeOwn(slot: number, hasAll: boolean): void {
    const copy = this.copies.get(slot);
    const before = this.topology.beforeOf(slot);
    const isOfUse = before > 0 && copy?.time === before && copy.isWhole;
    if (this.topology.isUnsure(slot) && !hasAll) {
      this.vacant.add(slot);
      if (isOfUse) this.keep(slot, copy);
      return;
    }
    this.copies.delete(slot);
    if (!hasAll && !isOfUse && before > 0) this.lostCount += 1;
    this.own.add(slot);
  }

  private takeOther(slot: number, self: number, ownTime: number): void {
    const { topology } = this;
    this.own.delete(slot);
    const n = self === NO_NODE ? -1 : topology.columnOf(slot, self);
    const copy = this.copies.get(slot);
    if (n < 0) {
      this.copies.delete(slot);
      return;
    }
    const isKept = topology.isKept(slot, n);
    const time = isKept ? topology.beforeOf(slot) : topology.sinceOf(slot);
    if (isKept || topology.ownerIndex(slot) === NO_NODE) {
      const own = { time, source: this.id, isWhole: true, isKept: true, through: null, isTold: true };
      if (ownTime === time) this.copies.set(slot, own);
      else if (copy?.time === time && copy.isWhole) this.keep(slot, copy);
      else this.copies.delete(slot);
    } else if (copy === undefined || copy.time !== time || copy.isKept) {
      const source = topology.ownerOf(slot)!.id;
      this.copies.set(slot, { time, source, isWhole: false, isKept: false, through: 0, isTold: false });
    }
  }

  private keep(slot: number, copy: Copy): void {
    if (!copy.isKept) this.copies.set(slot, { ...copy, isKept: true, through: this.through });
  }
}
