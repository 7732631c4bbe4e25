/**
 * Owners, replicas and lineage of the next topology, while a proposal is made: begun as the last topology says, without the nodes that are gone, and then
 * changed slot by slot. Indexes are those of the next topology's nodes.
 *
 * Whenever a slot changes its owner, whole copies of what it held stay as they are (`kept`), until the new owner has been copied often enough: what two nodes had before a change, two nodes have after it. The rules for that
 * are here, one method for each way in which a slot gets an owner.
 */
import { emptyLineage, keptMark, type SlotLineage, UNSURE } from '../topology/slot-lineage.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { type ClusterNode, NO_NODE, type Topology, type TopologyChange } from '../topology/topology.ts';

/** A replica of a slot. */
export interface Column {
  readonly index: number;
  /** It keeps a copy of the time before the present owner's, and does not follow that. */
  readonly kept: boolean;
}

/** Whether the node `id` has a whole copy of what the slot held. */
export type IsWhole = (id: string) => boolean;

export class SlotBook {
  readonly nodes: readonly ClusterNode[];
  readonly columnCount: number;
  /** Slots whose owner is gone and that have no other yet. */
  readonly bereaved: readonly number[];
  private readonly epoch: number;
  private readonly indexes: ReadonlyMap<string, number>;
  private readonly owners: Uint16Array;
  private readonly ownersBefore: Uint16Array;
  private readonly columns: Uint16Array;
  private readonly lineage: SlotLineage;

  /** `nodes`: those of the next topology. `hasLineage`: whether it is to say whose copies are of use. */
  constructor(topology: Topology, nodes: readonly ClusterNode[], columnCount: number, hasLineage = columnCount > 0) {
    this.nodes = nodes.toSorted((left, right) => (left.id < right.id ? -1 : 1));
    this.columnCount = columnCount;
    this.epoch = topology.epoch + 1;
    this.indexes = new Map(this.nodes.map(({ id }, index) => [id, index]));
    const newIndexes = topology.nodes.map(({ id }) => this.indexOf(id));
    this.owners = new Uint16Array(SLOT_COUNT).fill(NO_NODE);
    this.columns = new Uint16Array(SLOT_COUNT * columnCount).fill(NO_NODE);
    this.lineage = emptyLineage();
    const bereaved: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const before = topology.ownerIndex(slot);
      const owner = newIndexes[before] ?? NO_NODE;
      this.owners[slot] = owner;
      if (before !== NO_NODE && owner === NO_NODE) bereaved.push(slot);
      if (hasLineage) this.takeColumns(topology, slot, newIndexes);
    }
    this.bereaved = bereaved;
    this.ownersBefore = this.owners.slice();
  }

  /** NO_NODE where no node has this id. */
  indexOf(id: string): number {
    return this.indexes.get(id) ?? NO_NODE;
  }

  owner(slot: number): number {
    return this.owners[slot]!;
  }

  /** The epoch in which the owner, or the last one, got the slot. */
  since(slot: number): number {
    return this.lineage.since[slot]!;
  }

  /** The time out of which the owner's came, or the last one's; 0: none. */
  before(slot: number): number {
    return this.lineage.before[slot]!;
  }

  isUnsure(slot: number): boolean {
    return (this.lineage.marks[slot]! & UNSURE) !== 0;
  }

  columnsOf(slot: number): Column[] {
    const found: Column[] = [];
    for (let n = 0; n < this.columnCount; n += 1) {
      const index = this.columnAt(slot, n);
      if (index === NO_NODE) break;
      found.push({ index, kept: this.isKept(slot, n) });
    }
    return found;
  }

  /** The replica `n` of `slot`, 0 to columnCount − 1; NO_NODE behind the last. For loops over all slots, where `columnsOf` takes too long. */
  columnAt(slot: number, n: number): number {
    return this.columns[slot * this.columnCount + n]!;
  }

  /** Whether the replica `n` of `slot` keeps a copy of before. */
  isKept(slot: number, n: number): boolean {
    return (this.lineage.marks[slot]! & keptMark(n)) !== 0;
  }

  /** Whether any replica of `slot` keeps a copy of before. */
  hasKept(slot: number): boolean {
    return (this.lineage.marks[slot]! & (UNSURE - 1)) !== 0;
  }

  /** Replaces the replicas of `slot`; those for which there is no column are left out, the last first. */
  setColumns(slot: number, columns: readonly Column[]): void {
    const { columnCount, lineage } = this;
    let marks = lineage.marks[slot]! & UNSURE;
    for (let n = 0; n < columnCount; n += 1) {
      const column = columns[n];
      this.columns[slot * columnCount + n] = column?.index ?? NO_NODE;
      if (column?.kept === true) marks |= keptMark(n);
    }
    lineage.marks[slot] = marks;
  }

  /** `to` has taken the slot over from its owner: it has everything, and so has the owner, if it lives. */
  handOver(slot: number, to: number, isWhole: IsWhole): void {
    const source = this.owners[slot]!;
    const copies = this.freshOf(slot, to).map(({ index }) => ({ index, kept: isWhole(this.nodes[index]!.id) }));
    if (source !== NO_NODE && source !== to) copies.push({ index: source, kept: true });
    // Where there are too many, those go that have nothing yet.
    copies.sort((left, right) => Number(right.kept) - Number(left.kept));
    this.begin(slot, to, this.since(slot));
    this.setColumns(slot, copies);
  }

  /**
   * The owner has died while it handed the slot over to `to`, which alone knows whether it has. `mayComeBack`: with what it had on its disk, if that one
   * has nothing.
   */
  seize(slot: number, to: number, mayComeBack: boolean): void {
    // Whichever of them is whole may be needed; who is not says so.
    const copies = this.freshOf(slot, to).map(({ index }) => ({ index, kept: true }));
    this.begin(slot, to, this.since(slot));
    if (copies.length > 0 || mayComeBack) this.lineage.marks[slot] = UNSURE;
    this.setColumns(slot, copies);
  }

  /** `to` goes on with its copy: one of the last owner (`following`), or one that it has kept since before. */
  promote(slot: number, to: number, copy: 'following' | 'kept', isWhole: IsWhole): void {
    const { before } = this.lineage;
    if (copy === 'kept') {
      const others = this.columnsOf(slot).filter(({ index }) => index !== to);
      this.begin(slot, to, before[slot]!);
      this.setColumns(slot, others);
      return;
    }
    const others = this.freshOf(slot, to).map(({ index }) => ({ index, kept: isWhole(this.nodes[index]!.id) }));
    this.begin(slot, to, this.since(slot));
    this.setColumns(slot, others);
  }

  /** Who had taken the slot over from its owner is gone: nobody has it now. */
  lose(slot: number): void {
    this.begin(slot, NO_NODE, this.since(slot));
    this.setColumns(slot, []);
  }

  /** The owner, or last owner, never served: nobody has it, as before its time, since that of the one before. */
  rewind(slot: number, time = this.before(slot)): void {
    const { since, before, marks } = this.lineage;
    this.owners[slot] = NO_NODE;
    since[slot] = time;
    before[slot] = 0;
    marks[slot] = 0;
    this.setColumns(slot, []);
  }

  /** `to` goes on with what it has on its disk, which came out of the time `time`. */
  restore(slot: number, to: number, time: number): void {
    this.begin(slot, to, time);
    this.setColumns(slot, []);
  }

  /** `to` begins with an empty slot. */
  give(slot: number, to: number): void {
    const others = this.freshOf(slot, to);
    this.begin(slot, to, 0);
    this.setColumns(slot, others);
  }

  /** The owner is known to have the slot's items, and to serve it. */
  confirm(slot: number): void {
    this.lineage.marks[slot]! &= ~UNSURE;
  }

  removeColumn(slot: number, index: number): void {
    this.setColumns(
      slot,
      this.columnsOf(slot).filter((column) => column.index !== index),
    );
  }

  /** Slots that have another owner than before, but for those whose owner is gone; with its id, null: nobody has it. */
  newOwners(): ReadonlyMap<number, string | null> {
    const owners = new Map<number, string | null>();
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const owner = this.owners[slot]!;
      if (owner !== this.ownersBefore[slot]) owners.set(slot, this.nodes[owner]?.id ?? null);
    }
    return owners;
  }

  get change(): Pick<TopologyChange, 'replicaCount' | 'replicas' | 'lineage'> {
    const { columnCount: replicaCount, columns: replicas, lineage } = this;
    return { replicaCount, replicas, lineage };
  }

  /** Whether replicas or lineage are others than in `topology`, which has the same nodes. */
  isChanged(topology: Topology): boolean {
    if (topology.replicaCount !== this.columnCount) return true;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (topology.beforeOf(slot) !== this.lineage.before[slot] || topology.sinceOf(slot) !== this.since(slot))
        return true;
      if ((topology.lineage?.marks[slot] ?? 0) !== this.lineage.marks[slot]) return true;
      for (let n = 0; n < this.columnCount; n += 1) {
        if (topology.replicaIndex(slot, n) !== this.columns[slot * this.columnCount + n]) return true;
      }
    }
    return false;
  }

  private begin(slot: number, owner: number, before: number): void {
    this.owners[slot] = owner;
    this.lineage.since[slot] = this.epoch;
    this.lineage.before[slot] = before;
    this.lineage.marks[slot] = 0;
  }

  /** The replicas that copy the present owner, without `other`. */
  private freshOf(slot: number, other: number): Column[] {
    return this.columnsOf(slot).filter(({ index, kept }) => !kept && index !== other);
  }

  private takeColumns(topology: Topology, slot: number, newIndexes: readonly number[]): void {
    const { since, before, marks } = this.lineage;
    since[slot] = topology.sinceOf(slot);
    before[slot] = topology.beforeOf(slot);
    // Where replicas were not wanted until now nobody has counted.
    if (since[slot] === 0 && this.owners[slot] !== NO_NODE) since[slot] = this.epoch;
    if (topology.isUnsure(slot) && this.owners[slot] !== NO_NODE) marks[slot] = UNSURE;
    let count = 0;
    for (let n = 0; n < topology.replicaCount && count < this.columnCount; n += 1) {
      const index = newIndexes[topology.replicaIndex(slot, n)] ?? NO_NODE;
      if (index === NO_NODE) continue;
      this.columns[slot * this.columnCount + count] = index;
      if (topology.isKept(slot, n)) marks[slot]! |= keptMark(count);
      count += 1;
    }
  }
}
