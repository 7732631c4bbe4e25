/**
 * What a node that keeps its data claims of its slots, and what it tells of what it found on its disk when it started (docs/adr/0024-persistence-in-a-cluster.md). Part of the agent.
 *
 *     slots that are served ─► claim ─► mover ─(on disk)─► claimed ─► heartbeat: the epoch by which all is claimed
 *     a move that is complete ─► claim ─────────────────► claimed ─► the hand-over is answered
 *     slots found on disk ─► heartbeat, until they are this node's, or of no use
 *
 * A claim stands in the log behind all that the slot had before, and before all that is written there from then on. So what is served need not wait for it: whoever is told that
 * a write is on disk is told so of the claim, too. Only a move waits, whose source deletes what it had.
 */
import type { DiskTold } from '../protocol/cluster/messages.ts';
import { CLAIM_TAKEN, type SlotNote, SlotNoteList } from '../store/slot-notes.ts';
import { slotRanges } from '../topology/slot-ranges.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { SlotMove, Topology } from '../topology/topology.ts';
import type { AgentOutput } from './agent-output.ts';
import { CopyState, type SlotCopies } from './slot-copies.ts';
import { OWNED, type SlotImage } from './slot-table.ts';

export interface NodeDisk {
  /** Of the data set: who has it is the node that had it before. */
  readonly dataSet: string;
  /** What was found there. */
  readonly claims: readonly SlotNote[];
}

export class DiskDuties {
  private readonly output: AgentOutput;
  private readonly dataSet: string;
  private readonly copies: SlotCopies;
  /** By slot, what was claimed last; 0: nothing. */
  private readonly times = new Uint32Array(SLOT_COUNT);
  private readonly flags = new Uint8Array(SLOT_COUNT);
  /** Claims that are not on disk yet, with the epoch of the topology by which they were made. */
  private readonly waiting = new Map<number, number>();
  private nextClaimId = 1;
  /** All that this node serves by the topology of this epoch is claimed on its disk. */
  private claimedEpoch = 0;

  constructor(output: AgentOutput, disk: NodeDisk, copies: SlotCopies) {
    this.output = output;
    this.dataSet = disk.dataSet;
    this.copies = copies;
    for (const note of disk.claims) this.noted(note);
    this.keepAll();
  }

  /** Slots of which there is nothing to be kept. */
  unclaimedSlots(): readonly number[] {
    return slotsWhere((slot) => this.times[slot] === 0);
  }

  claimedSlots(): readonly number[] {
    return slotsWhere((slot) => this.times[slot] !== 0);
  }

  /** This node was removed: what it owned is kept as what is found on a disk. */
  keepAll(): void {
    this.waiting.clear();
    this.claimedEpoch = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1)
      if (this.times[slot] !== 0) this.copies.store(slot, this.times[slot]!);
  }

  /** All items of `slots` are to be deleted. */
  purged(slots: readonly number[]): void {
    for (const slot of slots) this.times[slot] = 0;
  }

  /** Claims what `image` serves and was not claimed. `withheldCount`: slots of this node's that it does not serve yet. */
  claimServed(topology: Topology, { words, selfIndex }: SlotImage, withheldCount: number): void {
    const list = new SlotNoteList();
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if ((words[slot]! & OWNED) === 0) continue;
      const time = topology.sinceOf(slot);
      const flags = topology.ownerIndex(slot) === selfIndex ? 0 : CLAIM_TAKEN;
      if (time === 0 || (this.times[slot] === time && this.flags[slot] === flags)) continue;
      list.add(slot, time, flags);
    }
    const { notes } = list;
    if (notes.length > 0) this.claim(notes, withheldCount === 0 ? topology.epoch : 0);
    else if (withheldCount === 0 && this.waiting.size === 0) this.claimedEpoch = topology.epoch;
  }

  /** Claims the slots of a move to this node, all of which are here. Returns the id under which `claimed` says that it is on disk. */
  takeOver({ slots }: SlotMove, topology: Topology): number {
    const list = new SlotNoteList();
    for (const slot of slots) list.add(slot, topology.sinceOf(slot), CLAIM_TAKEN);
    return this.claim(list.notes, 0);
  }

  /** The source goes on with the slots of a move that were claimed. */
  takeBack({ slots }: SlotMove): void {
    this.claim([{ time: 0, flags: 0, slots }], 0);
  }

  /** A claim is on disk, with all before it. Returns whether that is news for the coordinator. */
  claimed(claimId: number): boolean {
    const epoch = this.waiting.get(claimId);
    if (epoch === undefined) return false;
    this.waiting.delete(claimId);
    if (epoch <= this.claimedEpoch) return false;
    this.claimedEpoch = epoch;
    return true;
  }

  /** What the coordinator hears. */
  told(): DiskTold {
    const list = new SlotNoteList();
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.copies.stateOf(slot) !== CopyState.stored || this.times[slot] === 0) continue;
      list.add(slot, this.times[slot]!, this.flags[slot]!);
    }
    const copies = list.notes.map(({ time, flags, slots }) => ({
      time,
      isTaken: flags === CLAIM_TAKEN,
      slots: slotRanges(slots).flat(),
    }));
    return { dataSet: this.dataSet, epoch: this.claimedEpoch, copies };
  }

  private claim(notes: readonly SlotNote[], epoch: number): number {
    const claimId = this.nextClaimId;
    this.nextClaimId += 1;
    for (const note of notes) this.noted(note);
    this.waiting.set(claimId, epoch);
    this.output.add({ type: 'claim', claimId, notes });
    return claimId;
  }

  private noted({ time, flags, slots }: SlotNote): void {
    for (const slot of slots) {
      this.times[slot] = time;
      this.flags[slot] = flags;
    }
  }
}

function slotsWhere(is: (slot: number) => boolean): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (is(slot)) slots.push(slot);
  return slots;
}
