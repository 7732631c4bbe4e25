/** The store at the edges of its memory: several arenas, the smallest stores, values that cannot be had, refusals and what they cost. */
import { describe, expect, test } from 'bun:test';
import { auditStore } from '../src/store/audit.ts';
import { Janitor } from '../src/store/janitor.ts';
import { Queue, SegmentState } from '../src/store/layout.ts';
import { Store } from '../src/store/store.ts';
import { WriteResult } from '../src/store/types.ts';
import { StoreDriver } from './support/store-driver.ts';

const NOW_MS = 1_750_000_000_000;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

interface Geometry {
  readonly memoryBytes: number;
  readonly segmentBytes?: number;
  readonly eviction?: 's3fifo' | 'noeviction';
  readonly threadCount?: number;
}

function open(geometry: Geometry): StoreDriver {
  const { memoryBytes, segmentBytes = 0, eviction = 's3fifo', threadCount = 1 } = geometry;
  const store = Store.create({ memoryBytes, segmentBytes, eviction, threadCount, hashSeed: [11, 13] });
  store.enter();
  return new StoreDriver(store);
}

describe('several arenas', () => {
  // Segments are taken without being touched, so only what is written costs memory.
  const skipTo = (driver: StoreDriver, segment: number): void => {
    while (driver.store.parts.pool.take(SegmentState.overflow, Queue.none, 0) < segment);
  };

  for (const gib of [3, 18]) {
    test(`hold small and large items, buckets and what is moved, in a store of ${gib} GiB`, () => {
      const driver = open({ memoryBytes: gib * GIB, eviction: 'noeviction' });
      const { store } = driver;
      const large = Buffer.alloc(20 * MIB);
      for (let offset = 0; offset < large.length; offset += 4096) large.writeUInt32LE(offset + 1, offset);
      for (const arena of [1, gib - 1]) {
        skipTo(driver, arena * 1024 - 10);
        // Crosses the end of the arena.
        const written = store.set(driver.key(`large${arena}`), large, 0, large.length, driver.options.reset(), NOW_MS);
        expect(written).toBe(WriteResult.stored);
        for (let number = 0; number < 20_000; number += 1) driver.set(`${arena}:${number}`, `${number}`, NOW_MS);
      }
      for (const arena of [1, gib - 1]) {
        expect(store.get(driver.key(`large${arena}`), driver.sink, NOW_MS)).toBe(true);
        expect(driver.sink.bytes.equals(large)).toBe(true);
        for (let number = 0; number < 20_000; number += 7)
          expect(driver.get(`${arena}:${number}`, NOW_MS)).toBe(`${number}`);
      }
      // Mostly dead segments at the end of the last arena, so that survivors are moved across.
      for (let number = 0; number < 20_000; number += 1)
        if (number % 5 !== 0) driver.delete(`${gib - 1}:${number}`, NOW_MS);
      for (let step = 0; step < 8; step += 1) store.parts.reclaimer.reclaimOnce(NOW_MS);
      for (let number = 0; number < 20_000; number += 35)
        expect(driver.get(`${gib - 1}:${number}`, NOW_MS)).toBe(`${number}`);
      expect(auditStore(store.parts)).toEqual([]);
    }, 20_000);
  }
});

describe('the smallest stores', () => {
  for (const [threadCount, segments] of [
    [1, 16],
    [4, 24],
  ] as const) {
    test(`of ${threadCount} threads take their longest value while all threads hold segments open`, () => {
      const driver = open({ memoryBytes: segments * 131_072, threadCount });
      const others = Array.from(
        { length: threadCount },
        (_, thread) => new StoreDriver(Store.attach(driver.store.handle, thread + 1)),
      );
      for (let round = 0; round < 3; round += 1) {
        for (const other of others)
          for (let number = 0; number < 500; number += 1) other.set(`k${round}:${number}`, 'v'.repeat(900), NOW_MS);
        const value = Buffer.alloc(driver.store.valueBytesMax, `${round}`);
        for (const key of ['left', 'right']) {
          expect(driver.store.set(driver.key(key), value, 0, value.length, driver.options.reset(), NOW_MS)).toBe(
            WriteResult.stored,
          );
          expect(driver.get(key, NOW_MS)).toBe(value.toString());
        }
      }
      expect(auditStore(driver.store.parts)).toEqual([]);
    });
  }
});

test('a value that the index leaves no room for is refused, and nothing is evicted for it', () => {
  const driver = open({ memoryBytes: 16 * 4096, segmentBytes: 4096 });
  for (let number = 0; number < 20_000; number += 1) driver.set(`${number}`, '', NOW_MS);
  const { evicted, itemCount } = driver.store.stats();
  expect(driver.set('large', 'v'.repeat(driver.store.valueBytesMax), NOW_MS)).toBe(WriteResult.outOfMemory);
  expect(driver.store.stats()).toMatchObject({ evicted, itemCount });
  expect(driver.set('small', 'v', NOW_MS)).toBe(WriteResult.stored);
});

test('a large value that is refused takes no memory meanwhile', () => {
  const driver = open({ memoryBytes: MIB, segmentBytes: 16_384, eviction: 'noeviction' });
  for (let number = 0; number < 800; number += 1) driver.set(`k${number}`, 'v'.repeat(1000), NOW_MS);
  expect(driver.set('large', 'v'.repeat(driver.store.valueBytesMax), NOW_MS)).toBe(WriteResult.outOfMemory);
  const { usedBytes, usedBytesPeak } = driver.store.stats();
  expect(usedBytesPeak).toBe(usedBytes);
});

describe('under noeviction, a full store', () => {
  const fill = (driver: StoreDriver): number => {
    let stored = 0;
    while (driver.set(`k${stored}`, 'v'.repeat(1000), NOW_MS) === WriteResult.stored) stored += 1;
    return stored;
  };

  test('finds what died in any of many segments', () => {
    const driver = open({ memoryBytes: 3000 * 4096, segmentBytes: 4096, eviction: 'noeviction' });
    const stored = fill(driver);
    let more = 0;
    for (const first of [stored - 40, 0, 6000]) {
      for (let number = first; number < first + 16; number += 1) driver.delete(`k${number}`, NOW_MS);
      expect(driver.set(`again${first}`, 'v'.repeat(1000), NOW_MS)).toBe(WriteResult.stored);
      while (driver.set(`more${more}`, 'v'.repeat(1000), NOW_MS) === WriteResult.stored) more += 1;
    }
    expect(auditStore(driver.store.parts)).toEqual([]);
  });

  test('finds what died in the segment that the thread holds open', () => {
    const driver = open({ memoryBytes: MIB, segmentBytes: 16_384, eviction: 'noeviction' });
    const stored = fill(driver);
    for (let number = stored - 8; number < stored; number += 1) driver.delete(`k${number}`, NOW_MS);
    for (let number = 0; number < 7; number += 1)
      expect(driver.set(`new${number}`, 'v'.repeat(1000), NOW_MS)).toBe(WriteResult.stored);
    expect(auditStore(driver.store.parts)).toEqual([]);
  });

  test('refuses without searching all over again', () => {
    const driver = open({ memoryBytes: 3000 * 4096, segmentBytes: 4096, eviction: 'noeviction' });
    fill(driver);
    const { memory } = driver.store.parts;
    const record = memory.record.bind(memory);
    let looks = 0;
    memory.record = (segment) => {
      looks += 1;
      return record(segment);
    };
    for (let number = 0; number < 1000; number += 1)
      expect(driver.set(`new${number}`, 'v'.repeat(1000), NOW_MS)).toBe(WriteResult.outOfMemory);
    expect(looks).toBeLessThan(10_000);
  });

  test('removes what has expired to make room', () => {
    const driver = open({ memoryBytes: MIB, segmentBytes: 16_384, eviction: 'noeviction' });
    let stored = 0;
    const setUntil = (key: string, nowMs: number): WriteResult =>
      driver.set(key, 'v'.repeat(1000), nowMs, (options) => {
        options.expiresAtMs = nowMs + 1000;
      });
    while (setUntil(`k${stored}`, NOW_MS) === WriteResult.stored) stored += 1;
    for (let number = 0; number < stored - 20; number += 1)
      expect(setUntil(`new${number}`, NOW_MS + 2000)).toBe(WriteResult.stored);
    expect(auditStore(driver.store.parts)).toEqual([]);
  });
});

test('the index grows in a full store without a janitor', () => {
  const driver = open({ memoryBytes: 4 * MIB, segmentBytes: 16_384 });
  for (let number = 0; number < 6000; number += 1) driver.set(`large${number}`, 'v'.repeat(1000), NOW_MS);
  for (let number = 0; number < 100_000; number += 1) driver.set(`k${number}`, 'v', NOW_MS);
  expect(driver.store.stats().itemCount / driver.store.parts.index.bucketCount).toBeLessThan(8);
  expect(auditStore(driver.store.parts)).toEqual([]);
});

test('one step of the janitor walks few segments, since exclusive sections wait for it, and its steps reach all', () => {
  const driver = open({ memoryBytes: 4 * MIB, segmentBytes: 4096 });
  for (let number = 0; number < 900; number += 1) {
    driver.set(`k${number}`, 'v'.repeat(1000), NOW_MS, (options) => {
      options.expiresAtMs = NOW_MS + 1000;
    });
  }
  driver.store.leave();
  const janitor = new Janitor(driver.store);
  expect(janitor.step(NOW_MS + 2000)).toBe(true);
  expect(driver.store.stats().expired).toBeWithin(1, 17);
  let ticks = 0;
  for (; driver.store.stats().expired < 900 && ticks < 100; ticks += 1) while (janitor.step(NOW_MS + 2000));
  expect(ticks).toBeLessThan(40);
});
