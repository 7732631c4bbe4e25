/** Keys that are noted before their requests run: the same answers, and nothing changed by looking. */
import { expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { auditStore } from './audit.ts';
import { BATCH_FIRST, BATCH_PLACES, REQUEST_FIRST, REQUEST_PLACES } from './keys-ahead.ts';
import { Store } from './store.ts';
import { ItemInfo, ItemSnapshot, Key, WriteOptions, WriteResult } from './types.ts';

const NOW_MS = 1_700_000_000_000;
const options = new WriteOptions();

function newStore(): Store {
  return Store.create({
    memoryBytes: 16 * 2 ** 20,
    segmentBytes: 0,
    threadCount: 1,
    eviction: 'noeviction',
    hashSeed: [7, 8],
  });
}

function keyOf(text: string, database = 0): Key {
  const bytes = Buffer.from(text, 'latin1');
  return new Key().assign(bytes, 0, bytes.length, database);
}

function note(store: Store, key: Key, wantsValue = true): Key {
  key.place = store.keysAhead.note(key.bytes, key.start, key.length, key.database, wantsValue);
  return key;
}

function set(store: Store, key: Key, value: string): WriteResult {
  const bytes = Buffer.from(value, 'latin1');
  return store.set(key, bytes, 0, bytes.length, options.reset(), NOW_MS);
}

function read(store: Store, key: Key): string | null {
  const snapshot = new ItemSnapshot();
  if (!store.read(key, snapshot, NOW_MS)) return null;
  return Buffer.from(snapshot.bytes.subarray(0, snapshot.length)).toString('latin1');
}

test('random batches of noted keys do what a map does, while the index grows under them', () => {
  const store = newStore();
  const model = new Map<string, string>();
  const random01 = seededRandom(5);
  const pick = (count: number): number => Math.floor(random01() * count);
  for (let batch = 0; batch < 3000; batch += 1) {
    store.keysAhead.begin(BATCH_FIRST);
    const texts = Array.from({ length: 1 + pick(BATCH_PLACES) }, () => `key ${pick(20_000)}`);
    const keys = texts.map((text) => note(store, keyOf(text), pick(2) === 0));
    store.keysAhead.fetch(BATCH_FIRST);
    texts.forEach((text, index) => {
      const key = keys[index]!;
      const action = pick(4);
      if (action === 0) expect(read(store, key)).toBe(model.get(text) ?? null);
      else if (action === 1) expect(store.delete(key, null, NOW_MS)).toBe(model.delete(text));
      else {
        const value = 'v'.repeat(pick(300));
        expect(set(store, key, value)).toBe(WriteResult.stored);
        model.set(text, value);
      }
    });
  }
  expect(store.count(0)).toBe(model.size);
  for (const [text, value] of model) expect(read(store, keyOf(text))).toBe(value);
  expect(auditStore(store.parts)).toEqual([]);
});

test('looking ahead changes nothing, whatever is there: no item, an expired one, a large one', () => {
  const store = newStore();
  set(store, keyOf('small'), 'x');
  set(store, keyOf('large'), 'y'.repeat(2_000_000));
  options.reset().expiresAtMs = NOW_MS + 1;
  store.set(keyOf('brief'), Buffer.from('z'), 0, 1, options, NOW_MS);
  const before = JSON.stringify(store.stats());
  const frequency = (): number => {
    const info = new ItemInfo();
    store.inspect(keyOf('small'), info, false, NOW_MS);
    return info.frequency;
  };
  const frequencyBefore = frequency();
  store.resetStats();
  store.keysAhead.begin(BATCH_FIRST);
  for (const text of ['small', 'large', 'brief', 'missing', '']) note(store, keyOf(text));
  store.keysAhead.fetch(BATCH_FIRST);
  expect(JSON.stringify(store.stats())).toBe(before);
  expect(frequency()).toBe(frequencyBefore);
});

test('a key whose database was exchanged since is found where it is now', () => {
  const store = newStore();
  set(store, keyOf('k', 0), 'zero');
  set(store, keyOf('k', 1), 'one');
  store.keysAhead.begin(BATCH_FIRST);
  const key = note(store, keyOf('k', 0));
  store.keysAhead.fetch(BATCH_FIRST);
  store.enter();
  store.beginExclusive();
  store.swapDatabases(0, 1);
  store.endExclusive();
  store.leave();
  expect(read(store, key)).toBe('one');
});

test("the keys of one request stand beside the batch's", () => {
  const store = newStore();
  const names = Array.from({ length: BATCH_PLACES + REQUEST_PLACES }, (_, index) => `key ${index}`);
  for (const name of names) set(store, keyOf(name), name);
  store.keysAhead.begin(BATCH_FIRST);
  const ofBatch = names.slice(0, BATCH_PLACES).map((name) => note(store, keyOf(name)));
  store.keysAhead.begin(REQUEST_FIRST);
  const ofRequest = names.slice(BATCH_PLACES).map((name) => note(store, keyOf(name)));
  store.keysAhead.fetch(REQUEST_FIRST);
  expect([...ofBatch, ...ofRequest].map((key) => read(store, key))).toEqual(names);
});
