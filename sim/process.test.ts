import { describe, expect, test } from 'bun:test';
import { SimProcess } from './process.ts';
import { Chance } from './randomness.ts';
import { Scheduler } from './scheduler.ts';

function setUp(clockRate = 1): { scheduler: Scheduler; process: SimProcess; runUntil: (timeMs: number) => void } {
  const scheduler = new Scheduler();
  const process = new SimProcess('n1', clockRate, scheduler, new Chance(1, 'process'));
  return {
    scheduler,
    process,
    runUntil: (timeMs) => scheduler.runTo(timeMs),
  };
}

describe('a clock', () => {
  test('goes at its own rate, and timers go by it', () => {
    const { scheduler, process } = setUp(0.5);
    const startMs = process.monotonicMs;
    let firedAtMs = 0;
    process.after(100, () => {
      firedAtMs = scheduler.nowMs;
    });
    scheduler.runNext();
    expect(firedAtMs).toBe(200);
    expect(process.monotonicMs - startMs).toBeCloseTo(100, 6);
  });

  test('goes on during a pause, so a timer that was due is late and never early', () => {
    const { scheduler, process, runUntil } = setUp();
    const wantedMs = process.monotonicMs + 10;
    let firedAtMs = 0;
    process.at(wantedMs, () => {
      firedAtMs = process.monotonicMs;
    });
    process.pause(500);
    runUntil(499);
    expect(firedAtMs).toBe(0);
    runUntil(600);
    expect(firedAtMs).toBeGreaterThan(wantedMs);
    expect(scheduler.nowMs).toBe(600);
  });
});

describe('a pause', () => {
  test('keeps what comes, in order, and lets it go one after the other', () => {
    const { process, runUntil } = setUp();
    const got: number[] = [];
    process.pause(100);
    for (const number of [1, 2, 3]) process.receive(() => got.push(number));
    runUntil(99);
    expect(got).toEqual([]);
    runUntil(101);
    process.receive(() => got.push(4));
    expect(got).toEqual([1, 2, 3, 4]);
  });

  test('in the middle of something goes on with that first', () => {
    const { process, runUntil } = setUp();
    const got: string[] = [];
    process.after(5, () => got.push('timer'));
    process.pause(50, () => got.push('the rest'));
    process.receive(() => got.push('input'));
    runUntil(60);
    expect(got[0]).toBe('the rest');
    expect(got).toHaveLength(3);
  });

  test('may begin again while what waited is worked off', () => {
    const { process, runUntil } = setUp();
    const got: number[] = [];
    process.pause(10);
    process.receive(() => {
      got.push(1);
      process.pause(100);
    });
    process.receive(() => got.push(2));
    runUntil(50);
    expect(got).toEqual([1]);
    runUntil(150);
    expect(got).toEqual([1, 2]);
    expect(process.isRunning).toBe(true);
  });

  test('that is longer than one under way puts its end off, one that is shorter does not', () => {
    const { process, runUntil } = setUp();
    process.pause(100);
    process.pause(10);
    runUntil(50);
    expect(process.isRunning).toBe(false);
    process.pause(100);
    runUntil(120);
    expect(process.isRunning).toBe(false);
    runUntil(160);
    expect(process.isRunning).toBe(true);
  });
});

test('nothing of a dead process runs', () => {
  const { process, runUntil } = setUp();
  const got: string[] = [];
  process.after(10, () => got.push('timer'));
  process.pause(5);
  process.receive(() => got.push('input'));
  process.kill();
  process.pause(20);
  process.receive(() => got.push('later'));
  runUntil(100);
  expect(got).toEqual([]);
  expect(process.isDead).toBe(true);
});

test('events run in the order of their time, then of their making; a cancelled one does not', () => {
  const scheduler = new Scheduler();
  const got: string[] = [];
  const chance = new Chance(7, 'order');
  const expected: { timeMs: number; name: string }[] = [];
  for (let index = 0; index < 500; index += 1) {
    const timeMs = chance.below(50);
    const name = String(index);
    const entry = scheduler.at(timeMs, () => got.push(name));
    if (chance.happens(0.3)) entry.cancelled = true;
    else expected.push({ timeMs, name });
  }
  while (scheduler.runNext());
  expect(got).toEqual(expected.toSorted((left, right) => left.timeMs - right.timeMs).map(({ name }) => name));
});
