/** How a snapshot leaves the processor to others. */
import { expect, test } from 'bun:test';
import { SnapshotPace } from './snapshot-pace.ts';

/** Steps a snapshot whose slices take `sliceMs` for a second; returns the share of it that they took. */
function shareOf(sliceMs: number): number {
  const pace = new SnapshotPace();
  let nowMs = 0;
  let workMs = 0;
  while (nowMs < 1000) {
    if (pace.begins(nowMs)) {
      nowMs += sliceMs;
      workMs += sliceMs;
    }
    nowMs = Math.max(nowMs, pace.nextMs(nowMs));
  }
  return workMs / nowMs;
}

test('slices take a third of the time, short or long', () => {
  expect(shareOf(0.25)).toBeCloseTo(1 / 3, 2);
  expect(shareOf(1)).toBeCloseTo(1 / 3, 2);
});

test('a disk that makes a slice take long is not made slower', () => {
  expect(shareOf(50)).toBeGreaterThan(0.9);
});

test('being woken early begins no slice', () => {
  const pace = new SnapshotPace();
  expect(pace.begins(10)).toBeTrue();
  expect(pace.nextMs(11)).toBe(11);
  expect(pace.begins(11)).toBeFalse();
  expect(pace.nextMs(11)).toBe(13);
  expect([pace.begins(12.9), pace.begins(13)]).toEqual([false, true]);
});
