import { expect, test } from 'bun:test';
import { auditStore } from './audit.ts';
import { FreshMemory } from './fresh-memory.ts';
import { CONTROL_FRESH_END, CONTROL_FRESH_FIRST } from './layout.ts';
import { Store } from './store.ts';
import { ItemSnapshot, Key, WriteOptions, WriteResult } from './types.ts';

const SEGMENT_BYTES = 128 * 1024;
const VALUE = Buffer.alloc(1000, 'v');

function newStore(segments: number): Store {
  return Store.create({
    memoryBytes: segments * SEGMENT_BYTES,
    segmentBytes: SEGMENT_BYTES,
    threadCount: 1,
    eviction: 's3fifo',
    hashSeed: [1, 2],
  });
}

function set(store: Store, number: number): void {
  const bytes = Buffer.from(`key ${number}`);
  const result = store.set(new Key().assign(bytes, 0, bytes.length, 0), VALUE, 0, VALUE.length, new WriteOptions(), 0);
  expect(result).toBe(WriteResult.stored);
}

function firstFresh(store: Store): number {
  return store.parts.memory.control[CONTROL_FRESH_FIRST]!;
}

/** How many steps there are until nothing is left to do. */
function stepsOf(fresh: FreshMemory): number {
  let steps = 1;
  while (fresh.step()) steps += 1;
  return steps;
}

test('stays a few segments ahead of the writers, and touches each once', () => {
  const store = newStore(256);
  const fresh = new FreshMemory(store.parts.memory);
  expect(stepsOf(fresh)).toBe(4);
  expect(fresh.step()).toBe(false);
  const before = firstFresh(store);
  for (let number = 0; firstFresh(store) < before + 3; number += 1) set(store, number);
  expect(stepsOf(fresh)).toBe(3);
});

test('touches nothing once all memory is in use, and nothing in a store of few segments', () => {
  const full = newStore(256);
  const fresh = new FreshMemory(full.parts.memory);
  for (let number = 0; full.stats().evicted === 0; number += 1) set(full, number);
  const { control } = full.parts.memory;
  expect(control[CONTROL_FRESH_END]! - control[CONTROL_FRESH_FIRST]!).toBeLessThan(6);
  stepsOf(fresh);
  expect(fresh.step()).toBe(false);
  expect(new FreshMemory(newStore(32).parts.memory).step()).toBe(false);
});

test('changes nothing that a writer wrote first', () => {
  const store = newStore(256);
  const fresh = new FreshMemory(store.parts.memory);
  for (let number = 0; number < 2000; number += 1) set(store, number);
  // As if the writers had been faster all the time.
  const touch = (fresh as unknown as { touch(segment: number): void }).touch.bind(fresh);
  for (let segment = 0; segment < 256; segment += 1) touch(segment);
  expect(auditStore(store.parts)).toEqual([]);
  const snapshot = new ItemSnapshot();
  for (let number = 0; number < 2000; number += 1) {
    const bytes = Buffer.from(`key ${number}`);
    expect(store.read(new Key().assign(bytes, 0, bytes.length, 0), snapshot, 0)).toBe(true);
    expect(VALUE.equals(snapshot.bytes.subarray(0, snapshot.length))).toBe(true);
  }
});
