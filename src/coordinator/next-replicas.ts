/**
 * Which nodes shall copy each slot in the next topology: step by step towards what the planner wants, and never so that a whole copy is given up before enough others are whole. Part of a
 * proposal.
 *
 * A slot has a column more than it has replicas, for the one that comes before another goes. Whole is who is synced with the owner, and who keeps a copy of the owner before it. A node that keeps one, and
 * shall copy the owner, has to delete what it keeps: it may as soon as enough others are whole.
 */
import { planReplicas } from '../topology/planner.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { type ClusterNode, NO_NODE, type Topology } from '../topology/topology.ts';
import type { HeardCopies } from './heard-copies.ts';
import type { Membership } from './membership.ts';
import { isIdle } from './next-nodes.ts';
import type { Column, SlotBook } from './slot-book.ts';

/** Where only replicas change, they change together: an epoch for each copy that is whole would keep every node busy. */
const BATCH_MS = 250;

/** When replicas are to be planned again. */
export class ReplicaPace {
  private plannedFor: Topology | null = null;
  private plannedVersion = -1;
  private plannedWishes = '';
  private changedAtMs = Number.NEGATIVE_INFINITY;

  clear(): void {
    this.plannedFor = null;
  }

  /** Whether `topology`, as it is stored, has to be looked at. `wishes`: what nodes and operators want, beside that. */
  isDue(topology: Topology, copiesVersion: number, wishes: string, nowMs: number): boolean {
    const isPlanned =
      topology === this.plannedFor && copiesVersion === this.plannedVersion && wishes === this.plannedWishes;
    return !isPlanned && nowMs - this.changedAtMs >= BATCH_MS;
  }

  planned(topology: Topology, copiesVersion: number, wishes: string): void {
    this.plannedFor = topology;
    this.plannedVersion = copiesVersion;
    this.plannedWishes = wishes;
  }

  changed(nowMs: number): void {
    this.changedAtMs = nowMs;
  }
}

export interface ReplicaInput {
  /** Wanted of each slot, 1 to 3. */
  readonly replicas: number;
  readonly membership: Membership;
  /** Nodes that may copy slots though they give theirs away. */
  readonly failedOver: ReadonlySet<string>;
  readonly isLeaving: (id: string) => boolean;
}

/** Changes the replicas in `book`. `draft`: the topology that the book leads to. */
export function planNextReplicas(draft: Topology, book: SlotBook, input: ReplicaInput): void {
  new NextReplicas(draft, book, input).run();
}

/** Of decisions that are remembered; a power of two. */
const DECISION_COUNT = 256;

interface Decision {
  readonly situation: Int32Array;
  readonly columns: readonly Column[];
}

class NextReplicas {
  private readonly book: SlotBook;
  private readonly input: ReplicaInput;
  private readonly nodes: readonly ClusterNode[];
  private readonly mayHold: readonly boolean[];
  private readonly holderCount: number;
  private readonly leaving: readonly boolean[];
  /** What each node has said: asked for at every slot, so looked up once. */
  private readonly copies: readonly HeardCopies[];
  /** The epoch that each node had when it spoke last; −1: it has not. */
  private readonly heardEpochs: readonly number[];
  /** Nodes that leave as soon as nobody needs their copies. */
  private readonly isReadyToGo: readonly boolean[];
  private readonly plan: Uint16Array;
  private readonly loads: Uint32Array;
  private readonly isMoving = new Uint8Array(SLOT_COUNT);
  /** The situation of the slot that is looked at, as `observe` has it. */
  private readonly situation: Int32Array;
  /** What came of situations not long ago, by their numbers mixed: many slots are in the same one, and then the same comes of it. */
  private readonly decisions: (Decision | undefined)[] = new Array<Decision | undefined>(DECISION_COUNT).fill(
    undefined,
  );
  private dependsOnLoads = false;

  constructor(draft: Topology, book: SlotBook, input: ReplicaInput) {
    this.book = book;
    this.input = input;
    const { replicas, membership, failedOver, isLeaving } = input;
    // To the planner a node that shall copy is active, whatever becomes of its own slots.
    this.nodes = book.nodes.map((node) =>
      failedOver.has(node.id) && node.state === 'draining' && !isLeaving(node.id)
        ? { ...node, state: 'active' as const }
        : node,
    );
    this.mayHold = this.nodes.map(({ state }) => state === 'active');
    this.holderCount = this.mayHold.filter(Boolean).length;
    this.leaving = this.nodes.map(({ id }) => isLeaving(id));
    this.copies = this.nodes.map(({ id }) => membership.copiesOf(id));
    this.heardEpochs = this.nodes.map(({ id }) => membership.lastOf(id)?.heartbeat.epoch ?? -1);
    this.isReadyToGo = this.nodes.map(({ id }) => isLeaving(id) && isIdle(id, draft));
    this.loads = new Uint32Array(this.nodes.length);
    this.situation = new Int32Array(1 + 2 * (book.columnCount + replicas));
    for (const { slots } of draft.moves) for (const slot of slots) this.isMoving[slot] = 1;
    const preferred = this.preferred(replicas);
    this.plan = planReplicas({
      nodes: this.nodes,
      replicaCount: replicas,
      ownedCount: draft.ownedCount,
      ownerIndex: (slot) => draft.ownerIndex(slot),
      replicaIndex: (slot, n) => preferred[slot * replicas + n]!,
    });
  }

  run(): void {
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.book.owner(slot) === NO_NODE || this.book.isUnsure(slot) || this.isMoving[slot] === 1) continue;
      if (!this.isAsPlanned(slot)) this.settle(slot);
    }
  }

  private settle(slot: number): void {
    const { book } = this;
    const columns = this.decisionOn(slot);
    for (const { index } of book.columnsOf(slot)) this.loads[index]! -= 1;
    for (const { index } of columns) this.loads[index]! += 1;
    book.setColumns(slot, columns);
  }

  /** The replicas that the slot shall have next. */
  private decisionOn(slot: number): readonly Column[] {
    const { situation, decisions } = this;
    this.observe(slot);
    let mixed = 0;
    for (let at = 0; at < situation.length; at += 1) mixed = Math.imul(mixed, 31) + situation[at]!;
    const place = (mixed ^ (mixed >>> 8)) & (DECISION_COUNT - 1);
    const known = decisions[place];
    if (known !== undefined && isSameSituation(known.situation, situation)) return known.columns;
    this.dependsOnLoads = false;
    const columns = this.decide(slot);
    decisions[place] = this.dependsOnLoads ? undefined : { situation: situation.slice(), columns };
    return columns;
  }

  /** Puts all that `decide` goes by into `situation`, but for loads. */
  private observe(slot: number): void {
    const { book, plan, situation } = this;
    const { replicas } = this.input;
    situation[0] = book.owner(slot);
    let at = 1;
    for (let n = 0; n < book.columnCount; n += 1, at += 2) {
      const index = book.columnAt(slot, n);
      situation[at] = index;
      situation[at + 1] = index === NO_NODE ? 0 : this.standing(slot, index, book.isKept(slot, n));
    }
    // A node that is no column yet may have a whole copy all the same.
    for (let n = 0; n < replicas; n += 1, at += 2) {
      const index = plan[slot * replicas + n]!;
      situation[at] = index;
      situation[at + 1] = index === NO_NODE ? 0 : this.standing(slot, index, false);
    }
  }

  /** What is known of a column, as a number. One that keeps a copy may become one that follows the owner. */
  private standing(slot: number, index: number, kept: boolean): number {
    const told = this.hasSpokenSince(index, slot) ? 1 + Number(this.isToldSynced(slot, index)) : 0;
    return kept ? 3 + 2 * told + Number(this.isKeptInVain(slot, index)) : told;
  }

  /** Most slots are as they should be. */
  private isAsPlanned(slot: number): boolean {
    const { book, plan } = this;
    const { replicas } = this.input;
    if (book.hasKept(slot)) return false;
    let missing = 0;
    for (let at = slot * replicas; at < (slot + 1) * replicas; at += 1) if (plan[at] !== NO_NODE) missing += 1;
    for (let n = 0; n < book.columnCount; n += 1) {
      const index = book.columnAt(slot, n);
      if (index === NO_NODE) break;
      if (!this.isPlanned(slot, index)) return false;
      missing -= 1;
    }
    return missing === 0;
  }

  private isPlanned(slot: number, index: number): boolean {
    const { replicas } = this.input;
    for (let at = slot * replicas; at < (slot + 1) * replicas; at += 1) if (this.plan[at] === index) return true;
    return false;
  }

  /** The replicas of each slot that the planner should rather keep, those first that are synced, then those that copy. Counts them all, too. */
  private preferred(replicas: number): Uint16Array {
    const preferred = new Uint16Array(SLOT_COUNT * replicas).fill(NO_NODE);
    const { book, loads } = this;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      let count = 0;
      for (; count < book.columnCount; count += 1) {
        const index = book.columnAt(slot, count);
        if (index === NO_NODE) break;
        loads[index]! += 1;
        if (count < replicas) preferred[slot * replicas + count] = index;
      }
      if (count <= replicas) continue;
      const columns = book.columnsOf(slot).toSorted((left, right) => this.rank(slot, left) - this.rank(slot, right));
      for (let n = 0; n < replicas; n += 1) preferred[slot * replicas + n] = columns[n]!.index;
    }
    return preferred;
  }

  private rank(slot: number, column: Column): number {
    return column.kept ? 2 : this.isSynced(slot, column) ? 0 : 1;
  }

  private isSynced(slot: number, { index, kept }: Column): boolean {
    return !kept && this.hasSpokenSince(index, slot) && this.isToldSynced(slot, index);
  }

  /** As `Membership.mayBeSynced`. */
  private mayBeSynced(slot: number, index: number): boolean {
    return !this.hasSpokenSince(index, slot) || this.isToldSynced(slot, index);
  }

  private hasSpokenSince(index: number, slot: number): boolean {
    return this.heardEpochs[index]! >= this.book.since(slot);
  }

  private isToldSynced(slot: number, index: number): boolean {
    const { book } = this;
    const owner = book.nodes[book.owner(slot)];
    return owner !== undefined && this.copies[index]!.isSynced(slot, owner.id);
  }

  private isWhole(slot: number, column: Column): boolean {
    return column.kept || this.isSynced(slot, column);
  }

  private decide(slot: number): readonly Column[] {
    const before = this.book.columnsOf(slot);
    const wanted = this.wantedOf(slot, before);
    const useful = before.filter((column) => !this.isWorthless(slot, column, before, wanted));
    const added = this.withWanted(useful, wanted);
    const after = this.withoutUnwanted(slot, this.withKeptCopying(slot, added, wanted), wanted);
    // What went may have made room.
    return this.withWanted(after, wanted);
  }

  /** The nodes that shall copy the slot. Where there are too few that may, those that give theirs away go on with what they have. */
  private wantedOf(slot: number, columns: readonly Column[]): number[] {
    const { replicas } = this.input;
    const wanted: number[] = [];
    for (let n = 0; n < replicas; n += 1) {
      const index = this.plan[slot * replicas + n]!;
      if (index !== NO_NODE) wanted.push(index);
    }
    for (const { index } of columns) {
      if (wanted.length < replicas && !wanted.includes(index) && this.leaving[index] !== true) wanted.push(index);
    }
    return wanted;
  }

  /** Of no use, and not on its way to be. */
  private isWorthless(
    slot: number,
    { index, kept }: Column,
    all: readonly Column[],
    wanted: readonly number[],
  ): boolean {
    if (!kept) {
      // Where others keep copies it may have been added to take over from them.
      const isNeeded = wanted.includes(index) || (this.leaving[index] !== true && all.some((other) => other.kept));
      return !isNeeded && !this.mayBeSynced(slot, index);
    }
    return this.isKeptInVain(slot, index);
  }

  /** Whether the node, which is to keep a copy, has said that it has none. */
  private isKeptInVain(slot: number, index: number): boolean {
    const copies = this.copies[index]!;
    return copies.epoch >= this.book.since(slot) && copies.keptThrough(slot) === undefined;
  }

  private withWanted(columns: readonly Column[], wanted: readonly number[]): readonly Column[] {
    const missing = wanted.filter((index) => !columns.some((column) => column.index === index));
    if (missing.length === 0) return columns;
    return [...columns, ...missing.map((index) => ({ index, kept: false }))].slice(0, this.book.columnCount);
  }

  /** Lets a wanted node delete what it keeps and copy the owner, if enough others are whole; else another node begins to, if there is one. */
  private withKeptCopying(slot: number, all: readonly Column[], wanted: readonly number[]): readonly Column[] {
    let columns = all;
    const holderCount = this.holdersOf(slot, columns);
    const enough = Math.min(this.input.replicas, holderCount - 1);
    for (const column of all) {
      if (!column.kept || !wanted.includes(column.index)) continue;
      if (this.wholeWithout(slot, columns, column) >= enough) {
        columns = columns.map((one) => (one === column ? { index: column.index, kept: false } : one));
        continue;
      }
      if (columns.length >= this.book.columnCount || columns.some((one) => !this.isWhole(slot, one))) continue;
      const spare = this.spareFor(slot, columns);
      if (spare !== NO_NODE) columns = [...columns, { index: spare, kept: false }];
    }
    return columns;
  }

  private withoutUnwanted(slot: number, all: readonly Column[], wanted: readonly number[]): readonly Column[] {
    let columns = all;
    for (const column of all) {
      if (wanted.includes(column.index)) continue;
      // A node that wants to go, and has nothing else, need not wait for more copies than there can be.
      const isEnough = this.isReadyToGo[column.index] === true && this.areSynced(slot, columns, wanted);
      const isUnderWay = !column.kept && !this.isSynced(slot, column) && columns.some(({ kept }) => kept);
      if (isUnderWay) continue;
      if (isEnough || this.wholeWithout(slot, columns, column) >= this.input.replicas) {
        columns = columns.filter((one) => one !== column);
      }
    }
    return columns;
  }

  private wholeWithout(slot: number, columns: readonly Column[], column: Column): number {
    return columns.filter((other) => other !== column && this.isWhole(slot, other)).length;
  }

  private areSynced(slot: number, columns: readonly Column[], wanted: readonly number[]): boolean {
    return wanted.every((index) => columns.some((column) => column.index === index && this.isSynced(slot, column)));
  }

  /** Nodes that could have a copy: those that have one, and those that may. */
  private holdersOf(slot: number, columns: readonly Column[]): number {
    const isOwnerOne = this.mayHold[this.book.owner(slot)] === true;
    const others = columns.filter(({ index }) => this.mayHold[index] !== true).length;
    return this.holderCount - Number(isOwnerOne) + others;
  }

  /** A node that could copy the slot and has nothing of it, with the fewest copies for its weight; NO_NODE: there is none. */
  private spareFor(slot: number, columns: readonly Column[]): number {
    const { book, nodes, mayHold, loads } = this;
    this.dependsOnLoads = true;
    let best = NO_NODE;
    for (let index = 0; index < nodes.length; index += 1) {
      if (mayHold[index] !== true || index === book.owner(slot)) continue;
      if (columns.some((column) => column.index === index)) continue;
      const isBetter = best === NO_NODE || loads[index]! * nodes[best]!.weight < loads[best]! * nodes[index]!.weight;
      if (isBetter) best = index;
    }
    return best;
  }
}

function isSameSituation(one: Int32Array, other: Int32Array): boolean {
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}
