/** The figures of every benchmark pass through these: they are checked against exact ones. */
import { expect, test } from 'bun:test';
import { median, spread } from './statistics.ts';

test('the median of an even count is the mean of the two in the middle', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('the spread is the median between the ends', () => {
  expect(spread([4, 1, 3])).toEqual({ median: 3, min: 1, max: 4 });
});
