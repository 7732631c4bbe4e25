/** What of a move is on its way: what is sent again, and when. */
import { expect, test } from 'bun:test';
import { FrameWindow, WINDOW_BYTES } from './frame-window.ts';

function frame(number: number, length = 1): Uint8Array {
  return new Uint8Array(length).fill(number);
}

function filled(count: number): FrameWindow {
  const window = new FrameWindow();
  for (let number = 0; number < count; number += 1) window.add(frame(number));
  return window;
}

function sent(window: FrameWindow, nowMs: number): number[] {
  const numbers: number[] = [];
  window.send(nowMs, (bytes) => void numbers.push(bytes[0]!));
  return numbers;
}

test('each frame is sent once over a connection, and what is not confirmed again over the next', () => {
  const window = filled(3);
  expect(sent(window, 0)).toEqual([0, 1, 2]);
  expect(sent(window, 1)).toEqual([]);
  expect(window.confirmed(1, 2)).toBe(true);
  window.connected();
  window.add(frame(3));
  expect(sent(window, 3)).toEqual([1, 2, 3]);
  expect([window.isEmpty, window.next]).toEqual([false, 4]);
  expect(window.confirmed(4, 4)).toBe(true);
  expect([window.isEmpty, window.pendingBytes, window.resendAtMs]).toEqual([true, 0, Number.POSITIVE_INFINITY]);
});

test('a confirmation that comes twice or late changes nothing, and one of what was never sent is refused', () => {
  const window = filled(3);
  sent(window, 0);
  window.confirmed(2, 0);
  expect(window.confirmed(1, 0)).toBe(true);
  expect(window.confirmed(2, 0)).toBe(true);
  expect(window.confirmed(4, 0)).toBe(false);
  expect(window.next).toBe(3);
  expect(sent(window, 1)).toEqual([]);
});

test('what the target misses is sent again, once for each frame that it misses', () => {
  const window = filled(4);
  sent(window, 0);
  window.confirmed(1, 0);
  window.missed(1);
  expect(sent(window, 1)).toEqual([1, 2, 3]);
  window.missed(1);
  expect(sent(window, 2)).toEqual([]);
  window.confirmed(2, 3);
  window.missed(2);
  expect(sent(window, 4)).toEqual([2, 3]);
});

test('without a reply all is sent again after a while', () => {
  const window = filled(2);
  sent(window, 10);
  const atMs = window.resendAtMs;
  expect(atMs).toBeGreaterThan(10);
  expect(sent(window, atMs - 1)).toEqual([]);
  expect(sent(window, atMs)).toEqual([0, 1]);
  expect(window.resendAtMs).toBeGreaterThan(atMs);
});

test('it is open until so many bytes are on their way', () => {
  const window = new FrameWindow();
  window.add(frame(0, WINDOW_BYTES - 1));
  expect(window.isOpen).toBe(true);
  window.add(frame(1, 10_000_000));
  expect(window.isOpen).toBe(false);
  window.confirmed(2, 0);
  expect(window.isOpen).toBe(true);
  window.reset();
  expect(window.next).toBe(0);
});

test('or until so many frames are, however short', () => {
  const window = filled(63);
  expect(window.isOpen).toBe(true);
  window.add(frame(63));
  expect(window.isOpen).toBe(false);
  window.confirmed(1, 0);
  expect(window.isOpen).toBe(true);
});
