import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { logUniformBytes, uniformKeys, zipfKeys } from './key-choice.ts';

const DRAWS = 200_000;

describe('Zipf', () => {
  /** Chi-squared over the ranks, the rare ones joined: about its degrees of freedom where the law holds. */
  test.each([
    [1000, 0],
    [1000, 0.5],
    [1000, 0.99],
    [1000, 1],
    [1000, 1 + 1e-10],
    [1000, 1.3],
    [1000, 3],
    [2, 1],
    [10, 10],
  ])('%d keys, exponent %d: every rank as often as the law says', (count, exponent) => {
    const choose = zipfKeys(count, exponent, seededRandom(11));
    const seen = new Uint32Array(count);
    for (let i = 0; i < DRAWS; i += 1) seen[choose()]! += 1;

    let weights = 0;
    for (let rank = 1; rank <= count; rank += 1) weights += rank ** -exponent;
    let squares = 0;
    let groups = 0;
    let expected = 0;
    let found = 0;
    for (let key = 0; key < count; key += 1) {
      expected += (DRAWS * (key + 1) ** -exponent) / weights;
      found += seen[key]!;
      if (expected < 20 && key < count - 1) continue;
      if (expected >= 1) {
        squares += (found - expected) ** 2 / expected;
        groups += 1;
      }
      expected = 0;
      found = 0;
    }
    // Five standard deviations above what is expected: seeds are fixed, so this fails for a wrong law only.
    expect(squares).toBeLessThan(groups + 5 * Math.sqrt(2 * groups) + 10);
  });

  test('one key', () => {
    const choose = zipfKeys(1, 1, seededRandom(1));
    for (let i = 0; i < 100; i += 1) expect(choose()).toBe(0);
  });

  test('a hundred million keys: the first as often as its share, and all in range', () => {
    const count = 100_000_000;
    const choose = zipfKeys(count, 1, seededRandom(3));
    let first = 0;
    let highest = 0;
    for (let i = 0; i < DRAWS; i += 1) {
      const key = choose();
      if (key === 0) first += 1;
      highest = Math.max(highest, key);
      if (key < 0 || key >= count || !Number.isInteger(key)) throw new Error(`key ${key}`);
    }
    const share = 1 / (Math.log(count) + 0.5772);
    expect(first / DRAWS).toBeCloseTo(share, 2);
    expect(highest).toBeGreaterThan(count / 2);
  });
});

test('uniform keys reach both ends, each as often as any', () => {
  const choose = uniformKeys(10, seededRandom(4));
  const seen = new Uint32Array(10);
  for (let i = 0; i < DRAWS; i += 1) seen[choose()]! += 1;
  for (const count of seen) expect(count / DRAWS).toBeCloseTo(0.1, 2);
});

test('the same seed chooses the same keys', () => {
  const draws = (seed: number): number[] => {
    const choose = zipfKeys(1000, 0.9, seededRandom(seed));
    return Array.from({ length: 20 }, choose);
  };
  expect(draws(5)).toEqual(draws(5));
  expect(draws(5)).not.toEqual(draws(6));
});

test('sizes: each doubling as likely as the next', () => {
  const random = seededRandom(6);
  const sizes = Array.from({ length: 10_000 }, () => logUniformBytes(16, 4096, random));
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(16);
  expect(Math.max(...sizes)).toBeLessThan(4096);
  expect(sizes.filter((size) => size < 256).length / sizes.length).toBeCloseTo(0.5, 1);
});
