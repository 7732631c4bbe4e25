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

test('connections go to the thread that has fewest, and stay where they are among equals', () => {
  const state = SharedState.create(3);
  expect(Array.from({ length: 7 }, () => state.placeConnection(1, 3))).toEqual([1, 0, 2, 1, 0, 2, 1]);
  state.unplaceConnection(2);
  state.unplaceConnection(2);
  expect([state.placeConnection(1, 3), state.placeConnection(1, 3)]).toEqual([2, 2]);
});

test('a thread has no descriptor to wake it by until it says so', () => {
  const state = SharedState.create(1);
  expect(state.wakeDescriptor(0)).toBeNull();
  state.setWakeDescriptor(0, 9);
  expect([state.wakeDescriptor(0), state.wakeDescriptor(1)]).toEqual([9, null]);
});
