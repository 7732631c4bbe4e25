/** Items by hash slot: the counters against a model, and the walks that find, hide and remove the items of some slots. */
import { expect, test } from 'bun:test';
import { StoreDriver } from '../../test/support/store-driver.ts';
import { KEY_SLOT_COUNT, keySlot } from '../base/key-slot.ts';
import { seededRandom } from '../base/random.ts';
import { auditStore } from './audit.ts';
import { ANY_NAMESPACE } from './iteration.ts';
import { KeyBatch } from './key-batch.ts';
import { controlRow, janitorRow, threadCountMax } from './memory.ts';
import { hiddenItemCount, removeSelected, scanSlots } from './slot-items.ts';
import { SlotSet } from './slot-set.ts';
import { Store } from './store.ts';

const NOW_MS = 1_750_000_000_000;
const MIB = 2 ** 20;

function open(memoryBytes = 8 * MIB): StoreDriver {
  const store = Store.create({
    memoryBytes,
    segmentBytes: 16_384,
    threadCount: 2,
    clustered: true,
    eviction: 's3fifo',
    hashSeed: [11, 13],
  });
  store.enter();
  return new StoreDriver(store);
}

function slotOf(key: string): number {
  return keySlot(Buffer.from(key), 0, key.length);
}

/** Slots that some numbers, below `count`, of keys `k<n>` are in: those of even keys. */
function evenSlots(count: number): SlotSet {
  return new SlotSet([...new Set(Array.from({ length: count / 2 }, (_, half) => slotOf(`k${half * 2}`)))]);
}

test('counters agree with the items, whoever adds, moves and removes them', () => {
  const driver = open(2 * MIB);
  const { handle } = driver.store;
  const others = [1, janitorRow(handle), controlRow(handle)].map((row) => new StoreDriver(Store.attach(handle, row)));
  for (const { store } of others) store.enter();
  const all = [driver, ...others];
  const random = seededRandom(3);
  let nowMs = NOW_MS;
  for (let count = 0; count < 32_000; count += 1) {
    const one = all[Math.floor(random() * all.length)]!;
    const key = `k${Math.floor(random() * 3000)}`;
    const database = Math.floor(random() * 3);
    const choice = random();
    if (choice < 0.7) {
      const length = random() < 0.001 ? 100_000 : Math.floor(random() * 400);
      const expiresAtMs = random() < 0.3 ? nowMs + Math.floor(random() * 5000) : 0;
      one.set(key, 'v'.repeat(length), nowMs, (options) => void (options.expiresAtMs = expiresAtMs), database);
    } else if (choice < 0.9) one.delete(key, nowMs, database);
    else if (choice < 0.95) one.store.expire(one.key(key, database), nowMs + 2000, 0, nowMs);
    else if (choice < 0.97) one.store.parts.reclaimer.reclaimOnce(nowMs);
    else one.store.parts.reclaimer.removeExpired(8, nowMs);
    nowMs += random() < 0.1 ? 10 : 0;
    if (count % 5000 === 4999) {
      expect(auditStore(driver.store.parts)).toEqual([]);
      for (const { store } of others) store.leave();
      driver.store.beginExclusive();
      driver.store.flush(count % 10_000 === 9999 ? -1 : 1, nowMs);
      driver.store.endExclusive();
      for (const { store } of others) store.enter();
      expect(auditStore(driver.store.parts)).toEqual([]);
    }
  }
  const { evicted, expired } = driver.store.stats();
  expect([evicted > 1000, expired > 100]).toEqual([true, true]);
  let items = 0;
  for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1) items += driver.store.slotCount(slot);
  expect(items).toBe(driver.store.stats().itemCount);
  expect(items).toBeGreaterThan(0);
});

test('an audit sees a counter that is wrong', () => {
  const driver = open();
  driver.set('a', '1', NOW_MS);
  new Float64Array(driver.store.handle.slotBytes)[slotOf('a')]! += 4;
  expect(auditStore(driver.store.parts)).toEqual([expect.stringContaining(`hash slot ${slotOf('a')} counts 1 items`)]);
});

test('bytes of a slot are those of its items in the log', () => {
  const driver = open();
  driver.set('{a}1', 'v'.repeat(1000), NOW_MS);
  driver.set('{a}2', 'v'.repeat(100_000), NOW_MS, undefined, 4);
  expect(driver.store.slotBytes(slotOf('a'))).toBe(driver.store.stats().liveBytes);
  driver.set('{a}1', 'v'.repeat(2000), NOW_MS);
  expect(driver.store.slotBytes(slotOf('a'))).toBe(driver.store.stats().liveBytes);
  driver.delete('{a}2', NOW_MS, 4);
  expect(driver.store.slotBytes(slotOf('a'))).toBe(driver.store.stats().liveBytes);
  expect(driver.store.slotCount(slotOf('a'))).toBe(1);
});

test('keys of a slot, up to as many as wanted', () => {
  const driver = open();
  const batch = new KeyBatch();
  for (let number = 0; number < 5000; number += 1)
    driver.set(number % 10 === 0 ? `{a}${number}` : `k${number}`, 'v', NOW_MS);
  const keysOf = (countMax: number): string[] => {
    driver.store.slotKeys(slotOf('a'), countMax, batch, NOW_MS);
    return Array.from({ length: batch.count }, (_, index) =>
      Buffer.from(batch.bytes).toString('latin1', batch.starts[index], batch.starts[index]! + batch.lengths[index]!),
    );
  };
  const all = keysOf(1000);
  expect(new Set(all)).toEqual(new Set(Array.from({ length: 500 }, (_, number) => `{a}${number * 10}`)));
  expect(keysOf(7)).toHaveLength(7);
  expect(keysOf(0)).toEqual([]);
});

test('a scan by slots meets all their keys, of all databases, while the index grows', () => {
  const driver = open();
  for (let number = 0; number < 2000; number += 1) driver.set(`k${number}`, 'v', NOW_MS, undefined, number % 3);
  const slots = evenSlots(2000);
  const batch = new KeyBatch();
  const found = new Set<string>();
  let cursor = 0;
  let added = 0;
  do {
    cursor = scanSlots(driver.store.parts, cursor, slots, batch, NOW_MS);
    for (let index = 0; index < batch.count; index += 1) {
      const start = batch.starts[index]!;
      found.add(
        `${batch.namespaces[index]}:${Buffer.from(batch.bytes).toString('latin1', start, start + batch.lengths[index]!)}`,
      );
    }
    if (added < 20_000) for (let count = 0; count < 20; count += 1, added += 1) driver.set(`new${added}`, '', NOW_MS);
  } while (cursor !== 0);
  for (let number = 0; number < 2000; number += 2) expect(found.has(`${number % 3}:k${number}`)).toBe(true);
  expect([...found].every((key) => slots.has(slotOf(key.slice(2))))).toBe(true);
});

test('a removal leaves the items of other slots, and other databases, alone', () => {
  const driver = open();
  for (let number = 0; number < 2000; number += 1) driver.set(`k${number}`, 'v', NOW_MS, undefined, number % 4);
  const slots = evenSlots(2000);
  const remove = (namespace: number): void => {
    let cursor = 0;
    do cursor = removeSelected(driver.store.parts, cursor, { namespace, slots });
    while (cursor !== 0);
  };
  const left = (): number[] => {
    const numbers: number[] = [];
    for (let number = 0; number < 2000; number += 1)
      if (driver.get(`k${number}`, NOW_MS, number % 4) !== null) numbers.push(number);
    return numbers;
  };
  const all = left();
  remove(2);
  expect(left()).toEqual(all.filter((number) => number % 4 !== 2));
  remove(ANY_NAMESPACE);
  expect(left()).toEqual(all.filter((number) => !slots.has(slotOf(`k${number}`))));
  expect(auditStore(driver.store.parts)).toEqual([]);
});

test('what is hidden is not scanned, drawn or counted, and a flush leaves it', () => {
  const driver = open();
  const hidden = evenSlots(1000);
  const visible = { has: (slot: number) => !hidden.has(slot) };
  const shown: string[] = [];
  for (let number = 0; number < 1000; number += 1) {
    driver.set(`k${number}`, 'v', NOW_MS);
    driver.set(`k${number}`, 'v', NOW_MS, undefined, 1);
    if (visible.has(slotOf(`k${number}`))) shown.push(`k${number}`);
  }
  const { store } = driver;
  store.visibleSlots = visible;
  expect(driver.keys(NOW_MS).toSorted()).toEqual(shown.toSorted());
  expect([store.count(0), store.count(1), store.count(2)]).toEqual([shown.length, shown.length, 0]);
  expect(hiddenItemCount(store.parts, visible)).toBe(2 * (1000 - shown.length));
  const random = seededRandom(1);
  for (let count = 0; count < 200; count += 1) {
    expect(store.randomKey(0, random, driver.batch, NOW_MS)).toBe(true);
    const key = Buffer.from(driver.batch.bytes).toString(
      'latin1',
      driver.batch.starts[0],
      driver.batch.starts[0]! + driver.batch.lengths[0]!,
    );
    expect(shown).toContain(key);
  }
  store.beginExclusive();
  store.flush(0, NOW_MS);
  expect([store.count(0), store.count(1)]).toEqual([0, shown.length]);
  store.flush(-1, NOW_MS);
  store.endExclusive();
  expect([store.count(0), store.count(1)]).toEqual([0, 0]);
  expect(store.randomKey(0, random, driver.batch, NOW_MS)).toBe(false);
  store.visibleSlots = null;
  expect([store.count(0), store.count(1)]).toEqual([1000 - shown.length, 1000 - shown.length]);
  expect(auditStore(store.parts)).toEqual([]);
  store.beginExclusive();
  store.flush(-1, NOW_MS);
  store.endExclusive();
  expect(hiddenItemCount(store.parts, visible)).toBe(0);
});

test('a store that is in no cluster counts no slots', () => {
  const store = Store.create({ memoryBytes: MIB, segmentBytes: 16_384, threadCount: 1, eviction: 's3fifo' });
  store.enter();
  new StoreDriver(store).set('a', 'v', NOW_MS);
  expect([store.slotCount(slotOf('a')), store.slotBytes(slotOf('a'))]).toEqual([0, 0]);
  expect(store.handle.slotItems.byteLength + store.handle.slotBytes.byteLength + store.handle.changes.byteLength).toBe(
    0,
  );
});

test('in a cluster the control thread takes the memory of one thread more', () => {
  const geometry = { memoryBytes: 48 * 16_384, segmentBytes: 16_384 };
  expect(threadCountMax({ ...geometry, clustered: true })).toBe(threadCountMax(geometry) - 1);
});
