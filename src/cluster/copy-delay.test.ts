/** When a full copy is tried again. */
import { expect, test } from 'bun:test';
import { CopyDelay } from './copy-delay.ts';

test('the first copy is tried again at once, the next ones less and less often, and a failed one never at once', () => {
  const delay = new CopyDelay();
  const times = Array.from({ length: 8 }, () => delay.next(5, false) - 5);
  expect(times).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(delay.next(100_000, false)).toBe(100_000);
  expect(delay.next(100_010, false)).toBe(101_010);
  expect(new CopyDelay().next(7, true)).toBe(1007);
});
