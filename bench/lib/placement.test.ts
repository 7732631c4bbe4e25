/** Which cores servers and generator get, and what `--threads` may say. */
import { expect, test } from 'bun:test';
import { describePlacement, parseThreadCounts, place } from './placement.ts';

test('the server gets a core for each thread, the generator all others', () => {
  expect(place(2, 1)).toEqual({ serverCores: [0], generatorCores: [1], shared: false });
  expect(place(8, 2)).toEqual({ serverCores: [0, 1], generatorCores: [2, 3, 4, 5, 6, 7], shared: false });
});

test('where no core would be left, both share all, and it is said', () => {
  const placement = place(2, 2);
  expect(placement).toEqual({ serverCores: [0, 1], generatorCores: [0, 1], shared: true });
  expect(describePlacement(placement)).toBe('server and generator on the same cores 0,1');
  expect(describePlacement(place(4, 2))).toBe('server on core 0,1, generator on core 2,3');
});

test('on one core nothing is pinned', () => {
  expect(place(1, 1)).toEqual({ serverCores: [], generatorCores: [], shared: true });
  expect(describePlacement(place(1, 1))).toBe('nothing pinned');
});

test('thread counts', () => {
  expect(parseThreadCounts(undefined, 1)).toEqual([1]);
  expect(parseThreadCounts(undefined, 6)).toEqual([1, 2, 4, 6]);
  expect(parseThreadCounts(undefined, 8)).toEqual([1, 2, 4, 8]);
  expect(parseThreadCounts('1,3', 2)).toEqual([1, 3]);
  for (const wrong of ['', '0', '1,', 'two', '65', '1.5', '-1']) {
    expect(() => parseThreadCounts(wrong, 2)).toThrow('--threads');
  }
});
