import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { Histogram } from './histogram.ts';

/** Values over many doublings, as latencies in ns are. */
function manyValues(seed: number, count: number, doublingsMax: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => Math.floor(2 ** (doublingsMax * random())));
}

describe('a quantile', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('is at most 1/128 above the exact one, and never below (seed %d)', (seed) => {
    const values = manyValues(seed, 5_000, 4 + 6 * (seed % 8));
    const histogram = new Histogram();
    for (const value of values) histogram.record(value);
    values.sort((a, b) => a - b);
    for (const fraction of [0.0001, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1]) {
      const exact = values[Math.ceil(values.length * fraction) - 1]!;
      expect(histogram.quantile(fraction)).toBeGreaterThanOrEqual(exact);
      expect(histogram.quantile(fraction)).toBeLessThanOrEqual(exact * (1 + 1 / 128));
    }
    expect(histogram.max).toBe(values.at(-1)!);
    expect(histogram.min).toBe(values[0]!);
    expect(histogram.mean / (values.reduce((sum, value) => sum + value, 0) / values.length)).toBeCloseTo(1, 9);
  });

  test('on both sides of each power of two', () => {
    for (let power = 1; power < 48; power += 1) {
      for (const value of [2 ** power - 1, 2 ** power]) {
        const histogram = new Histogram();
        histogram.record(value);
        histogram.record(2 ** 48);
        expect(histogram.quantile(0.5)).toBeGreaterThanOrEqual(value);
        expect(histogram.quantile(0.5)).toBeLessThanOrEqual(value * (1 + 1 / 128));
      }
    }
  });
});

test('values outside the range count at its ends', () => {
  const histogram = new Histogram();
  for (const value of [0, -5, 0.5]) histogram.record(value);
  expect(histogram.max).toBe(1);
  histogram.record(1e18);
  expect(histogram.count).toBe(4);
  expect(histogram.quantile(0.5)).toBe(1);
  expect(histogram.quantile(1)).toBe(2 ** 48 - 1);
});

test('no record: no figures', () => {
  const histogram = new Histogram();
  expect([histogram.count, histogram.min, histogram.max, histogram.quantile(0.5)]).toEqual([0, 0, 0, 0]);
  expect(histogram.mean).toBeNaN();
});

test('two added are as one that counted all; a cleared one is as new', () => {
  const values = manyValues(9, 2_000, 40);
  const all = new Histogram();
  const parts = [new Histogram(), new Histogram()] as const;
  values.forEach((value, i) => {
    all.record(value);
    parts[i % 3 === 0 ? 0 : 1].record(value);
  });
  parts[0].add(parts[1]);
  expect(parts[0]).toEqual(all);
  all.clear();
  expect(all).toEqual(new Histogram());
});

test('a histogram comes back whole from its parts, beside what was counted before', () => {
  const source = new Histogram();
  for (const value of [3, 900, 900, 2 ** 40]) source.record(value);
  const target = new Histogram();
  target.record(70);
  target.addParts(JSON.parse(JSON.stringify(source.toParts())));
  const both = new Histogram();
  both.record(70);
  both.add(source);
  expect(target).toEqual(both);
  target.addParts(new Histogram().toParts());
  expect(target).toEqual(both);
});
