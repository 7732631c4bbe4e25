import { expect, test } from 'bun:test';
import { embeddedEnvironment } from './embedded-environment.ts';
import { systemEnvironment } from './environment.ts';

test('nothing given: real time, and the log of any node', () => {
  const { clock, log } = embeddedEnvironment(undefined, undefined);
  const beforeMs = Date.now();
  expect(clock.nowMs()).toBeGreaterThanOrEqual(beforeMs);
  expect(clock.monotonicMs()).toBeLessThanOrEqual(clock.monotonicMs());
  expect(log).toBe(systemEnvironment().log);
});

test('a clock that is given is read in whole ms, and holds its breath where it says nonsense', () => {
  const said: unknown[] = [12.9, Number.NaN, -1, '5', null, Number.POSITIVE_INFINITY, 0, 8.64e15, 8.64e15 + 2];
  const { clock } = embeddedEnvironment(() => said.shift() as number, undefined);
  const heard = [...said].map(() => clock.nowMs());
  expect(heard).toEqual([12, 12, 12, 12, 12, 12, 0, 8.64e15, 8.64e15]);
});

test('durations do not follow a clock that is given', () => {
  const { clock } = embeddedEnvironment(() => 0, undefined);
  const firstMs = clock.monotonicMs();
  while (clock.monotonicMs() === firstMs);
  expect(clock.monotonicMs()).toBeGreaterThan(firstMs);
});

test('a log that is given takes every line', () => {
  const lines: string[] = [];
  const { log } = embeddedEnvironment(undefined, (level, message) => lines.push(`${level}: ${message}`));
  log('debug', 'a');
  log('error', 'b');
  expect(lines).toEqual(['debug: a', 'error: b']);
});

test('a tick comes until it is stopped', async () => {
  const { timers } = embeddedEnvironment(undefined, undefined);
  let ticks = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = timers.every(1, () => {
    ticks += 1;
    if (ticks === 3) {
      timer.stop();
      resolve();
    }
  });
  // Without something that keeps it, the process would not wait for a tick.
  const keeper = setInterval(() => undefined, 1000);
  await promise;
  clearInterval(keeper);
  // While five of another timer pass, none of the stopped one comes.
  await new Promise<void>((done) => {
    let others = 0;
    const other = timers.every(1, () => {
      others += 1;
      if (others === 5) {
        other.stop();
        done();
      }
    });
  });
  expect(ticks).toBe(3);
});
