/** The figures of every benchmark pass through these: they are checked against exact ones. */
import { expect, test } from 'bun:test';
import { median, quantile, spread } from './statistics.ts';

test('the median of an even count is the mean of the two in the middle', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('the spread is the median between the ends, and the width of the middle half', () => {
  expect(spread([4, 1, 3])).toEqual({ median: 3, min: 1, max: 4, interquartile: 1.5 });
  expect(spread([7])).toEqual({ median: 7, min: 7, max: 7, interquartile: 0 });
  expect(Object.values(spread([]))).toEqual([NaN, NaN, NaN, NaN]);
});

test('a quantile lies between two values in proportion', () => {
  const values = [40, 10, 30, 20];
  expect(quantile(values, 0)).toBe(10);
  expect(quantile(values, 1)).toBe(40);
  expect(quantile(values, 0.5)).toBe(25);
  expect(quantile(values, 0.25)).toBe(17.5);
  expect(quantile([], 0.5)).toBeNaN();
});
