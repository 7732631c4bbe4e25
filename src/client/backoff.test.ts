import { expect, test } from 'bun:test';
import { Backoff } from './backoff.ts';

function waits(random01: number, count: number): number[] {
  const backoff = new Backoff({ firstMs: 50, longestMs: 1000 }, () => random01);
  return Array.from({ length: count }, () => backoff.nextMs());
}

test('waits double up to the longest', () => {
  expect(waits(1, 7)).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
});

test('chance takes off half at most', () => {
  expect(waits(0, 3)).toEqual([25, 50, 100]);
});

test('a success begins again', () => {
  const backoff = new Backoff({ firstMs: 50, longestMs: 1000 }, () => 1);
  backoff.nextMs();
  backoff.nextMs();
  backoff.reset();
  expect(backoff.nextMs()).toBe(50);
});

test('any number of failures gives a wait that is finite', () => {
  const all = waits(1, 2000);
  expect(all.at(-1)).toBe(1000);
});
