/**
 * Two threads' views of one store in one thread: while one of them is in the middle of an atomic operation on a word of control memory, the
 * other works. So the orders that a stress run hardly ever meets are met each time.
 */
import { afterEach, expect, test } from 'bun:test';
import { StoreDriver } from '../../test/support/store-driver.ts';
import { auditStore } from './audit.ts';
import { NEVER_TICK } from './expiry-tick.ts';
import { CONTROL_BUCKET_COUNT, CONTROL_EXCLUSIVE, Queue, SEGMENT_DEAD, SEGMENT_EXPIRY } from './layout.ts';
import { Store } from './store.ts';
import { WriteResult } from './types.ts';

const NOW_MS = 1_750_000_000_000;
const MIB = 2 ** 20;
const { add, exchange, load, store: storeWord, wait } = Atomics;

afterEach(() => {
  Object.assign(Atomics, { add, exchange, load, store: storeWord, wait });
});

function refuseToWait(): never {
  throw new Error('has to wait');
}

function openTwo(memoryBytes = MIB): [StoreDriver, StoreDriver] {
  const config = { memoryBytes, segmentBytes: 16_384, threadCount: 2, hashSeed: [11, 13] } as const;
  const left = Store.create({ ...config, eviction: 's3fifo' });
  const right = Store.attach(left.handle, 1);
  left.enter();
  right.enter();
  return [new StoreDriver(left), new StoreDriver(right)];
}

/** The control word `word` of the segment that holds `key`. */
function segmentWord(driver: StoreDriver, key: string, word: number): number {
  expect(driver.store.has(driver.key(key), NOW_MS)).toBe(true);
  const { index, memory } = driver.store.parts;
  return memory.record(memory.segmentAt(index.item.arena, index.item.word)) + word;
}

test('a segment is not freed while the last of its items is being buried', () => {
  const [driver, other] = openTwo();
  for (let number = 0; number < 30; number += 1) driver.set(`k${number}`, 'v'.repeat(1000), NOW_MS);
  const deadWord = segmentWord(driver, 'k0', SEGMENT_DEAD);
  for (let number = 1; segmentWord(driver, `k${number}`, SEGMENT_DEAD) === deadWord; number += 1)
    driver.delete(`k${number}`, NOW_MS);
  let waited = false;
  Atomics.add = ((words: Int32Array, index: number, value: number): number => {
    const before = add(words, index, value);
    if (index !== deadWord) return before;
    Atomics.add = add;
    Atomics.wait = refuseToWait;
    try {
      other.store.parts.reclaimer.reclaimOnce(NOW_MS);
    } catch (error) {
      waited = String(error).includes('has to wait');
    }
    Atomics.wait = wait;
    // Would stand where k0 stood, if that segment were free.
    other.set('new', 'w'.repeat(1000), NOW_MS);
    return before;
  }) as typeof add;
  driver.delete('k0', NOW_MS);
  expect(waited).toBe(true);
  expect(auditStore(driver.store.parts)).toEqual([]);
  expect(other.get('new', NOW_MS)).toBe('w'.repeat(1000));
  // The drain's lock was let go of when it failed.
  expect(driver.store.parts.reclaimer.reclaimOnce(NOW_MS)).toBe(true);
  expect(auditStore(driver.store.parts)).toEqual([]);
});

test('the expiry of an item that comes while its segment is searched for expired ones is not forgotten', () => {
  const [driver, other] = openTwo();
  const setUntil = (key: string, expiresAtMs: number): WriteResult =>
    other.set(key, 'v', NOW_MS, (options) => {
      options.expiresAtMs = expiresAtMs;
    });
  setUntil('old', NOW_MS + 1000);
  const expiryWord = segmentWord(other, 'old', SEGMENT_EXPIRY);
  let came = false;
  const meanwhile = (index: number, value: number): void => {
    if (index !== expiryWord || value !== NEVER_TICK || came) return;
    came = true;
    setUntil('young', NOW_MS + 5000);
  };
  Atomics.store = ((words: Int32Array, index: number, value: number): number => {
    meanwhile(index, value);
    return storeWord(words, index, value);
  }) as typeof storeWord;
  Atomics.exchange = ((words: Int32Array, index: number, value: number): number => {
    meanwhile(index, value);
    return exchange(words, index, value);
  }) as typeof exchange;
  driver.store.parts.reclaimer.removeExpired(64, NOW_MS + 2000);
  expect([came, driver.store.count(0)]).toEqual([true, 1]);
  driver.store.parts.reclaimer.removeExpired(64, NOW_MS + 10_000);
  expect(driver.store.count(0)).toBe(0);
});

test('what expires or is evicted between a read and a conditional write is a conflict, so that its expiry is not lost', () => {
  const [driver, janitor] = openTwo();
  const setUntil = (key: string): WriteResult =>
    driver.set(key, '5', NOW_MS, (options) => {
      options.expiresAtMs = NOW_MS + 100;
    });
  for (const remove of [
    () => janitor.store.parts.reclaimer.removeExpired(64, NOW_MS + 1000),
    () => janitor.get('counter', NOW_MS + 1000),
    () => {
      // No other key is written, so only the eviction can have changed the bucket's version.
      driver.store.parts.log.seal(Queue.small);
      while (janitor.store.has(janitor.key('counter'), NOW_MS)) janitor.store.parts.reclaimer.reclaimOnce(NOW_MS);
    },
  ]) {
    setUntil('counter');
    expect(driver.store.read(driver.key('counter'), driver.snapshot, NOW_MS)).toBe(true);
    remove();
    const result = driver.set('counter', '6', NOW_MS, (options) => {
      options.keepExpiry = true;
      options.ifUnchangedSince = driver.snapshot;
    });
    expect(result).toBe(WriteResult.conflict);
  }
});

test('an exclusive section that was refused outside a batch leaves nothing behind', () => {
  const [driver, other] = openTwo();
  driver.store.leave();
  other.store.leave();
  expect(() => driver.store.beginExclusive()).toThrow();
  driver.store.enter();
  driver.store.beginExclusive();
  expect(Atomics.load(driver.store.parts.memory.control, CONTROL_EXCLUSIVE)).toBe(1);
  driver.store.endExclusive();
  expect(Atomics.load(driver.store.parts.memory.control, CONTROL_EXCLUSIVE)).toBe(0);
});

/** Adds keys until the index has twice as many buckets. */
function doubleIndex(driver: StoreDriver): void {
  const { index } = driver.store.parts;
  const wanted = index.bucketCount * 2;
  for (let number = 0; index.bucketCount < wanted; number += 1) driver.set(`filler${wanted}:${number}`, '', NOW_MS);
}

test('a key is found though its bucket is split between the choice of the bucket and its lock', () => {
  const [driver, other] = openTwo(8 * MIB);
  for (let number = 0; number < 5; number += 1) {
    const key = `k${number}`;
    driver.set(key, 'v', NOW_MS);
    Atomics.load = ((words: Int32Array, index: number): number => {
      const value = load(words, index);
      if (index === CONTROL_BUCKET_COUNT && words === driver.store.parts.memory.control) {
        Atomics.load = load;
        doubleIndex(other);
      }
      return value;
    }) as typeof load;
    expect(driver.get(key, NOW_MS)).toBe('v');
  }
});

test('a write between a read and a conditional write is a conflict, also when the bucket was split meanwhile', () => {
  for (let number = 0; number < 6; number += 1) {
    const [driver, other] = openTwo(2 * MIB);
    const key = `k${number}`;
    driver.store.read(driver.key(key), driver.snapshot, NOW_MS);
    other.set(key, 'theirs', NOW_MS);
    doubleIndex(other);
    const result = driver.set(key, 'mine', NOW_MS, (options) => {
      options.ifUnchangedSince = driver.snapshot;
    });
    expect(result).toBe(WriteResult.conflict);
  }
});
