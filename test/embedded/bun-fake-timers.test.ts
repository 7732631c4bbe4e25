/** The fakes of `bun:test`, which change the clock inside the runtime. */
import { afterEach, describe, expect, jest, setSystemTime, test } from 'bun:test';
import { systemTime } from '../../src/io/real-time.ts';
import { defineUnderFake } from './fake-timer-contract.ts';

const YEAR_2001 = new Date('2001-01-01T00:00:00Z');

afterEach(() => {
  jest.useRealTimers();
  setSystemTime();
});

describe.skipIf(process.platform !== 'linux' && process.platform !== 'darwin')('under the fakes of bun:test', () => {
  defineUnderFake(test, 'jest.useFakeTimers', () => {
    jest.useFakeTimers();
    return () => {
      jest.useRealTimers();
    };
  });

  defineUnderFake(test, 'setSystemTime', () => {
    setSystemTime(YEAR_2001);
    return () => setSystemTime();
  });

  test('the clocks of a node are the real ones', () => {
    const time = systemTime();
    const [beforeMs, monotonicBeforeMs] = [Date.now(), time.monotonicMs()];
    jest.useFakeTimers({ now: YEAR_2001 });
    expect(Date.now()).toBe(YEAR_2001.getTime());
    expect(time.nowMs()).toBeGreaterThanOrEqual(beforeMs);
    expect(time.monotonicMs()).toBeGreaterThan(monotonicBeforeMs);
    expect(Number.isInteger(time.nowMs())).toBe(true);
  });
});
