import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { type SlotRange, slotRanges, slotsOfRanges } from './slot-ranges.ts';
import { SLOT_COUNT } from './slots.ts';

describe('ranges of slots', () => {
  test.each<[number[], SlotRange[]]>([
    [[], []],
    [[0], [[0, 0]]],
    [[5, 6, 7], [[5, 7]]],
    [
      [0, 1, 3, 16_382, 16_383],
      [
        [0, 1],
        [3, 3],
        [16_382, 16_383],
      ],
    ],
  ])('of %j are %j', (slots, ranges) => {
    expect(slotRanges(slots)).toEqual(ranges);
    expect(slotsOfRanges(ranges)).toEqual(slots);
  });

  test('and back are the same slots', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 100; round += 1) {
      const part = random();
      const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter(() => random() < part);
      expect(slotsOfRanges(slotRanges(slots))).toEqual(slots);
    }
  });

  test.each<[SlotRange[]]>([
    [[[1, 0]]],
    [[[-1, 0]]],
    [[[0, SLOT_COUNT]]],
    [[[0.5, 1]]],
    [[[0, Number.NaN]]],
    [
      [
        [0, 5],
        [5, 6],
      ],
    ],
    [
      [
        [7, 8],
        [5, 6],
      ],
    ],
  ])('that are none are refused: %j', (ranges) => {
    expect(() => slotsOfRanges(ranges)).toThrow(expect.objectContaining({ code: 'InvalidTopology' }));
  });
});
