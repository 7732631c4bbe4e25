import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { StoreDriver } from '../../test/support/store-driver.ts';
import { auditStore } from './audit.ts';
import { Janitor } from './janitor.ts';
import { Queue } from './layout.ts';
import { reserveSegments } from './segment-reserve.ts';
import { Store } from './store.ts';
import { Key, WriteResult } from './types.ts';

const NOW_MS = 1_750_000_000_000;
const MIB = 2 ** 20;

function open(
  config: {
    readonly memoryBytes?: number;
    readonly segmentBytes?: number;
    readonly eviction?: 's3fifo' | 'noeviction';
  } = {},
): StoreDriver {
  const store = Store.create({
    memoryBytes: config.memoryBytes ?? 4 * MIB,
    segmentBytes: config.segmentBytes ?? 16_384,
    eviction: config.eviction ?? 's3fifo',
    threadCount: 1,
    hashSeed: [11, 13],
  });
  store.enter();
  return new StoreDriver(store);
}

describe('values', () => {
  test('of every length around the limits of headers and segments come back as they went', () => {
    const driver = open();
    for (const keyLength of [1, 254, 255, 256, 3000]) {
      for (const length of [
        0, 1, 2, 3, 4, 5, 24, 25, 63, 64, 4095, 8000, 8192, 16_376, 16_384, 65_535, 65_536, 200_000,
      ]) {
        const key = 'k'.repeat(keyLength);
        const value = `${length}.`.repeat(length).slice(0, length);
        expect(driver.set(key, value, NOW_MS)).toBe(WriteResult.stored);
        expect(driver.get(key, NOW_MS)).toBe(value);
      }
    }
    expect(auditStore(driver.store.parts)).toEqual([]);
  });

  test('of 64 MiB pass through a store that is four times as large', () => {
    const driver = open({ memoryBytes: 256 * MIB, segmentBytes: 0 });
    const value = Buffer.alloc(64 * MIB);
    const random = seededRandom(5);
    for (let offset = 0; offset < value.length; offset += 4099) value[offset] = Math.floor(random() * 256);
    for (let round = 0; round < 5; round += 1) {
      expect(
        driver.store.set(driver.key(`big${round % 3}`), value, 0, value.length, driver.options.reset(), NOW_MS),
      ).toBe(WriteResult.stored);
    }
    expect(driver.store.get(driver.key('big1'), driver.sink, NOW_MS)).toBe(true);
    expect(driver.sink.length).toBe(value.length);
    expect(driver.sink.bytes.equals(value)).toBe(true);
    expect(auditStore(driver.store.parts)).toEqual([]);
  });

  test('of the same size are overwritten in place, whatever their expiry was', () => {
    const driver = open();
    driver.set('a', 'x'.repeat(100), NOW_MS, (options) => {
      options.expiresAtMs = NOW_MS + 50;
    });
    driver.set('a', 'y'.repeat(100), NOW_MS);
    expect(driver.store.stats().deadBytes).toBe(0);
    expect(driver.get('a', NOW_MS + 1000)).toBe('y'.repeat(100));
    expect(driver.store.expiringCount(0)).toBe(0);
  });
});

describe('expiry', () => {
  test('is exact to the millisecond, for every operation', () => {
    const driver = open();
    driver.set('a', 'x', NOW_MS, (options) => {
      options.expiresAtMs = NOW_MS + 10;
    });
    expect(driver.get('a', NOW_MS + 9)).toBe('x');
    expect(driver.store.has(driver.key('a'), NOW_MS + 10)).toBe(false);
    expect(driver.get('a', NOW_MS + 10)).toBe(null);
    expect(driver.store.stats().expired).toBe(1);
    expect(driver.store.count(0)).toBe(0);
  });

  test('beyond 32 bits of milliseconds and far in the future is kept exactly', () => {
    const driver = open();
    for (const atMs of [NOW_MS + 1, 2 ** 41 + 12_345, 2 ** 53 - 1]) {
      driver.set('a', 'x', NOW_MS);
      expect(driver.store.expire(driver.key('a'), atMs, 0, NOW_MS)).toBe(WriteResult.stored);
      driver.store.inspect(driver.key('a'), driver.info, false, NOW_MS);
      expect(driver.info.expiresAtMs).toBe(atMs);
    }
  });

  test('is carried out by the janitor in open and in sealed segments, and their memory comes back', () => {
    const driver = open();
    for (let number = 0; number < 5000; number += 1) {
      driver.set(`k${number}`, 'v'.repeat(100), NOW_MS, (options) => {
        options.expiresAtMs = NOW_MS + (number % 3 === 0 ? 1_000_000 : 100);
      });
    }
    driver.store.leave();
    const janitor = new Janitor(driver.store);
    for (let step = 0; step < 200; step += 1) janitor.step(NOW_MS + 1000 + step);
    driver.store.enter();
    expect(driver.store.count(0)).toBe(1667);
    expect(driver.store.stats().expired).toBe(3333);
    expect(auditStore(driver.store.parts)).toEqual([]);
  });

  test('is still known of items that a drain moved', () => {
    const driver = open({ memoryBytes: MIB });
    for (let number = 0; number < 100; number += 1) {
      driver.set(`k${number}`, 'v'.repeat(1000), NOW_MS, (options) => {
        options.expiresAtMs = NOW_MS + 1000;
      });
    }
    for (let number = 0; number < 100; number += 1) if (number % 5 !== 0) driver.delete(`k${number}`, NOW_MS);
    const { reclaimer } = driver.store.parts;
    const deadBefore = driver.store.stats().deadBytes;
    for (let step = 0; step < 5; step += 1) reclaimer.reclaimOnce(NOW_MS);
    expect(driver.store.stats().deadBytes).toBeLessThan(deadBefore / 4);
    expect(driver.store.count(0)).toBe(20);
    reclaimer.removeExpired(64, NOW_MS + 2000);
    expect(driver.store.count(0)).toBe(0);
  });
});

describe('eviction', () => {
  const fill = (driver: StoreDriver, from: number, to: number): void => {
    for (let number = from; number < to; number += 1) driver.set(`k${number}`, 'v'.repeat(1000), NOW_MS);
  };

  test('keeps what is used and lets go of what came once', () => {
    const driver = open({ memoryBytes: MIB });
    for (let hot = 0; hot < 50; hot += 1) driver.set(`hot${hot}`, 'h'.repeat(1000), NOW_MS);
    for (let round = 0; round < 40; round += 1) {
      for (let hot = 0; hot < 50; hot += 1) driver.get(`hot${hot}`, NOW_MS);
      fill(driver, round * 100, round * 100 + 100);
    }
    const kept = Array.from({ length: 50 }, (_, hot) => driver.get(`hot${hot}`, NOW_MS)).filter(
      (value) => value !== null,
    );
    expect(kept.length).toBe(50);
    expect(driver.store.stats().evicted).toBeGreaterThan(2500);
    expect(auditStore(driver.store.parts)).toEqual([]);
  });

  test('remembers what it let go of: a key that comes back goes to the main queue', () => {
    const driver = open({ memoryBytes: MIB });
    fill(driver, 0, 1500);
    const { pool } = driver.store.parts;
    const mainBefore = pool.queueCount(Queue.main);
    const gone = Array.from({ length: 1500 }, (_, number) => number).filter(
      (number) => !driver.store.has(driver.key(`k${number}`), NOW_MS),
    );
    for (const number of gone.slice(-200)) driver.set(`k${number}`, 'v'.repeat(1000), NOW_MS);
    expect(pool.queueCount(Queue.main)).toBeGreaterThan(mainBefore + 8);
  });

  test('goes on when every item is hot: uses stop counting after a bounded number of fruitless drains', () => {
    const driver = open({ memoryBytes: MIB });
    for (let number = 0; number < 3000; number += 1) {
      driver.set(`k${number}`, 'v'.repeat(1000), NOW_MS);
      for (let use = 0; use < 3; use += 1) driver.get(`k${number}`, NOW_MS);
    }
    expect(driver.get('k2999', NOW_MS)).not.toBe(null);
  });

  test('is not done under noeviction: a full store refuses, and takes again what deletes make room for', () => {
    const driver = open({ memoryBytes: MIB, eviction: 'noeviction' });
    let stored = 0;
    while (driver.set(`k${stored}`, 'v'.repeat(1000), NOW_MS) === WriteResult.stored) stored += 1;
    expect(stored).toBeGreaterThan(850);
    expect(driver.set('k7', 'w'.repeat(1000), NOW_MS)).toBe(WriteResult.stored);
    expect(driver.set('big', 'v'.repeat(100_000), NOW_MS)).toBe(WriteResult.outOfMemory);
    for (let number = 0; number < stored; number += 1)
      expect(driver.store.has(driver.key(`k${number}`), NOW_MS)).toBe(true);
    for (let number = 0; number < 300; number += 1) driver.delete(`k${number * 2}`, NOW_MS);
    for (let number = 0; number < 200; number += 1)
      expect(driver.set(`n${number}`, 'v'.repeat(1000), NOW_MS)).toBe(WriteResult.stored);
    expect(auditStore(driver.store.parts)).toEqual([]);
  });

  test('by the janitor keeps segments in reserve', () => {
    const driver = open({ memoryBytes: 4 * MIB });
    fill(driver, 0, 5000);
    driver.store.leave();
    const janitor = new Janitor(driver.store);
    while (janitor.step(NOW_MS)) {}
    expect(driver.store.stats().freeSegmentCount).toBeGreaterThanOrEqual(reserveSegments(256));
  });
});

describe('iteration', () => {
  test('shows every key that is there throughout, while the index grows', () => {
    const driver = open({ memoryBytes: 16 * MIB, segmentBytes: 4096 });
    for (let number = 0; number < 1000; number += 1) driver.set(`old${number}`, 'v', NOW_MS);
    const seen = new Set<string>();
    let cursor = 0;
    let added = 0;
    do {
      cursor = driver.store.scan(cursor, 0, driver.batch, NOW_MS);
      for (let index = 0; index < driver.batch.count; index += 1) {
        const start = driver.batch.starts[index]!;
        seen.add(Buffer.from(driver.batch.bytes).toString('latin1', start, start + driver.batch.lengths[index]!));
      }
      for (let more = 0; more < 20 && added < 20_000; more += 1, added += 1) driver.set(`new${added}`, 'v', NOW_MS);
    } while (cursor !== 0);
    for (let number = 0; number < 1000; number += 1) expect(seen.has(`old${number}`)).toBe(true);
  });

  test('finds a random key of a database, also when it is the only one', () => {
    const driver = open();
    const random = seededRandom(1);
    expect(driver.store.randomKey(3, random, driver.batch, NOW_MS)).toBe(false);
    driver.set('lonely', 'v', NOW_MS, undefined, 3);
    driver.set('other', 'v', NOW_MS);
    expect(driver.store.randomKey(3, random, driver.batch, NOW_MS)).toBe(true);
    expect(
      Buffer.from(driver.batch.bytes).toString(
        'latin1',
        driver.batch.starts[0],
        driver.batch.starts[0]! + driver.batch.lengths[0]!,
      ),
    ).toBe('lonely');
  });
});

test('each key is as likely to be the random one, however few there are', () => {
  const random = seededRandom(2);
  const counts = new Map<string, number>();
  // Keys at other places of the index in each round: the gaps between them must not matter.
  for (let round = 0; round < 10; round += 1) {
    const driver = open();
    const names = ['a', 'b', 'c'].map((name) => `${name}${round}`);
    for (const name of names) driver.set(name, 'v', NOW_MS);
    for (let draw = 0; draw < 300; draw += 1) {
      expect(driver.store.randomKey(0, random, driver.batch, NOW_MS)).toBe(true);
      const start = driver.batch.starts[0]!;
      const name = Buffer.from(driver.batch.bytes).toString('latin1', start, start + driver.batch.lengths[0]!);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const name of names) expect(counts.get(name) ?? 0).toBeWithin(60, 141);
  }
});

describe('databases', () => {
  test('are name spaces of their own, and are flushed by themselves', () => {
    const driver = open();
    for (const database of [0, 1, 15]) {
      for (let number = 0; number < 300; number += 1)
        driver.set(`k${number}`, `${database}`, NOW_MS, undefined, database);
    }
    expect(driver.get('k7', NOW_MS, 15)).toBe('15');
    driver.store.beginExclusive();
    driver.store.flush(1, NOW_MS);
    expect([driver.store.count(0), driver.store.count(1), driver.store.count(15)]).toEqual([300, 0, 300]);
    driver.store.flush(-1, NOW_MS);
    driver.store.endExclusive();
    expect(driver.store.stats().itemCount).toBe(0);
    expect(driver.get('k7', NOW_MS)).toBe(null);
    expect(driver.set('k7', 'again', NOW_MS)).toBe(WriteResult.stored);
    expect(auditStore(driver.store.parts)).toEqual([]);
  });
});

test('a flush forgets the ghosts too, and buckets and ghosts that come to stand where items stood are as new', () => {
  const driver = open({ memoryBytes: MIB, segmentBytes: 4096 });
  const { pool, index } = driver.store.parts;
  for (let round = 0; round < 3; round += 1) {
    for (let number = 0; number < 4000; number += 1) {
      expect(driver.set(`k${number}`, 'v'.repeat(number % 97), NOW_MS)).toBe(WriteResult.stored);
    }
    expect(index.bucketCount).toBeGreaterThan(256);
    // Nothing was used or came back, so nothing belongs to the main queue.
    expect(pool.queueCount(Queue.main)).toBe(0);
    for (let number = 4000; number < 20_000; number += 1) driver.set(`k${number}`, 'v'.repeat(number % 97), NOW_MS);
    expect(driver.store.stats().evicted).toBeGreaterThan(5000 * (round + 1));
    expect(auditStore(driver.store.parts)).toEqual([]);
    driver.store.beginExclusive();
    driver.store.flush(-1, NOW_MS);
    driver.store.endExclusive();
    expect(auditStore(driver.store.parts)).toEqual([]);
  }
});

test('databases are swapped whole, and a watch tells whether its key is concerned', () => {
  const driver = open();
  driver.set('a', 'zero', NOW_MS);
  driver.set('a', 'three', NOW_MS, undefined, 3);
  driver.set('only', 'three', NOW_MS, undefined, 3);
  const concerned = driver.store.watch(driver.key('a'), NOW_MS);
  const appears = driver.store.watch(driver.key('only'), NOW_MS);
  const nowhere = driver.store.watch(driver.key('nowhere'), NOW_MS);
  driver.store.beginExclusive();
  driver.store.swapDatabases(0, 3);
  driver.store.endExclusive();
  expect([driver.get('a', NOW_MS), driver.get('a', NOW_MS, 3)]).toEqual(['three', 'zero']);
  expect([driver.store.count(0), driver.store.count(3)]).toEqual([2, 1]);
  expect(driver.keys(NOW_MS, 3)).toEqual(['a']);
  expect([concerned, appears, nowhere].map((handle) => driver.store.isTouched(handle, NOW_MS))).toEqual([
    true,
    true,
    false,
  ]);
});

describe('a watch', () => {
  test('tells of a write, a delete, an expiry and a flush, and of nothing else', () => {
    const driver = open();
    const { store } = driver;
    const touchedBy = (action: () => void, nowMs = NOW_MS): boolean => {
      driver.set('watched', 'v', NOW_MS, (options) => {
        options.expiresAtMs = NOW_MS + 100;
      });
      const handle = store.watch(driver.key('watched'), NOW_MS);
      action();
      const touched = store.isTouched(handle, nowMs);
      store.unwatch(handle);
      return touched;
    };
    expect(touchedBy(() => driver.get('watched', NOW_MS))).toBe(false);
    expect(touchedBy(() => driver.set('another', 'v', NOW_MS))).toBe(false);
    expect(touchedBy(() => driver.set('watched', 'v', NOW_MS))).toBe(true);
    expect(touchedBy(() => driver.delete('watched', NOW_MS))).toBe(true);
    expect(touchedBy(() => store.expire(driver.key('watched'), 0, 0, NOW_MS))).toBe(true);
    expect(touchedBy(() => {}, NOW_MS + 100)).toBe(true);
    expect(
      touchedBy(() => {
        store.beginExclusive();
        store.flush(-1, NOW_MS);
        store.endExclusive();
      }),
    ).toBe(true);
  });

  test('of a key that is not there tells when it comes', () => {
    const driver = open();
    const handle = driver.store.watch(driver.key('absent'), NOW_MS);
    expect(driver.store.isTouched(handle, NOW_MS)).toBe(false);
    driver.set('absent', 'v', NOW_MS);
    expect(driver.store.isTouched(handle, NOW_MS)).toBe(true);
  });

  test('beyond the table counts every write', () => {
    const driver = open();
    const handles = Array.from({ length: 6000 }, (_, number) => driver.store.watch(driver.key(`w${number}`), NOW_MS));
    driver.set('w5', 'v', NOW_MS);
    expect(driver.store.isTouched(handles[5]!, NOW_MS)).toBe(true);
    for (const handle of handles) driver.store.unwatch(handle);
    const handle = driver.store.watch(driver.key('w5'), NOW_MS);
    driver.set('unrelated', 'v', NOW_MS);
    expect(driver.store.isTouched(handle, NOW_MS)).toBe(false);
  });
});

test('read and a conditional write tell of any change in between', () => {
  const driver = open();
  const write = (key: string): WriteResult =>
    driver.set(key, 'mine', NOW_MS, (options) => {
      options.ifUnchangedSince = driver.snapshot;
    });
  driver.set('a', '1', NOW_MS);
  driver.store.read(driver.key('a'), driver.snapshot, NOW_MS);
  driver.set('a', '2', NOW_MS);
  expect(write('a')).toBe(WriteResult.conflict);
  driver.store.read(driver.key('a'), driver.snapshot, NOW_MS);
  expect(write('a')).toBe(WriteResult.stored);
  expect(driver.store.read(driver.key('absent'), driver.snapshot, NOW_MS)).toBe(false);
  driver.set('absent', 'theirs', NOW_MS);
  expect(write('absent')).toBe(WriteResult.conflict);
});

test('an index entry costs less than 15 bytes an item, and an item 4 bytes beside key and value', () => {
  const driver = open({ memoryBytes: 64 * MIB, segmentBytes: 65_536 });
  const count = 200_000;
  const value = Buffer.alloc(64, 'v');
  const key = new Key();
  for (let number = 0; number < count; number += 1) {
    const bytes = Buffer.from(`key:${String(number).padStart(13, '0')}`);
    driver.store.set(key.assign(bytes, 0, 17, 0), value, 0, 64, driver.options.reset(), NOW_MS);
  }
  const stats = driver.store.stats();
  expect(stats.itemCount).toBe(count);
  expect(stats.liveBytes / count).toBe(88);
  expect(stats.indexBytes / count).toBeLessThan(15);
});
