import { expect, test } from 'bun:test';
import { ForwardedRequest } from './forwarded-request.ts';
import { ForwardRetries } from './forward-retries.ts';

function requestAt(retryAtMs: number): ForwardedRequest {
  const request = new ForwardedRequest({ replied: () => {}, failed: () => {} });
  request.retryAtMs = retryAtMs;
  return request;
}

class Ticks {
  count = 0;
  running = 0;
  readonly intervals: number[] = [];

  every(intervalMs: number): { stop(): void } {
    this.intervals.push(intervalMs);
    this.running += 1;
    return { stop: () => void (this.running -= 1) };
  }
}

test('looks each millisecond, while something waits and no longer', () => {
  const ticks = new Ticks();
  const retries = new ForwardRetries(ticks, () => {});
  expect(ticks.running).toBe(0);
  retries.add(requestAt(5));
  retries.add(requestAt(7));
  expect(ticks.intervals).toEqual([1]);
  const sent: number[] = [];
  for (const nowMs of [4, 5, 6, 7]) {
    retries.takeDue(nowMs, ({ retryAtMs }) => void sent.push(retryAtMs));
    expect(ticks.running).toBe(nowMs < 7 ? 1 : 0);
  }
  expect(sent).toEqual([5, 7]);
  retries.add(requestAt(9));
  expect(ticks.running).toBe(1);
});

test('keeps what is refused again, behind what was refused before it', () => {
  const ticks = new Ticks();
  const retries = new ForwardRetries(ticks, () => {});
  const [first, second] = [requestAt(1), requestAt(1)];
  retries.add(first);
  retries.add(second);
  retries.takeDue(1, (request) => {
    request.retryAtMs = 2;
    retries.add(request);
  });
  expect(ticks.running).toBe(1);
  const order: ForwardedRequest[] = [];
  retries.takeDue(2, (request) => void order.push(request));
  expect(order).toEqual([first, second]);
  expect(ticks.running).toBe(0);
});

test('runs no timer once it is closed', () => {
  const ticks = new Ticks();
  const retries = new ForwardRetries(ticks, () => {});
  retries.add(requestAt(1));
  retries.close();
  retries.add(requestAt(1));
  expect(ticks.running).toBe(0);
});
