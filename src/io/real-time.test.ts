import { expect, test } from 'bun:test';
import { Worker } from 'node:worker_threads';
import { RUNTIME_TIME, systemTime } from './real-time.ts';

/** More than threads need to tell one another, far less than a thread is younger than another here. */
const SLACK_MS = 50;

function inWorker(): Promise<number> {
  const source = `
    import { parentPort } from 'node:worker_threads';
    const { RUNTIME_TIME } = await import(${JSON.stringify(new URL('./real-time.ts', import.meta.url).href)});
    parentPort.postMessage(RUNTIME_TIME.monotonicMs());
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  }).then(async (value) => {
    await worker.terminate();
    return value as number;
  });
}

test('the monotonic time is the same in all threads, however late they were started', async () => {
  expect(performance.now()).toBeGreaterThan(0);
  const before = RUNTIME_TIME.monotonicMs();
  const theirs = await inWorker();
  expect(theirs).toBeGreaterThanOrEqual(before);
  expect(theirs).toBeLessThanOrEqual(RUNTIME_TIME.monotonicMs());
});

test('the two times of this module agree', () => {
  expect(Math.abs(systemTime().monotonicMs() - RUNTIME_TIME.monotonicMs())).toBeLessThan(SLACK_MS);
});

test('it does not go back', () => {
  let last = RUNTIME_TIME.monotonicMs();
  for (let count = 0; count < 10_000; count += 1) {
    const now = RUNTIME_TIME.monotonicMs();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
});
