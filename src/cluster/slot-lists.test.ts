/** Which items concern a slot. */
import { expect, test } from 'bun:test';
import { SLOT_COUNT } from '../topology/slots.ts';
import { listsBySlot } from './slot-lists.ts';

test('each slot has the items that concern it, in their order, and one list with others that have the same', () => {
  const lists = listsBySlot([
    { item: 'a', slots: [0, 1, 2, SLOT_COUNT - 1] },
    { item: 'b', slots: [1, 5] },
    { item: 'c', slots: [0, 1, 5] },
  ]);
  expect(lists.length).toBe(SLOT_COUNT);
  expect([0, 1, 2, 3, 5, SLOT_COUNT - 1].map((slot) => lists[slot])).toEqual([
    ['a', 'c'],
    ['a', 'b', 'c'],
    ['a'],
    [],
    ['b', 'c'],
    ['a'],
  ]);
  expect(lists[2]).toBe(lists[SLOT_COUNT - 1]);
});
