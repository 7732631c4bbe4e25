/**
 * Where the items of each slot come from, in a cluster with replicas. A topology that a node applies may be many epochs behind the last one that it knew, so what it says of a slot
 * must stand by itself: who may go on with which copy, and which copies are still needed.
 *
 *     since    the epoch in which its owner got the slot: with the slot it names the owner's time, whose copies are all of one line. While
 *              nobody owns it, that of the last owner.
 *     before   the owner's time out of which this one came: the owner has taken those items over (in a move, or as a copy of them). 0: it began with none.
 *     marks    bits 0 … 3: the replica in this column keeps a copy of the time `before` untouched, which nobody adds to, until enough others have copied the present owner
 *              bit 4: the owner may have taken the slot over before its source died, or not. It serves only if it knows that it has.
 */
import { invalid } from './topology-checks.ts';
import { SLOT_COUNT } from './slots.ts';

/** Each by slot. */
export interface SlotLineage {
  readonly since: Uint32Array;
  readonly before: Uint32Array;
  readonly marks: Uint8Array;
}

/** The mark of a slot whose owner may not have its items. */
export const UNSURE = 16;

/** The highest number of marks. */
export const MARKS_MAX: number = UNSURE | (UNSURE - 1);

/** The mark of the replica in column `n`, 0 to 3, that keeps what it has. */
export function keptMark(n: number): number {
  return 1 << n;
}

export function emptyLineage(): SlotLineage {
  return {
    since: new Uint32Array(SLOT_COUNT),
    before: new Uint32Array(SLOT_COUNT),
    marks: new Uint8Array(SLOT_COUNT),
  };
}

export function copyOf({ since, before, marks }: SlotLineage): SlotLineage {
  return { since: since.slice(), before: before.slice(), marks: marks.slice() };
}

/** `lineage`, which fits owners and replicas; null where it says nothing. Throws `InvalidTopology`. */
export function checkedLineage(
  lineage: SlotLineage,
  { epoch, owners, replicaCount, replicas, noNode }: LineageFacts,
): SlotLineage | null {
  const { since, before, marks } = lineage;
  if (since.length !== SLOT_COUNT || before.length !== SLOT_COUNT || marks.length !== SLOT_COUNT) {
    throw invalid('the lineage of slots is not that of all slots');
  }
  let isEmpty = true;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const mark = marks[slot]!;
    if (since[slot] === 0 && before[slot] === 0 && mark === 0) continue;
    isEmpty = false;
    if (since[slot]! > epoch || before[slot]! > since[slot]!) {
      throw invalid(`slot ${slot} is its owner's since epoch ${since[slot]}, after ${before[slot]}, in epoch ${epoch}`);
    }
    if (mark === 0) continue;
    if (mark > MARKS_MAX) throw invalid(`slot ${slot} has the unknown mark ${mark}`);
    if ((mark & UNSURE) !== 0 && owners[slot] === noNode)
      throw invalid(`slot ${slot} is marked for an owner that it has not`);
    for (let n = 0; n < 4; n += 1) {
      if ((mark & keptMark(n)) === 0 || (n < replicaCount && replicas[slot * replicaCount + n] !== noNode)) continue;
      throw invalid(`slot ${slot} is marked for a replica that it has not`);
    }
  }
  return isEmpty ? null : lineage;
}

interface LineageFacts {
  readonly epoch: number;
  /** As in `TopologyParts`. */
  readonly owners: Uint16Array;
  readonly replicaCount: number;
  readonly replicas: Uint16Array;
  readonly noNode: number;
}
