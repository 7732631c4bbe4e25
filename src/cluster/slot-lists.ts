/** Lists by slot, for loops over all slots: most slots are in the same lists as many others, so there are far fewer lists than slots. Nobody changes them. */
import { SLOT_COUNT } from '../topology/slots.ts';

/** Something that concerns some slots. */
export interface SlotsOf<Item> {
  readonly item: Item;
  readonly slots: readonly number[];
}

/** For each slot the items that concern it, in the order given; slots with the same ones have one list. */
export function listsBySlot<Item>(all: Iterable<SlotsOf<Item>>): readonly (readonly Item[])[] {
  const none: readonly Item[] = [];
  const lists: (readonly Item[])[] = [];
  while (lists.length < SLOT_COUNT) lists.push(none);
  for (const { item, slots } of all) {
    const longer = new Map<readonly Item[], readonly Item[]>();
    let before: readonly Item[] | null = null;
    let after = none;
    for (const slot of slots) {
      if (lists[slot] !== before) {
        before = lists[slot]!;
        after = longer.get(before) ?? [...before, item];
        longer.set(before, after);
      }
      lists[slot] = after;
    }
  }
  return lists;
}
