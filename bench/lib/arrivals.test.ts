/** The times of an open loop, on a clock that the tests move. */
import { expect, test } from 'bun:test';
import { seededRandom } from '../../src/base/random.ts';
import { Arrivals } from './arrivals.ts';

const SECOND_NS = 1e9;

test('as many requests are due as the rate says, in order, none before the start or after the end', () => {
  const startNs = 5 * SECOND_NS;
  const schedule = { ratePerSecond: 1000, startNs, durationNs: 20 * SECOND_NS };
  const arrivals = new Arrivals(schedule, seededRandom(7));
  const dueNs: number[] = [];
  for (let due = arrivals.take(Infinity); !Number.isNaN(due); due = arrivals.take(Infinity)) dueNs.push(due);
  // A Poisson count of 20,000 is within five of its standard deviations, 707, but once in a million seeds; this seed is fixed.
  expect(Math.abs(dueNs.length - 20_000)).toBeLessThan(707);
  expect(dueNs).toEqual(dueNs.toSorted((a, b) => a - b));
  expect(dueNs[0]).toBeGreaterThan(startNs);
  expect(dueNs.at(-1)).toBeLessThan(startNs + schedule.durationNs);
  expect(arrivals.takenCount).toBe(dueNs.length);
  expect(arrivals.nextDueNs).toBe(Infinity);
});

test('gaps are those of clients who know nothing of each other: as many below their mean as 1 - 1/e', () => {
  const arrivals = new Arrivals({ ratePerSecond: 1, startNs: 0, durationNs: 10_000 * SECOND_NS }, seededRandom(3));
  let last = 0;
  let short = 0;
  let count = 0;
  for (let due = arrivals.take(Infinity); !Number.isNaN(due); due = arrivals.take(Infinity)) {
    if (due - last < SECOND_NS) short += 1;
    last = due;
    count += 1;
  }
  expect(short / count).toBeCloseTo(1 - 1 / Math.E, 1);
});

test('a request is taken when its time has come, not before', () => {
  const arrivals = new Arrivals({ ratePerSecond: 10, startNs: 0, durationNs: SECOND_NS }, seededRandom(1));
  const dueNs = arrivals.nextDueNs;
  expect(arrivals.take(dueNs - 1)).toBeNaN();
  expect(arrivals.take(dueNs)).toBe(dueNs);
  expect(arrivals.nextDueNs).toBeGreaterThan(dueNs);
});

test('a stall of the server shows in the latency of all that came in it', () => {
  const arrivals = new Arrivals({ ratePerSecond: 1000, startNs: 0, durationNs: 2 * SECOND_NS }, seededRandom(5));
  // One connection to a server that answers in 0.1 ms, but stands still from 0.5 s to 1 s.
  const latenciesMs: number[] = [];
  let nowNs = 0;
  while (arrivals.nextDueNs !== Infinity) {
    nowNs = Math.max(nowNs, arrivals.nextDueNs);
    const dueNs = arrivals.take(nowNs);
    nowNs = nowNs > 0.5 * SECOND_NS && nowNs < SECOND_NS ? SECOND_NS : nowNs;
    nowNs += 0.1e6;
    latenciesMs.push((nowNs - dueNs) / 1e6);
  }
  // A closed loop would have seen one slow request; about 500 were due in that half second.
  expect(latenciesMs.filter((latency) => latency > 100).length).toBeGreaterThan(300);
  expect(Math.max(...latenciesMs)).toBeGreaterThan(490);
});

test('what was never sent is counted', () => {
  const schedule = { ratePerSecond: 100, startNs: 0, durationNs: SECOND_NS };
  const all = new Arrivals(schedule, seededRandom(9)).countRest();
  const arrivals = new Arrivals(schedule, seededRandom(9));
  for (let i = 0; i < 10; i += 1) arrivals.take(Infinity);
  expect(arrivals.countRest()).toBe(all - 10);
  expect(arrivals.countRest()).toBe(0);
});

test('a rate of nothing is refused', () => {
  for (const ratePerSecond of [0, -1, NaN]) {
    expect(() => new Arrivals({ ratePerSecond, startNs: 0, durationNs: 1 }, Math.random)).toThrow('above 0');
  }
});
