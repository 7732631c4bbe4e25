/**
 * What a new topology does to the slots of this node, compared with what its slot table said before: which of them it gets and must clear
 * of old data first, which it loses and is to delete, and which are fenced by a promise. Pure but for the fences that it raises.
 */
import { SLOT_COUNT } from '../topology/slots.ts';
import type { ReplicaDuties } from './replica-duties.ts';
import { NO_NODE, type SlotMove, type Topology } from '../topology/topology.ts';
import { HANDED, IMPORTING, OWNED, OWNER_MASK, PAUSED } from './slot-table.ts';
import type { SlotFences } from './slot-fences.ts';

export interface SlotChangesInput {
  /** The words of the slot table before. */
  readonly words: Int32Array;
  readonly before: Topology;
  readonly topology: Topology;
  readonly selfId: string;
  /** Moves of this node that go on. */
  readonly continuing: readonly SlotMove[];
  /** Moves that brought this node items and ended without a handover. */
  readonly unfinished: readonly SlotMove[];
  /** Moves from this node that are over and whose target, which is gone, perhaps served. */
  readonly perhapsHanded: readonly SlotMove[];
  /** Whether this node keeps its data on disk. */
  readonly keepsData: boolean;
  /** Told of the change where slots have a lineage. */
  readonly duties: ReplicaDuties;
}

export interface SlotChanges {
  /** This node owns them and may have old items in them. */
  readonly gained: readonly number[];
  /** This node does not own them (any more) and may have items in them. */
  readonly lost: readonly number[];
}

export function slotChanges(input: SlotChangesInput): SlotChanges {
  const { words, topology, selfId, duties } = input;
  const selfIndex = topology.node(selfId) === null ? -1 : topology.indexOf(selfId);
  const continuing = slotSet(input.continuing);
  const unfinished = slotSet(input.unfinished);
  const worthless = slotSet(input.perhapsHanded);
  if (topology.lineage !== null || input.before.lineage !== null) {
    const indexBefore = input.before.indexOf(selfId);
    return duties.takeTopology({
      before: input.before,
      after: topology,
      selfId,
      keepsData: input.keepsData,
      isContinuing: (slot) => continuing[slot] !== 0,
      wasOurs: (slot) => isOurTime(input, slot, indexBefore, worthless),
      mayHaveItems: (slot) => (words[slot]! & (OWNED | PAUSED | HANDED | IMPORTING)) !== 0 || unfinished[slot] !== 0,
    });
  }
  const gained: number[] = [];
  const lost: number[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (continuing[slot] !== 0) continue;
    const word = words[slot]!;
    // Held back (PAUSED alone) is ours too: what had to be deleted is, or is being.
    const wasOurs = (word & (OWNED | PAUSED)) !== 0;
    if (topology.ownerIndex(slot) === selfIndex) {
      if (!wasOurs || worthless[slot] !== 0) gained.push(slot);
    } else if (wasOurs || (word & (HANDED | IMPORTING)) !== 0 || unfinished[slot] !== 0) {
      lost.push(slot);
    }
  }
  return { gained, lost };
}

/**
 * Where slots have copies, a time of ours that goes on is ours with all that is in it, also where the target of a move may have served meanwhile and is gone: what it
 * accepted is lost, and what a replica had confirmed before is here.
 */
function isOurTime(
  { words, before, topology, duties }: SlotChangesInput,
  slot: number,
  indexBefore: number,
  worthless: Uint8Array,
): boolean {
  if (duties.isInDoubt(slot)) return false;
  const wasOwner = indexBefore !== NO_NODE && before.ownerIndex(slot) === indexBefore;
  const isSameTime = topology.lineage !== null && wasOwner && before.sinceOf(slot) === topology.sinceOf(slot);
  return isSameTime || ((words[slot]! & (OWNED | PAUSED)) !== 0 && worthless[slot] === 0);
}

/**
 * Raises the fences of the nodes that hold a promise: over each slot that one of them may be serving and that the topology gives to
 * somebody else. `words` and `before` say who served until now as far as this node knows, `unsure` where that may be a move's target.
 */
export function raiseFences(
  fences: SlotFences,
  input: {
    readonly words: Int32Array;
    readonly before: Topology;
    readonly after: Topology;
    readonly unsure: readonly SlotMove[];
    readonly nowMs: number;
  },
): void {
  const { words, before, after, unsure, nowMs } = input;
  for (const nodeId of fences.promised(nowMs)) {
    const index = before.indexOf(nodeId);
    if (index === NO_NODE) continue;
    const afterIndex = after.node(nodeId) === null ? -1 : after.indexOf(nodeId);
    const raise = (slot: number): void => {
      if (after.ownerIndex(slot) !== afterIndex) fences.raise(slot, nodeId);
    };
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const word = words[slot]!;
      if ((word & OWNED) === 0 && (word & OWNER_MASK) === index) raise(slot);
    }
    // A move's target may have taken over, which only its source knows for certain.
    for (const { to, slots } of before.moves) {
      if (to === nodeId) for (const slot of slots) if ((words[slot]! & OWNED) === 0) raise(slot);
    }
    for (const { to, slots } of unsure) if (to === nodeId) for (const slot of slots) raise(slot);
  }
}

function slotSet(moves: readonly SlotMove[]): Uint8Array {
  const set = new Uint8Array(SLOT_COUNT);
  for (const { slots } of moves) for (const slot of slots) set[slot] = 1;
  return set;
}
