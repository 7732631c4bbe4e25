/**
 * What this node has of slots that it does not serve, and of which owner's time it is (`Topology.sinceOf`): the memory on which it decides whether a slot that it gets may be served with what is there.
 * Part of the agent.
 *
 *     none ─► copying ─(the owner has ended, or a new one has not been copied yet)─► kept ─► none
 *     owner ─(handed over)─► own ─► none
 *     disk ─► stored ─► none
 *
 * `copying`: the mover takes the owner's changes; whether the copy is whole, the mover knows. `kept`: nothing is added to it, and the mover has noted how far it
 * goes. `own`: all that this node had when it handed the slot over. `stored`: all that it had when it was last in the cluster, under another id; kept until the coordinator says that it is of no use. A topology may be many epochs behind the last one, so a copy is of use
 * only if the topology names the very time that it is of.
 */
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE, type Topology } from '../topology/topology.ts';

export const CopyState = { none: 0, copying: 1, kept: 2, own: 3, stored: 4 } as const;
export type CopyState = (typeof CopyState)[keyof typeof CopyState];

export interface CopyChanges {
  /** Slots that this node owns now and that have, perhaps, a whole copy: what there is of it is to be asked. */
  readonly continued: readonly number[];
  /** The same, of which this node cannot know whether others have better ones. */
  readonly unsure: readonly number[];
  /** Slots that this node owns now, and what is in them is of no use. */
  readonly gained: readonly number[];
  /** Slots that are none of this node's business any more. */
  readonly lost: readonly number[];
  /** Slots that are to be copied from the same owner as before, who was not their owner in between. */
  readonly restarted: readonly number[];
  /** Slots whose copy nothing is added to any more. */
  readonly frozenCount: number;
}

export interface CopyChangesInput {
  readonly before: Topology;
  readonly after: Topology;
  readonly selfId: string;
  /** Whether the slot was this node's to serve, with all that was in it. */
  readonly wasOurs: (slot: number) => boolean;
  /** Whether there may be anything in the slot beside copies. */
  readonly mayHaveItems: (slot: number) => boolean;
  /** Whether what is done about the slot goes on as it is. */
  readonly isContinuing: (slot: number) => boolean;
  /** Whether this node has claimed what it owned, on its disk. */
  readonly keepsData: boolean;
}

export class SlotCopies {
  private readonly states = new Uint8Array(SLOT_COUNT);
  /** The owner's time that the copy is of. */
  private readonly times = new Uint32Array(SLOT_COUNT);
  /** The epoch of the topology by which this node began to copy. */
  private readonly begun = new Uint32Array(SLOT_COUNT);

  stateOf(slot: number): CopyState {
    return this.states[slot] as CopyState;
  }

  /** Ascending. */
  slotsIn(state: CopyState): number[] {
    const { states } = this;
    const slots: number[] = [];
    for (let slot = states.indexOf(state); slot >= 0; slot = states.indexOf(state, slot + 1)) slots.push(slot);
    return slots;
  }

  /** The epoch of the topology by which this node began to copy `slot`; what the mover said before says nothing of it. */
  begunEpoch(slot: number): number {
    return this.begun[slot]!;
  }

  /** Everything was deleted. */
  clear(): void {
    this.states.fill(CopyState.none);
  }

  /** All that an owner of `slot` had at the end of its time `time` is here. */
  store(slot: number, time: number): void {
    this.states[slot] = CopyState.stored;
    this.times[slot] = time;
  }

  /** The slot is served with what was copied, or it was emptied. */
  forget(slot: number): void {
    this.states[slot] = CopyState.none;
  }

  takeTopology(input: CopyChangesInput): CopyChanges {
    const { before, after, selfId, wasOurs, mayHaveItems, isContinuing } = input;
    const selfIndex = after.indexOf(selfId);
    const indexBefore = before.indexOf(selfId);
    const continued: number[] = [];
    const unsure: number[] = [];
    const gained: number[] = [];
    const lost: number[] = [];
    const restarted: number[] = [];
    let frozenCount = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (isContinuing(slot)) {
        // What a move brings has taken its place.
        if (this.states[slot] === CopyState.stored) this.states[slot] = CopyState.none;
        continue;
      }
      const wasCopying = this.states[slot] === CopyState.copying;
      if (after.ownerIndex(slot) === selfIndex) {
        if (wasOurs(slot)) {
          this.states[slot] = CopyState.none;
          continue;
        }
        const isOfUse = this.keep(slot, after.beforeOf(slot), before, indexBefore);
        if (wasCopying) frozenCount += 1;
        if (after.isUnsure(slot)) unsure.push(slot);
        else if (isOfUse) continued.push(slot);
        else gained.push(slot);
        continue;
      }
      const n = after.columnOf(slot, selfIndex);
      if (n >= 0) {
        if (this.takeColumn(input, slot, n, indexBefore)) restarted.push(slot);
        if (wasCopying && this.states[slot] !== CopyState.copying) frozenCount += 1;
        continue;
      }
      if (this.states[slot] === CopyState.stored) continue;
      if (input.keepsData && isUnsettled(input, slot, indexBefore)) {
        this.store(slot, before.sinceOf(slot));
        continue;
      }
      const wasColumn = indexBefore !== NO_NODE && before.columnOf(slot, indexBefore) >= 0;
      if (wasColumn || this.states[slot] !== CopyState.none || mayHaveItems(slot)) lost.push(slot);
      this.states[slot] = CopyState.none;
    }
    return { continued, unsure, gained, lost, restarted, frozenCount };
  }

  /** This node is replica `n` of `slot`. Returns whether its copy begins anew from the same owner. */
  private takeColumn({ before, after }: CopyChangesInput, slot: number, n: number, indexBefore: number): boolean {
    const isKept = after.isKept(slot, n);
    if (isKept || after.ownerIndex(slot) === NO_NODE) {
      this.keep(slot, isKept ? after.beforeOf(slot) : after.sinceOf(slot), before, indexBefore);
      return false;
    }
    const time = after.sinceOf(slot);
    const wasCopying = this.states[slot] === CopyState.copying;
    if (wasCopying && this.times[slot] === time) return false;
    this.states[slot] = CopyState.copying;
    this.times[slot] = time;
    this.begun[slot] = after.epoch;
    return wasCopying && before.ownerOf(slot)?.id === after.ownerOf(slot)?.id;
  }

  /** Keeps what there is of the owner's time `time`. False where there is nothing of it. */
  private keep(slot: number, time: number, before: Topology, indexBefore: number): boolean {
    const state = this.states[slot]!;
    const wasOwner = indexBefore !== NO_NODE && before.ownerIndex(slot) === indexBefore;
    if (time !== 0 && wasOwner && before.sinceOf(slot) === time && !before.isUnsure(slot)) {
      this.states[slot] = CopyState.own;
    } else if (time !== 0 && state !== CopyState.none && this.times[slot] === time) {
      if (state === CopyState.copying) this.states[slot] = CopyState.kept;
    } else {
      this.states[slot] = CopyState.none;
      return false;
    }
    this.times[slot] = time;
    return true;
  }
}

/** Whether this node owned the slot, and nobody has served it since, as far as the topology says: it may be asked for what it has. */
function isUnsettled({ before, after }: CopyChangesInput, slot: number, indexBefore: number): boolean {
  if (indexBefore === NO_NODE || before.ownerIndex(slot) !== indexBefore || before.isUnsure(slot)) return false;
  const time = before.sinceOf(slot);
  const isOwnerless = time !== 0 && after.ownerIndex(slot) === NO_NODE;
  return isOwnerless && (after.beforeOf(slot) === time || after.sinceOf(slot) === time);
}
