/** Slots as ranges, both ends of which belong to them, and back: short enough for people, for JSON and for replies. */
import { SLOT_COUNT } from './slots.ts';
import { invalid } from './topology-checks.ts';

/** The first and the last of slots that follow one another. */
export type SlotRange = readonly [first: number, last: number];

/** The ranges of `slots`, which ascend: as few as can be, in order. */
export function slotRanges(slots: Iterable<number>): SlotRange[] {
  const ranges: SlotRange[] = [];
  let first = -1;
  let last = -1;
  for (const slot of slots) {
    if (last >= 0 && slot !== last + 1) ranges.push([first, last]);
    if (last < 0 || slot !== last + 1) first = slot;
    last = slot;
  }
  if (last >= 0) ranges.push([first, last]);
  return ranges;
}

/** The ranges of those of `slots`, which ascend, for which `is` says so: first and last of one after the other. */
export function flatSlotRanges(slots: readonly number[], is: (slot: number) => boolean): number[] {
  const flat: number[] = [];
  let last = -2;
  for (const slot of slots) {
    if (!is(slot)) continue;
    if (slot !== last + 1) {
      if (last >= 0) flat.push(last);
      flat.push(slot);
    }
    last = slot;
  }
  if (last >= 0) flat.push(last);
  return flat;
}

/** The slots of `ranges`, ascending. Throws `InvalidTopology` where they are out of order, overlap, or are no slots. */
export function slotsOfRanges(ranges: Iterable<SlotRange>): number[] {
  const slots: number[] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < next || last < first || last >= SLOT_COUNT) {
      throw invalid(`the slots ${first} to ${last} are no range of 0 to ${SLOT_COUNT - 1} behind those before`);
    }
    for (let slot = first; slot <= last; slot += 1) slots.push(slot);
    next = last + 1;
  }
  return slots;
}
