import { expect, test } from 'bun:test';
import { ReactorTimers } from './reactor-timers.ts';

test('a timer runs once its time has come, and one with an interval again and again', () => {
  const timers = new ReactorTimers();
  const ran: string[] = [];
  timers.add(0, 10, 0, () => ran.push('once'));
  timers.add(0, 4, 4, () => ran.push('every'));
  for (let nowMs = 0; nowMs <= 12; nowMs += 1) timers.run(nowMs);
  expect(ran).toEqual(['every', 'every', 'once', 'every']);
});

test('tells how long to wait: until the earliest, or for ever', () => {
  const timers = new ReactorTimers();
  expect(timers.waitMs(0)).toBe(-1);
  const late = timers.add(0, 50, 0, () => {});
  timers.add(0, 20.5, 0, () => {});
  expect([timers.waitMs(0), timers.waitMs(20), timers.waitMs(99)]).toEqual([21, 1, 0]);
  timers.run(21);
  expect(timers.waitMs(21)).toBe(29);
  late.stop();
  expect(timers.waitMs(21)).toBe(-1);
});

test('says no longer wait than 32 bits can', () => {
  const timers = new ReactorTimers();
  timers.add(0, 1e12, 0, () => {});
  expect(timers.waitMs(0)).toBe(2_147_483_647);
});

test.each([0, 5])(
  'what is stopped does not run, by another timer of the same moment either (interval %d)',
  (intervalMs) => {
    const timers = new ReactorTimers();
    let ran = 0;
    timers.add(0, 1, 0, () => second.stop());
    const second = timers.add(0, 1, intervalMs, () => (ran += 1));
    timers.run(1);
    timers.run(10);
    expect(ran).toBe(0);
  },
);

test('what is due beside one that throws runs the next time', () => {
  const timers = new ReactorTimers();
  const ran: string[] = [];
  timers.add(0, 1, 0, () => {
    throw new Error('boom');
  });
  timers.add(0, 1, 0, () => ran.push('beside'));
  expect(() => timers.run(1)).toThrow('boom');
  expect(timers.waitMs(1)).toBe(0);
  timers.run(1);
  timers.run(1);
  expect(ran).toEqual(['beside']);
});
