/** What consumers of the change log see of writes, expiries, evictions and flushes; and what happens to one that is too slow. */
import { afterEach, describe, expect, test } from 'bun:test';
import { StoreDriver } from '../../test/support/store-driver.ts';
import { keySlot } from '../base/key-slot.ts';
import { seededRandom } from '../base/random.ts';
import { ChangeOperation, EVERY_NAMESPACE, NO_KEY_SLOT } from '../store/change-ring.ts';
import { CHANGE_HEAD, CHANGE_LIMIT, CHANGE_RING, CHANGE_SEQUENCE, CONTROL_CHANGE_CONSUMERS } from '../store/layout.ts';
import { Store } from '../store/store.ts';
import { type ChangeConsumer, ChangeLog, ChangeReading, ChangeRecord } from './change-log.ts';

const NOW_MS = 1_750_000_000_000;
const MIB = 2 ** 20;
const { load, store: storeWord, wait } = Atomics;

afterEach(() => {
  Object.assign(Atomics, { load, store: storeWord, wait });
});

function open(memoryBytes = 4 * MIB): { driver: StoreDriver; log: ChangeLog } {
  const store = Store.create({
    memoryBytes,
    segmentBytes: 16_384,
    threadCount: 2,
    eviction: 's3fifo',
    changeLogBytes: 2 ** 19,
    hashSeed: [11, 13],
  });
  store.enter();
  return { driver: new StoreDriver(store), log: new ChangeLog(store.handle) };
}

const NAMES = new Map(Object.entries(ChangeOperation).map(([name, number]) => [number as number, name]));

/** All that is to be read, as `operation key`; `lost` where it is. */
function readAll(consumer: ChangeConsumer): string[] {
  const record = new ChangeRecord();
  const texts: string[] = [];
  for (;;) {
    const reading = consumer.read(record);
    if (reading === ChangeReading.none) return texts;
    if (reading === ChangeReading.lost) return [...texts, 'lost'];
    texts.push(`${NAMES.get(record.operation)} ${record.bytes.toString('latin1', 0, record.length)}`.trim());
  }
}

function slotOf(key: string): number {
  return keySlot(Buffer.from(key), 0, key.length);
}

describe('a consumer', () => {
  test('reads each change of a key, in order, and none of before', () => {
    const { driver, log } = open();
    driver.set('before', '1', NOW_MS);
    const consumer = log.open(null)!;
    driver.set('a', '1', NOW_MS);
    driver.set('a', '2', NOW_MS);
    driver.set('a', 'longer than before', NOW_MS);
    driver.get('a', NOW_MS);
    driver.store.expire(driver.key('a'), NOW_MS + 1000, 0, NOW_MS);
    driver.store.expire(driver.key('a'), NOW_MS + 2000, 0, NOW_MS);
    driver.delete('a', NOW_MS);
    driver.delete('a', NOW_MS);
    driver.set('b', 'x'.repeat(100_000), NOW_MS);
    driver.store.expire(driver.key('b'), NOW_MS - 1, 0, NOW_MS);
    expect(consumer.lag).toBe(8);
    const writes = new Array<string>(5).fill('written a');
    expect(readAll(consumer)).toEqual([...writes, 'removed a', 'written b', 'removed b']);
    expect(consumer.lag).toBe(0);
  });

  test('tells slot, name space and sequence', () => {
    const { driver, log } = open();
    const consumer = log.open(null)!;
    driver.set('{tag}key', '1', NOW_MS, undefined, 5);
    driver.set('', '1', NOW_MS);
    const record = new ChangeRecord();
    expect(consumer.read(record)).toBe(ChangeReading.record);
    expect([record.slot, record.namespace, record.length]).toEqual([slotOf('tag'), 5, 8]);
    const { sequence } = record;
    expect(consumer.read(record)).toBe(ChangeReading.record);
    expect([record.slot, record.namespace, record.length, record.sequence]).toEqual([0, 0, 0, sequence + 1]);
  });

  test('reads what expired and what was evicted', () => {
    const { driver, log } = open(MIB);
    const consumer = log.open(null)!;
    const until = (atMs: number) => (options: { expiresAtMs: number }) => {
      options.expiresAtMs = atMs;
    };
    driver.set('found', '1', NOW_MS, until(NOW_MS + 10));
    driver.set('walked', '1', NOW_MS, until(NOW_MS + 10));
    expect(driver.get('found', NOW_MS + 10)).toBeNull();
    driver.store.parts.reclaimer.removeExpired(1000, NOW_MS + 1000);
    expect(readAll(consumer)).toEqual(['written found', 'written walked', 'expired found', 'expired walked']);
    for (let number = 0; driver.store.stats().evicted === 0; number += 1)
      driver.set(`k${number}`, 'v'.repeat(1000), NOW_MS);
    expect(readAll(consumer).filter((text) => text.startsWith('evicted k')).length).toBe(driver.store.stats().evicted);
  });

  test('reads a flush behind what it deleted, once, and an exchange of databases', () => {
    const { driver, log } = open();
    const consumer = log.open([1])!;
    const record = new ChangeRecord();
    driver.set('a', '1', NOW_MS);
    driver.set('b', '1', NOW_MS, undefined, 3);
    driver.store.beginExclusive();
    driver.store.swapDatabases(0, 3);
    driver.store.flush(0, NOW_MS);
    driver.store.flush(-1, NOW_MS);
    driver.store.endExclusive();
    const seen: number[][] = [];
    while (consumer.read(record) === ChangeReading.record) seen.push([record.operation, record.namespace, record.slot]);
    expect(seen).toEqual([
      [ChangeOperation.swapped, EVERY_NAMESPACE, NO_KEY_SLOT],
      [ChangeOperation.flushed, 3, NO_KEY_SLOT],
      [ChangeOperation.flushed, EVERY_NAMESPACE, NO_KEY_SLOT],
    ]);
  });

  test('of some slots reads theirs alone, and what nobody follows is not recorded', () => {
    const { driver, log } = open();
    const one = log.open([slotOf('a'), slotOf('b')])!;
    const other = log.open([slotOf('c')])!;
    for (const key of ['a', 'b', 'c', 'd']) driver.set(key, '1', NOW_MS);
    expect(one.lag).toBe(3);
    expect(readAll(one)).toEqual(['written a', 'written b']);
    expect(readAll(other)).toEqual(['written c']);
    one.close();
    driver.set('a', '2', NOW_MS);
    driver.set('c', '2', NOW_MS);
    expect(other.lag).toBe(1);
    other.close();
    other.close();
    expect(log.consumerCount).toBe(0);
    const head = new Int32Array(driver.store.handle.changes)[CHANGE_HEAD];
    driver.set('c', '3', NOW_MS);
    expect(new Int32Array(driver.store.handle.changes)[CHANGE_HEAD]).toBe(head);
  });

  test('knows how far it has read, and reads nothing of what another node brought', () => {
    const { driver, log } = open();
    const consumer = log.open(null)!;
    for (const key of ['a', 'b']) driver.set(key, '1', NOW_MS);
    const { position } = consumer;
    expect([consumer.end - position, driver.store.parts.changes.position, log.end]).toEqual([
      2,
      consumer.end,
      consumer.end,
    ]);
    driver.store.recordsWrites = null;
    driver.set('a', '2', NOW_MS);
    driver.delete('b', NOW_MS);
    driver.store.recordsWrites = 'changes';
    expect(readAll(consumer)).toEqual(['written a', 'written b']);
    expect(consumer.position).toBe(position + 2);
  });

  test('goes round the ring with keys of any length', () => {
    const { driver, log } = open();
    const consumer = log.open(null)!;
    const random = seededRandom(7);
    let bytes = 0;
    while (bytes < 4 * MIB) {
      const expected: string[] = [];
      for (let count = Math.floor(random() * 10); count >= 0; count -= 1) {
        const length = random() < 0.1 ? Math.floor(random() * 16_000) : Math.floor(random() * 50);
        const key = `${bytes}:${'k'.repeat(length)}`;
        bytes += key.length + 14;
        driver.set(key, '', NOW_MS);
        expected.push(`written ${key}`);
      }
      expect(readAll(consumer).filter((text) => text.startsWith('written'))).toEqual(expected);
    }
    expect(log.lostCount).toBe(0);
  });

  test('that passes over what it has not read goes on behind it, and is lost no longer', () => {
    const { driver, log } = open();
    const consumer = log.open(null)!;
    for (let written = 0; log.lostCount === 0; written += 1) driver.set(`key:${written}`, '', NOW_MS);
    expect(readAll(consumer)).toEqual(['lost']);
    consumer.skipToEnd();
    expect(consumer.isLost).toBeFalse();
    expect(consumer.position).toBe(log.sequence);
    expect([consumer.lag, consumer.lagShare, readAll(consumer)]).toEqual([0, 0, []]);
    driver.set('later', '1', NOW_MS);
    expect(consumer.position).toBe((log.sequence - 1) | 0);
    expect(readAll(consumer)).toEqual(['written later']);
    expect(consumer.position).toBe(log.sequence);
    // Its place was its own throughout: the ring minds it again.
    for (let written = 0; log.lostCount === 1; written += 1) driver.set(`key:${written}`, '', NOW_MS);
    expect(readAll(consumer)).toEqual(['lost']);
  });

  test('is lost where the ring overtook it, and told so, while another is not', () => {
    const { driver, log } = open();
    const slow = log.open(null)!;
    const quick = log.open(null)!;
    let written = 0;
    for (; log.lostCount === 0; written += 1) {
      expect(slow.isLost).toBe(false);
      driver.set(`key:${written % 50}`, '1', NOW_MS);
      // Up to here nothing that it has not read is overwritten, and beyond it is told.
      expect(slow.lagShare > 1).toBe(slow.isLost);
      if (written % 100 === 0) readAll(quick);
    }
    expect(written).toBeGreaterThan(2 ** 19 / 25);
    expect(slow.isLost).toBe(true);
    expect(readAll(slow)).toEqual(['lost']);
    driver.set('after', '1', NOW_MS);
    expect(readAll(slow)).toEqual(['lost']);
    expect(readAll(quick).at(-1)).toBe('written after');
    slow.close();
    const again = log.open(null)!;
    driver.set('again', '1', NOW_MS);
    expect(readAll(again)).toEqual(['written again']);
    expect(log.lostCount).toBe(1);
  });

  test('that is overtaken in the middle of a read gives nothing that was overwritten', () => {
    const { driver, log } = open();
    const consumer = log.open(null)!;
    for (let number = 0; number < 10; number += 1) driver.set(`key:${number}`, '1', NOW_MS);
    const record = new ChangeRecord();
    const cursors = new Int32Array(driver.store.handle.changes);
    let overtaken = false;
    // The copy is made; before the reader looks whether it was lost, the ring goes round.
    Atomics.store = ((words: Int32Array, index: number, value: number): number => {
      const result = storeWord(words, index, value);
      if (words.buffer === cursors.buffer && index < CHANGE_RING && index !== CHANGE_HEAD && !overtaken && value > 0) {
        overtaken = true;
        Atomics.store = storeWord;
        while (!consumer.isLost) driver.set('other', '1', NOW_MS);
      }
      return result;
    }) as typeof storeWord;
    expect(consumer.read(record)).toBe(ChangeReading.lost);
    expect(overtaken).toBe(true);
  });

  test('finds no place where there are as many as may be, and one when another is closed', () => {
    const { log } = open();
    const consumers = Array.from({ length: ChangeLog.consumerCountMax }, () => log.open(null)!);
    expect(consumers).not.toContain(null);
    expect(log.open(null)).toBeNull();
    consumers[3]!.close();
    expect(log.open(null)).not.toBeNull();
  });
});

test('two threads that record at the same time wait for each other', () => {
  const { driver, log } = open();
  const other = new StoreDriver(Store.attach(driver.store.handle, 1));
  other.store.enter();
  const consumer = log.open(null)!;
  let waited = 0;
  Atomics.store = ((words: Int32Array, index: number, value: number): number => {
    if (words.buffer === driver.store.handle.changes && index === CHANGE_HEAD) {
      Atomics.store = storeWord;
      Atomics.wait = (): never => {
        throw new Error('has to wait');
      };
      // The first one's record is written, and is not published yet.
      try {
        other.set('other', '1', NOW_MS);
      } catch (error) {
        expect(String(error)).toContain('has to wait');
        waited += 1;
      }
      Atomics.wait = wait;
    }
    return storeWord(words, index, value);
  }) as typeof storeWord;
  driver.set('one', '1', NOW_MS);
  expect(waited).toBe(1);
  driver.set('one', '2', NOW_MS);
  expect(readAll(consumer)).toEqual(['written one', 'written one']);
});

test('a write that was not recorded because it began before somebody listened is waited for by who then reads the key', () => {
  const { driver, log } = open();
  const other = new StoreDriver(Store.attach(driver.store.handle, 1));
  other.store.enter();
  const { control } = driver.store.parts.memory;
  let waited = 0;
  Atomics.load = ((words: Int32Array, index: number): number => {
    const value = load(words, index);
    if (words !== control || index !== CONTROL_CHANGE_CONSUMERS) return value;
    Atomics.load = load;
    Atomics.wait = (): never => {
      throw new Error('has to wait');
    };
    // The writer has seen that nobody listens, and has its bucket locked.
    log.open(null);
    for (let cursor = 0; waited === 0; ) {
      try {
        cursor = other.store.scan(cursor, 0, other.batch, NOW_MS);
        expect(cursor).not.toBe(0);
      } catch (error) {
        expect(String(error)).toContain('has to wait');
        waited += 1;
      }
    }
    Atomics.wait = wait;
    return value;
  }) as typeof load;
  driver.set('a', '1', NOW_MS);
  expect(waited).toBe(1);
  expect(log.consumerCount).toBe(1);
});

test('positions and sequence numbers that pass 2^32 change nothing', () => {
  const { driver, log } = open();
  const words = new Int32Array(driver.store.handle.changes);
  words[CHANGE_HEAD] = -40;
  words[CHANGE_SEQUENCE] = -3;
  words[CHANGE_LIMIT] = -40;
  const consumer = log.open(null)!;
  for (let number = 0; number < 20; number += 1) driver.set(`key:${number}`, '1', NOW_MS);
  expect(words[CHANGE_HEAD]).toBeGreaterThan(0);
  expect(consumer.lag).toBe(20);
  expect(readAll(consumer)).toHaveLength(20);
});

test('writers are told to wait by slot', () => {
  const { driver, log } = open();
  expect(driver.store.writersWait(5)).toBe(false);
  log.setWritersWait([5, 6], true);
  expect([5, 6, 7].map((slot) => driver.store.writersWait(slot))).toEqual([true, true, false]);
  const consumer = log.open([5])!;
  consumer.close();
  expect(driver.store.writersWait(5)).toBe(true);
  log.setWritersWait([5], false);
  expect(driver.store.writersWait(5)).toBe(false);
});

test('a store without a log records nothing', () => {
  const store = Store.create({ memoryBytes: MIB, segmentBytes: 16_384, threadCount: 1, eviction: 's3fifo' });
  store.enter();
  expect(new StoreDriver(store).set('a', '1', NOW_MS)).toBe(1);
  expect(store.writersWait(0)).toBe(false);
  expect(() => new ChangeLog(store.handle)).toThrow('change log');
});
