import { expect, test } from 'bun:test';
import { SharedState } from './shared-state.ts';

test('client ids are given once, from 1 on, by whichever thread asks', () => {
  const one = SharedState.create(2);
  const other = new SharedState(one.buffer);
  expect([one.takeClientId(), other.takeClientId(), one.takeClientId()]).toEqual([1, 2, 3]);
});

test('connections are admitted up to the limit of the node', () => {
  const one = SharedState.create(2);
  const other = new SharedState(one.buffer);
  expect([one.admitConnection(2), other.admitConnection(2), one.admitConnection(2)]).toEqual([true, true, false]);
  expect(one.connectionCount).toBe(2);
  other.dismissConnection();
  expect(one.admitConnection(2)).toBe(true);
});

function placed(state: SharedState, nearest: number, threadCount: number, count: number): number[] {
  const counts = Array.from({ length: threadCount }, () => 0);
  for (let i = 0; i < count; i += 1) counts[state.placeConnection(nearest, threadCount)]! += 1;
  return counts;
}

test('few connections are spread over all threads, the nearest first', () => {
  const state = SharedState.create(3);
  expect(Array.from({ length: 7 }, () => state.placeConnection(1, 3))).toEqual([1, 0, 2, 1, 0, 2, 1]);
  state.unplaceConnection(2);
  state.unplaceConnection(2);
  expect([state.placeConnection(1, 3), state.placeConnection(1, 3)]).toEqual([2, 2]);
});

test('of many the nearest thread takes some more than the others', () => {
  expect(placed(SharedState.create(2), 1, 2, 200)).toEqual([91, 109]);
  expect(placed(SharedState.create(4), 0, 4, 64)).toEqual([19, 15, 15, 15]);
});

test('connections that are near to each thread alike all go to the nearest', () => {
  const state = SharedState.create(4);
  for (let i = 0; i < 400; i += 1) expect(state.placeConnection((i * 7) % 4, 4)).toBe((i * 7) % 4);
});

test('a thread has no descriptor to wake it by until it says so', () => {
  const state = SharedState.create(1);
  expect(state.wakeDescriptor(0)).toBeNull();
  state.setWakeDescriptor(0, 9);
  expect([state.wakeDescriptor(0), state.wakeDescriptor(1)]).toEqual([9, null]);
});
