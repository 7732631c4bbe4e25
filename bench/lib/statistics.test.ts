/** The figures of every benchmark pass through these: they are checked against exact ones. */
import { expect, test } from 'bun:test';
import { seededRandom, zipfKeys } from './random.ts';
import { Histogram, median } from './statistics.ts';

test('the median of an even count is the mean of the two in the middle', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('a quantile is at most 1/64 above the exact one, and never below', () => {
  const random = seededRandom(3);
  const values = Array.from({ length: 10_000 }, () => Math.floor(10 ** (1 + 7 * random())));
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  values.sort((a, b) => a - b);
  for (const fraction of [0.001, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.ceil(values.length * fraction) - 1] as number;
    expect(histogram.quantile(fraction)).toBeGreaterThanOrEqual(exact);
    expect(histogram.quantile(fraction)).toBeLessThanOrEqual(exact * (1 + 1 / 64) + 1);
  }
});

test('values outside the range count at its ends', () => {
  const histogram = new Histogram();
  histogram.record(0);
  histogram.record(1e15);
  expect(histogram.count).toBe(2);
  expect(histogram.quantile(0.5)).toBeLessThan(2);
  expect(histogram.quantile(1)).toBe(2 ** 32);
});

test('Zipf with exponent 1 chooses the first key twice as often as the second', () => {
  const choose = zipfKeys(1000, 1, seededRandom(5));
  const counts = new Uint32Array(1000);
  for (let i = 0; i < 200_000; i += 1) counts[choose()]! += 1;
  expect(counts[0]! / counts[1]!).toBeCloseTo(2, 0);
  expect(counts[0]! / counts[9]!).toBeGreaterThan(8);
  expect(counts.every((count) => count > 0)).toBeTrue();
});
