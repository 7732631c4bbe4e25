import { expect, test } from 'bun:test';
import { BatchClock } from './batch-clock.ts';
import { CommandStatistics } from './command-statistics.ts';

/** Batches of one command each. A test says what time it is; the wall clock is 1000 ms ahead. */
function clockAt(startMs: number) {
  const statistics = new CommandStatistics(1);
  const now = { ms: startMs, wallReads: 0 };
  const nowMs = (): number => {
    now.wallReads += 1;
    return now.ms + 1000;
  };
  const times = new BatchClock({ nowMs, monotonicMs: () => now.ms }, statistics);
  const batch = (lastsMs: number): number => {
    times.begin();
    statistics.record(0);
    now.ms += lastsMs;
    times.end();
    return times.nowMs;
  };
  return { times, statistics, now, batch };
}

test('a batch outside a group is timed by itself', () => {
  const { statistics, now, batch } = clockAt(5);
  expect(batch(2)).toBe(1005);
  now.ms += 100;
  expect(batch(3)).toBe(1107);
  expect(statistics.microseconds[0]).toBe(5000);
});

test('batches of a group last until the next one begins, the last one until its end', () => {
  const { times, statistics, now, batch } = clockAt(5);
  times.beginGroup();
  batch(2);
  expect([statistics.calls[0], statistics.microseconds[0]]).toEqual([0, 0]);
  now.ms += 1;
  batch(4);
  expect([statistics.calls[0], statistics.microseconds[0]]).toEqual([1, 3000]);
  times.endGroup();
  expect([statistics.calls[0], statistics.microseconds[0]]).toEqual([2, 7000]);
  now.ms += 50;
  times.beginGroup();
  times.endGroup();
  expect(statistics.microseconds[0]).toBe(7000);
});

test('the time of day is read anew in each group, and in a group once it is old', () => {
  const { times, now, batch } = clockAt(0);
  times.beginGroup();
  expect([batch(0.05), batch(0.04), now.wallReads]).toEqual([1000, 1000, 1]);
  expect([batch(7), batch(0), now.wallReads]).toEqual([1000, 1007.09, 2]);
  times.endGroup();
  times.beginGroup();
  expect([batch(0), now.wallReads]).toEqual([1007.09, 3]);
  times.endGroup();
  expect([batch(0), batch(0), now.wallReads]).toEqual([1007.09, 1007.09, 5]);
});
