/** Items that are kept for another node: what this one must not do with them of its own accord, and what it does once they are its own. */
import { describe, expect, test } from 'bun:test';
import { StoreDriver } from '../../test/support/store-driver.ts';
import { keySlot } from '../base/key-slot.ts';
import { auditStore } from './audit.ts';
import { Janitor } from './janitor.ts';
import { controlRow, janitorRow } from './memory.ts';
import { Store } from './store.ts';
import { WriteResult } from './types.ts';

const NOW_MS = 1_750_000_000_000;
const SEGMENT_BYTES = 16_384;
const KEPT = '{kept}';
const KEPT_SLOT = keySlot(Buffer.from('kept'), 0, 4);

interface Opened {
  readonly store: Store;
  readonly driver: StoreDriver;
  readonly janitor: Janitor;
}

function open(eviction: 's3fifo' | 'noeviction' = 's3fifo', memoryBytes = 2 ** 20): Opened {
  const store = Store.create({
    memoryBytes,
    segmentBytes: SEGMENT_BYTES,
    threadCount: 1,
    eviction,
    clustered: true,
    hashSeed: [1, 2],
  });
  store.parts.keptSlots.set([KEPT_SLOT]);
  store.enter();
  return {
    store,
    driver: new StoreDriver(store),
    janitor: new Janitor(Store.attach(store.handle, janitorRow(store.handle))),
  };
}

function until(atMs: number): (options: { expiresAtMs: number }) => void {
  return (options) => {
    options.expiresAtMs = atMs;
  };
}

/** Writes `count` items of 500 bytes whose keys begin with `prefix`; the last result. */
function fill({ driver }: Opened, prefix: string, count: number): WriteResult {
  let result: WriteResult = WriteResult.stored;
  for (let number = 0; number < count && result === WriteResult.stored; number += 1)
    result = driver.set(`${prefix}${number}`, 'v'.repeat(500), NOW_MS);
  return result;
}

function work({ store, janitor }: Opened, nowMs: number): void {
  store.leave();
  for (let steps = 0; steps < 200 && janitor.step(nowMs); steps += 1);
  store.enter();
}

describe('a kept item whose time is over', () => {
  test('is not shown to anybody and not removed, neither by a reader nor by the janitor', () => {
    const opened = open();
    const { driver, store } = opened;
    driver.set(`${KEPT}a`, 'value', NOW_MS, until(NOW_MS + 10));
    driver.set('own', 'value', NOW_MS, until(NOW_MS + 10));
    expect(driver.get(`${KEPT}a`, NOW_MS + 9)).toBe('value');
    expect(driver.get(`${KEPT}a`, NOW_MS + 10)).toBeNull();
    expect(driver.store.has(driver.key(`${KEPT}a`), NOW_MS + 10)).toBe(false);
    expect(store.read(driver.key(`${KEPT}a`), driver.snapshot, NOW_MS + 10)).toBe(false);
    work(opened, NOW_MS + 5000);
    expect(store.slotCount(KEPT_SLOT)).toBe(1);
    expect(store.stats()).toMatchObject({ itemCount: 1, expired: 1 });
    expect(auditStore(store.parts)).toEqual([]);
  });

  test('goes when its slot is kept no longer', () => {
    const opened = open();
    const { driver, store } = opened;
    for (let number = 0; number < 50; number += 1) driver.set(`${KEPT}${number}`, 'v', NOW_MS, until(NOW_MS + 10));
    work(opened, NOW_MS + 5000);
    store.parts.keptSlots.set([]);
    expect(store.slotCount(KEPT_SLOT)).toBe(50);
    work(opened, NOW_MS + 10_000);
    expect(store.stats()).toMatchObject({ itemCount: 0, expired: 50 });
    expect(auditStore(store.parts)).toEqual([]);
  });

  test('gives way to a new value, and to a deletion, with one place in the index', () => {
    const { driver, store } = open();
    for (const key of ['written', 'deleted']) driver.set(`${KEPT}${key}`, 'old', NOW_MS, until(NOW_MS + 10));
    expect(driver.get(`${KEPT}written`, NOW_MS + 20)).toBeNull();
    expect(driver.set(`${KEPT}written`, 'new and longer', NOW_MS + 20)).toBe(WriteResult.stored);
    expect(driver.delete(`${KEPT}deleted`, NOW_MS + 20)).toBe(false);
    expect(driver.get(`${KEPT}written`, NOW_MS + 20)).toBe('new and longer');
    expect(store.slotCount(KEPT_SLOT)).toBe(1);
    expect(auditStore(store.parts)).toEqual([]);
  });
});

describe('where memory is short', () => {
  test('kept items stay, and all others make room', () => {
    const opened = open();
    const { driver, store } = opened;
    fill(opened, KEPT, 500);
    for (let round = 0; round < 20; round += 1) {
      expect(fill(opened, `own${round}:`, 1000)).toBe(WriteResult.stored);
      work(opened, NOW_MS);
    }
    for (let number = 0; number < 500; number += 1)
      expect(driver.get(`${KEPT}${number}`, NOW_MS)).toBe('v'.repeat(500));
    expect(store.stats().evicted).toBeGreaterThan(15_000);
    expect(auditStore(store.parts)).toEqual([]);
  });

  test('writes are refused once kept items have taken all, until there are fewer', () => {
    const opened = open();
    const { driver, store } = opened;
    fill(opened, 'own', 1000);
    expect(fill(opened, KEPT, 10_000)).toBe(WriteResult.outOfMemory);
    const count = store.slotCount(KEPT_SLOT);
    expect(count * 520).toBeGreaterThan(0.75 * 2 ** 20);
    expect(driver.get(`${KEPT}${count - 1}`, NOW_MS)).not.toBeNull();
    work(opened, NOW_MS);
    expect(driver.set('big', 'v'.repeat(100_000), NOW_MS)).toBe(WriteResult.outOfMemory);
    expect(store.slotCount(KEPT_SLOT)).toBe(count);
    expect(auditStore(store.parts)).toEqual([]);
    for (let number = 0; number < 200; number += 1) driver.delete(`${KEPT}${number * 2}`, NOW_MS);
    expect(fill(opened, 'own', 300)).toBe(WriteResult.stored);
    expect(store.slotCount(KEPT_SLOT)).toBe(count - 200);
    store.parts.keptSlots.set([]);
    expect(fill(opened, 'own', 3000)).toBe(WriteResult.stored);
    expect(store.slotCount(KEPT_SLOT)).toBeLessThan(count / 2);
    expect(auditStore(store.parts)).toEqual([]);
  });

  test('a refusal is quick, however often it comes', () => {
    const opened = open('s3fifo', 16 * 2 ** 20);
    const { driver, store } = opened;
    fill(opened, KEPT, 100_000);
    const gone = store.stats().evicted;
    const beganMs = performance.now();
    for (let count = 0; count < 20_000; count += 1) driver.set(`own${count}`, 'v'.repeat(500), NOW_MS);
    expect(performance.now() - beganMs).toBeLessThan(2000);
    expect(store.slotCount(KEPT_SLOT)).toBeGreaterThan(20_000);
    expect(store.stats().evicted - gone).toBeLessThan(20_000);
  });

  test('a long kept value stays as well', () => {
    const opened = open();
    const { driver, store } = opened;
    driver.set(`${KEPT}long`, 'v'.repeat(100_000), NOW_MS);
    for (let round = 0; round < 5; round += 1) fill(opened, `own${round}:`, 2000);
    expect(driver.get(`${KEPT}long`, NOW_MS)).toBe('v'.repeat(100_000));
    expect(auditStore(store.parts)).toEqual([]);
  });
});

test('what is kept is known to every thread at once', () => {
  const { store } = open();
  const control = Store.attach(store.handle, controlRow(store.handle));
  control.parts.keptSlots.set([0, 31, 32, 16_383]);
  const { keptSlots } = store.parts;
  expect(keptSlots.count).toBe(4);
  expect([0, 1, 31, 32, 33, KEPT_SLOT, 16_383].map((slot) => keptSlots.has(slot))).toEqual([
    true,
    false,
    true,
    true,
    false,
    false,
    true,
  ]);
});
