/**
 * The replicas of this node's slots, and the slots of which it is one: what the mover is to do about them, and what the coordinator hears. Part of the agent.
 *
 *     topology ─► SlotCopies ─► copyFrom ─► mover ─► report of that epoch ─► what is there is served, kept, or deleted
 *                     slot image ─► replicateTo ─┘              └─► heartbeat
 *
 * What a copy is worth is known only when nothing is added to it any more. So a slot that this node gets with its copy is held back until the mover has reported
 * by the epoch in which it got it: then it is served if the copy is whole, and emptied first if not. An `unsure` slot is held back until another topology says more: its last owner died while it
 * handed the slot over, and this node knows that it has not taken it over.
 */
import { type CopyTold, type ReplicationTold, type StreamTold, TEXT_LENGTH_MAX } from '../protocol/cluster/messages.ts';
import { flatSlotRanges } from '../topology/slot-ranges.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE, type Topology } from '../topology/topology.ts';
import type { AgentOutput } from './agent-output.ts';
import type { KeptSlots, ReplicaAssignment, ReplicaReport } from './mover.ts';
import { type CopyChanges, type CopyChangesInput, CopyState, SlotCopies } from './slot-copies.ts';
import { IMPORTING, OWNED, REPLICA, type SlotImage, SYNCED } from './slot-table.ts';

/** Why a slot that the topology gives this node is not served: what it has in it is being asked for, or it must not know by itself. */
const Doubt = { none: 0, asked: 1, unsure: 2 } as const;

const NO_REPORT: ReplicaReport = { epoch: 0, targets: [], sources: [], kept: [], alone: 0 };

interface CopiesWanted {
  readonly sources: readonly ReplicaAssignment[];
  readonly kept: KeptSlots;
}

export class ReplicaDuties {
  private readonly output: AgentOutput;
  readonly copies: SlotCopies = new SlotCopies();
  private readonly doubts = new Uint8Array(SLOT_COUNT);
  private doubtCount = 0;
  private report = NO_REPORT;
  private alone = 0;
  /** The most copies that replicas had at a report, by this topology. */
  private syncedMost = 0;
  /** By slot, as `report` and the time at which this node began to copy have it. */
  private readonly synced: Buffer = Buffer.alloc(SLOT_COUNT);
  private restarted: readonly number[] = [];
  /** The epoch by which something has changed that the mover has yet to report on; 0: nothing has. */
  private askedEpoch = 0;
  /** What the mover was told last; null: nothing. */
  private wanted: CopiesWanted | null = null;
  private targets: readonly ReplicaAssignment[] = [];
  /** What the mover was directed by last; null: it is to be directed anew. */
  private directed: { readonly topology: Topology; readonly words: Int32Array } | null = null;

  constructor(output: AgentOutput) {
    this.output = output;
  }

  /** Changes of this node that no replica has confirmed. */
  get aloneCount(): number {
    return this.alone;
  }

  /** Whether `slot` is this node's by the topology and must not be served. */
  isInDoubt(slot: number): boolean {
    return this.doubts[slot] !== Doubt.none;
  }

  /** What a new topology makes of the slots. */
  takeTopology(input: CopyChangesInput): Pick<CopyChanges, 'gained' | 'lost'> {
    const { continued, unsure, gained, lost, restarted, frozenCount } = this.copies.takeTopology(input);
    this.directed = null;
    this.doubts.fill(Doubt.none);
    this.doubtCount = 0;
    let askedCount = 0;
    for (const slot of continued) {
      const state = this.copies.stateOf(slot);
      // Nobody has more than who owned the slot.
      if (state === CopyState.own || state === CopyState.stored) this.copies.forget(slot);
      else {
        this.doubt(slot, Doubt.asked);
        askedCount += 1;
      }
    }
    for (const slot of unsure) this.doubt(slot, Doubt.unsure);
    this.restarted = restarted;
    this.syncedMost = 0;
    this.setReport(this.report);
    if (frozenCount + askedCount > 0 || this.askedEpoch > 0) this.askedEpoch = input.after.epoch;
    return { gained, lost };
  }

  /** What was found on disk is of no use any more, but for what other things are done with by now. Returns the slots that are to be emptied. */
  dropStored({ words }: SlotImage): readonly number[] {
    const stored = slotsWhere((slot) => this.copies.stateOf(slot) === CopyState.stored);
    for (const slot of stored) this.copies.forget(slot);
    return stored.filter((slot) => (words[slot]! & (OWNED | IMPORTING)) === 0);
  }

  /** This node was removed, or has left. */
  clear(): void {
    this.copies.clear();
    this.doubts.fill(Doubt.none);
    this.doubtCount = 0;
    this.restarted = [];
    this.askedEpoch = 0;
    this.setReport(NO_REPORT);
    this.alone = 0;
    this.syncedMost = 0;
    this.wanted = null;
    this.targets = [];
    this.directed = null;
  }

  /** Holds back in `withheld` the slots that are in doubt. */
  addDoubts(withheld: Uint8Array): void {
    for (let slot = 0; slot < SLOT_COUNT && this.doubtCount > 0; slot += 1) {
      if (this.doubts[slot] !== Doubt.none) withheld[slot] = 1;
    }
  }

  /** Marks the slots that this node copies in `image`. */
  addFlags({ words }: SlotImage): void {
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.copies.stateOf(slot) !== CopyState.copying || (words[slot]! & OWNED) !== 0) continue;
      words[slot]! |= REPLICA | (this.synced[slot] === 1 ? SYNCED : 0);
    }
  }

  /** Tells the mover what is different. `image`: what this node serves. */
  direct(topology: Topology, image: SlotImage): void {
    const isWanted = topology.replicaCount > 0 && image.selfIndex !== NO_NODE;
    if (!isWanted && this.wanted === null) return;
    if (isWanted && this.isDirected(topology, image)) return;
    this.directed = { topology, words: image.words };
    this.directCopies(topology, image);
    this.directStreams(topology, image);
    if (!isWanted) this.wanted = null;
  }

  /**
   * What the mover tells. Returns whether words, or what the coordinator should hear at once, have changed by that; `empty` is called with the slots whose copy turned
   * out not to be whole: they are to be emptied before they are served.
   */
  takeReport(report: ReplicaReport, empty: (slots: readonly number[]) => void): boolean {
    const before = Buffer.from(this.synced);
    this.setReport(report);
    this.countAlone(report);
    const isAnswer = this.askedEpoch > 0 && report.epoch >= this.askedEpoch;
    if (isAnswer) {
      this.askedEpoch = 0;
      empty(this.settleDoubts());
    }
    return isAnswer || !before.equals(this.synced);
  }

  /** Replicas that forget their copies, as those do that have heard of another owner, have confirmed nothing by that. */
  private countAlone({ targets, alone }: ReplicaReport): void {
    const syncedCount = targets.reduce((sum, { synced }) => sum + synced.length, 0);
    this.alone = syncedCount < this.syncedMost ? Math.max(this.alone, alone) : alone;
    this.syncedMost = Math.max(this.syncedMost, syncedCount);
  }

  /** What the coordinator hears; null where there is nothing to tell. */
  told({ epoch, replicaCount, lineage }: Topology, selfId: string): ReplicationTold | null {
    if (replicaCount === 0 && lineage === null) return null;
    const copies: CopyTold[] = [];
    for (const { id, through, synced } of this.report.sources) {
      const isWhole = (slot: number): boolean =>
        this.synced[slot] === 1 && this.copies.stateOf(slot) === CopyState.copying;
      const ranges = flatSlotRanges(synced, isWhole);
      if (ranges.length > 0) copies.push({ source: id, through, kept: false, slots: ranges });
    }
    for (const { id, through, slots } of this.report.kept) {
      const ranges = flatSlotRanges(slots, (slot) => this.copies.stateOf(slot) === CopyState.kept);
      if (ranges.length > 0) copies.push({ source: id, through, kept: true, slots: ranges });
    }
    const own = this.copies.slotsIn(CopyState.own);
    if (own.length > 0)
      copies.push({ source: selfId, through: null, kept: true, slots: flatSlotRanges(own, () => true) });
    const vacant = this.doubtCount === 0 ? [] : slotsWhere((slot) => this.doubts[slot] === Doubt.unsure);
    return {
      epoch: this.askedEpoch === 0 ? epoch : Math.min(this.report.epoch, this.askedEpoch - 1),
      copies,
      vacant: flatSlotRanges(vacant, () => true),
      streams: this.streams(),
    };
  }

  private streams(): readonly StreamTold[] {
    return this.targets.map(({ node, slots }) => {
      const report = this.report.targets.find(({ id }) => id === node.id);
      const { lag = 0, error = null, synced = [] } = report ?? {};
      return { target: node.id, slots: slots.length, synced: synced.length, lag, error: toldError(error) };
    });
  }

  private doubt(slot: number, doubt: number): void {
    this.doubts[slot] = doubt;
    this.doubtCount += 1;
  }

  /** Whether nothing has changed that the mover is directed by: flags other than OWNED, which others change by the way, are none of that. */
  private isDirected(topology: Topology, { words }: SlotImage): boolean {
    if (this.directed?.topology !== topology) return false;
    const before = this.directed.words;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (((words[slot]! ^ before[slot]!) & OWNED) !== 0) return false;
    return true;
  }

  /** The mover has said what there is of the slots that were asked for; those of which it is not whole are returned. */
  private settleDoubts(): readonly number[] {
    const whole = new Uint8Array(SLOT_COUNT);
    for (const { slots } of this.report.kept) for (const slot of slots) whole[slot] = 1;
    const asked = slotsWhere((slot) => this.doubts[slot] === Doubt.asked);
    this.directed = null;
    for (const slot of asked) {
      this.doubts[slot] = Doubt.none;
      this.copies.forget(slot);
    }
    this.doubtCount -= asked.length;
    return asked.filter((slot) => whole[slot] === 0);
  }

  private directCopies(topology: Topology, { words }: SlotImage): void {
    const slots = new SlotLists(topology.nodes.length);
    const kept: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const state = this.copies.stateOf(slot);
      if (state === CopyState.kept) kept.push(slot);
      // A move may have brought the slot here before the topology says so.
      if (state === CopyState.copying && (words[slot]! & OWNED) === 0) slots.add(topology.ownerIndex(slot), slot);
    }
    const { restarted } = this;
    this.restarted = [];
    const wanted = { sources: slots.assignments(topology), kept: { epoch: topology.epoch, slots: kept } };
    if (restarted.length === 0 && this.wanted !== null && isSameWanted(wanted, this.wanted)) return;
    if (restarted.length > 0) {
      // Taken away and given again, it is new to both ends.
      const gone = new Set(restarted);
      const sources = wanted.sources.map((one) => ({ ...one, slots: one.slots.filter((slot) => !gone.has(slot)) }));
      this.output.add({ type: 'copyFrom', ...wanted, sources: sources.filter(({ slots: left }) => left.length > 0) });
    }
    this.wanted = wanted;
    this.output.add({ type: 'copyFrom', ...wanted });
  }

  private directStreams(topology: Topology, { words, selfIndex }: SlotImage): void {
    const slots = new SlotLists(topology.nodes.length);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (selfIndex === NO_NODE || topology.ownerIndex(slot) !== selfIndex || (words[slot]! & OWNED) === 0) continue;
      for (let n = 0; n < topology.replicaCount; n += 1) {
        const index = topology.replicaIndex(slot, n);
        if (index !== NO_NODE && !topology.isKept(slot, n)) slots.add(index, slot);
      }
    }
    const targets = slots.assignments(topology);
    if (isSameAssignments(targets, this.targets)) return;
    this.targets = targets;
    this.output.add({ type: 'replicateTo', targets });
  }

  private setReport(report: ReplicaReport): void {
    this.report = report;
    this.synced.fill(0);
    for (const { synced } of report.sources) {
      // What was reported before this node began to copy is of another time.
      for (const slot of synced) if (report.epoch >= this.copies.begunEpoch(slot)) this.synced[slot] = 1;
    }
  }
}

function slotsWhere(is: (slot: number) => boolean): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (is(slot)) slots.push(slot);
  return slots;
}

/** Slots by the index of a node. */
class SlotLists {
  private readonly lists: (number[] | undefined)[];
  /** Those that have any, as they came. */
  private readonly indexes: number[] = [];

  constructor(nodeCount: number) {
    this.lists = new Array<number[] | undefined>(nodeCount).fill(undefined);
  }

  add(index: number, slot: number): void {
    const list = this.lists[index];
    if (list !== undefined) {
      list.push(slot);
      return;
    }
    this.lists[index] = [slot];
    this.indexes.push(index);
  }

  assignments({ nodes }: Topology): readonly ReplicaAssignment[] {
    return this.indexes.map((index) => ({ node: nodes[index]!, slots: this.lists[index]! }));
  }
}

function toldError(error: string | null): string | null {
  return error === null ? null : error.slice(0, TEXT_LENGTH_MAX);
}

function isSameWanted(left: CopiesWanted, right: CopiesWanted): boolean {
  const isSameKept = left.kept.epoch === right.kept.epoch && isSame(left.kept.slots, right.kept.slots);
  return isSameKept && isSameAssignments(left.sources, right.sources);
}

function isSameAssignments(left: readonly ReplicaAssignment[], right: readonly ReplicaAssignment[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ node, slots }, at) => {
      const other = right[at]!;
      const { id, host, peerPort } = other.node;
      return node.id === id && node.host === host && node.peerPort === peerPort && isSame(slots, other.slots);
    })
  );
}

function isSame(left: readonly number[], right: readonly number[]): boolean {
  if (left === right) return true;
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
}
