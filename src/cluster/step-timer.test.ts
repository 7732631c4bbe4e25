import { expect, test } from 'bun:test';
import { StepTimer } from './step-timer.ts';

const FOREVER = Number.POSITIVE_INFINITY;

/** Steps that end as told; the next one can be waited for. */
function steps(results: readonly number[]): { step: () => number; count: () => number; next: () => Promise<void> } {
  let count = 0;
  let told = (): void => {};
  return {
    step: () => {
      count += 1;
      told();
      return results[count - 1] ?? FOREVER;
    },
    count: () => count,
    next: () => new Promise((resolve) => (told = resolve)),
  };
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const turn = (left: number): void => {
      if (left === 0) resolve();
      else setImmediate(() => turn(left - 1));
    };
    turn(count);
  });
}

test('a step runs after it was asked for, not within, and once however often', async () => {
  const { step, count, next } = steps([]);
  const timer = new StepTimer(() => 0, step);
  const first = next();
  timer.wake();
  timer.wake();
  expect(count()).toBe(0);
  await first;
  await turns(5);
  expect(count()).toBe(1);
  timer.stop();
});

test('steps follow one another while there is more to do', async () => {
  const { step, count } = steps([0, 0, 0, FOREVER]);
  const timer = new StepTimer(() => 5, step);
  timer.wake();
  await turns(20);
  expect(count()).toBe(4);
  timer.stop();
});

test('a step for which clients wait runs at once, and one that is asked for within a step follows it at once', () => {
  let count = 0;
  const timer = new StepTimer(
    () => 0,
    () => {
      count += 1;
      if (count === 1) {
        timer.wakeNow();
        expect(count).toBe(1);
      }
      return FOREVER;
    },
  );
  timer.wakeNow();
  expect(count).toBe(2);
  timer.stop();
  timer.wakeNow();
  expect(count).toBe(2);
});

test('a step runs when the last one said, by its own timer', async () => {
  const startMs = performance.now();
  const monotonicMs = (): number => performance.now() - startMs;
  const { step, count, next } = steps([20]);
  const timer = new StepTimer(monotonicMs, step);
  const first = next();
  timer.wake();
  await first;
  await next();
  expect(count()).toBe(2);
  expect(monotonicMs()).toBeGreaterThanOrEqual(18);
  timer.stop();
});

test('a step that is due runs with a tick, one that is not does not', () => {
  let nowMs = 0;
  const { step, count } = steps([100, FOREVER]);
  const timer = new StepTimer(() => nowMs, step);
  timer.wake();
  timer.tick(0);
  timer.tick(50);
  expect(count()).toBe(1);
  nowMs = 100;
  timer.tick(100);
  expect(count()).toBe(2);
  timer.stop();
});

test('a wake within a step is not lost, and does not nest', async () => {
  let count = 0;
  const timer: StepTimer = new StepTimer(
    () => 0,
    () => {
      count += 1;
      if (count === 1) {
        timer.wake();
        timer.tick(0);
      }
      return FOREVER;
    },
  );
  timer.wake();
  timer.tick(0);
  expect(count).toBe(1);
  await turns(5);
  expect(count).toBe(2);
  timer.stop();
});

test('nothing runs after a stop', async () => {
  const { step, count } = steps([]);
  const timer = new StepTimer(() => 0, step);
  timer.wake();
  timer.stop();
  timer.tick(0);
  await turns(5);
  expect(count()).toBe(0);
});
