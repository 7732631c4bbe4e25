import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { uniformKeys } from './key-choice.ts';
import { MixedSource, type MixOptions, PreloadSource, uniformBytes } from './operation-source.ts';

function mixed(options: Partial<MixOptions> = {}): MixedSource {
  const random = seededRandom(1);
  return new MixedSource({
    readShare: 0.7,
    chooseKey: uniformKeys(100, random),
    chooseBytes: uniformBytes(10, 20, random),
    random,
    operationsMax: Infinity,
    durationNs: Infinity,
    ratePerSecond: 0,
    ...options,
  });
}

test('a preload writes each key once, in order', () => {
  const source = new PreloadSource(3, () => 7);
  source.begin();
  const keys: number[] = [];
  while (source.take(5)) {
    keys.push(source.key);
    expect([source.isRead, source.valueBytes, source.sinceNs]).toEqual([false, 7, 5]);
  }
  expect(keys).toEqual([0, 1, 2]);
  expect(source.isExhausted()).toBeTrue();
});

describe('a mix', () => {
  test('has the share of reads, and values in their range', () => {
    const source = mixed();
    source.begin(0);
    let reads = 0;
    for (let i = 0; i < 20_000; i += 1) {
      expect(source.take(i)).toBeTrue();
      expect(source.sinceNs).toBe(i);
      if (source.isRead) reads += 1;
      else expect(source.valueBytes).toBeWithin(10, 21);
      expect(source.key).toBeWithin(0, 100);
    }
    expect(reads / 20_000).toBeCloseTo(0.7, 1);
  });

  test.each([
    [0, 0],
    [1, 1],
  ])('a share of %d is exact', (readShare, expected) => {
    const source = mixed({ readShare });
    source.begin(0);
    for (let i = 0; i < 1000; i += 1) {
      source.take(i);
      expect(Number(source.isRead)).toBe(expected);
    }
  });

  test('ends by count', () => {
    const source = mixed({ operationsMax: 2 });
    source.begin(0);
    expect([source.take(1), source.take(1), source.take(1)]).toEqual([true, true, false]);
    expect(source.isExhausted(1)).toBeTrue();
    expect(source.plannedCount).toBe(2);
  });

  test('ends by time', () => {
    const source = mixed({ durationNs: 100 });
    source.begin(1000);
    expect(source.take(1099)).toBeTrue();
    expect(source.isExhausted(1099)).toBeFalse();
    expect(source.take(1100)).toBeFalse();
    expect(source.isExhausted(1100)).toBeTrue();
    expect(source.overdueCount(2000)).toBe(0);
  });
});

describe('an open loop', () => {
  test('gives each operation its time, and counts from there however late it is taken', () => {
    const source = mixed({ ratePerSecond: 1e8 });
    source.begin(1000);
    expect(source.take(1000)).toBeTrue();
    expect(source.take(1009)).toBeFalse();
    expect(source.nextDueNs()).toBe(1010);
    for (const since of [1010, 1020, 1030]) {
      expect(source.take(1035)).toBeTrue();
      expect(source.sinceNs).toBe(since);
    }
    expect(source.take(1035)).toBeFalse();
  });

  test('counts what was due and not taken', () => {
    const source = mixed({ ratePerSecond: 1e8, durationNs: 100 });
    source.begin(1000);
    source.take(1000);
    expect(source.overdueCount(1015)).toBe(1);
    expect(source.overdueCount(5000)).toBe(9);
    expect(source.plannedCount).toBe(10);
    const limited = mixed({ ratePerSecond: 1e8, operationsMax: 3 });
    limited.begin(1000);
    expect(limited.overdueCount(5000)).toBe(3);
  });
});

test('lengths reach both ends of their range', () => {
  const choose = uniformBytes(3, 5, seededRandom(2));
  expect(new Set(Array.from({ length: 200 }, choose))).toEqual(new Set([3, 4, 5]));
  expect(uniformBytes(9, 9, seededRandom(2))()).toBe(9);
});
