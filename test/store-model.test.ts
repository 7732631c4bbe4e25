/**
 * A million random operations on the store and on a naive `Map`, with virtual time: every answer is the same. The store has room for all, so
 * nothing may be missing; a second run is short of memory, where a key may be gone but never wrong.
 */
import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../src/base/random.ts';
import { auditStore } from '../src/store/audit.ts';
import { Store } from '../src/store/store.ts';
import { ExpireCondition, WriteCondition, WriteResult } from '../src/store/types.ts';
import { StoreDriver } from './support/store-driver.ts';

interface ModelItem {
  value: string;
  expiresAtMs: number;
}

/** The naive model: what the store's contract says, in as few words as possible. */
class Model {
  private readonly items = new Map<string, ModelItem>();

  find(key: string, nowMs: number): ModelItem | null {
    const item = this.items.get(key);
    if (item === undefined || (item.expiresAtMs !== 0 && item.expiresAtMs <= nowMs)) {
      this.items.delete(key);
      return null;
    }
    return item;
  }

  set(key: string, value: string, expiresAtMs: number): void {
    this.items.set(key, { value, expiresAtMs });
  }

  delete(key: string, nowMs: number): boolean {
    const found = this.find(key, nowMs) !== null;
    this.items.delete(key);
    return found;
  }

  liveKeys(nowMs: number): string[] {
    return [...this.items.keys()].filter((key) => this.find(key, nowMs) !== null);
  }
}

const START_MS = 1_750_000_000_000;

interface RunOptions {
  readonly operations: number;
  readonly seed: number;
  readonly memoryBytes: number;
  readonly segmentBytes: number;
  readonly keys: number;
  readonly valueBytesMax: number;
  readonly eviction: 's3fifo' | 'noeviction';
  /** Whether the store may have lost a key that the model has. */
  readonly mayForget: boolean;
}

function run(options: RunOptions): StoreDriver {
  const random = seededRandom(options.seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const driver = new StoreDriver(Store.create({ ...options, threadCount: 1, hashSeed: [options.seed, 7] }));
  const { store } = driver;
  const model = new Model();
  let nowMs = START_MS;
  const pattern = Array.from({ length: 4096 }, (_, index) => String.fromCharCode(97 + ((index * 7) % 26))).join('');
  const newValue = (): string => {
    const length = random() < 0.02 ? below(options.valueBytesMax) : below(120);
    const tag = `${below(1_000_000)}:`;
    return (tag + pattern.repeat(Math.ceil(length / pattern.length))).slice(0, length);
  };
  // What an eviction took is taken from the model too, once it shows.
  const expected = (key: string, database: number): ModelItem | null => {
    const item = model.find(`${database}/${key}`, nowMs);
    if (item === null || !options.mayForget || store.has(driver.key(key, database), nowMs)) return item;
    model.delete(`${database}/${key}`, nowMs);
    return null;
  };

  store.enter();
  for (let operation = 0; operation < options.operations; operation += 1) {
    if (random() < 0.3) nowMs += below(20);
    const key = `k${below(options.keys)}${random() < 0.01 ? 'long'.repeat(100) : ''}`;
    const database = random() < 0.1 ? 1 + below(3) : 0;
    const name = `${database}/${key}`;
    const choice = below(100);
    if (choice < 35) {
      const item = expected(key, database);
      const found = driver.get(key, nowMs, database);
      if (found !== (item?.value ?? null))
        expect({ operation, key, found }).toEqual({ operation, key, found: item?.value ?? null });
    } else if (choice < 65) {
      const value = newValue();
      let item = expected(key, database);
      const expiresAtMs = random() < 0.3 ? nowMs + 1 + below(4000) : 0;
      const keepExpiry = random() < 0.2;
      const condition =
        random() < 0.8 ? WriteCondition.always : random() < 0.5 ? WriteCondition.ifAbsent : WriteCondition.ifPresent;
      const result = driver.set(
        key,
        value,
        nowMs,
        (write) => {
          write.expiresAtMs = expiresAtMs;
          write.keepExpiry = keepExpiry;
          write.condition = condition;
        },
        database,
      );
      // The room for the new value may have been made of the old one.
      if (options.mayForget && !driver.options.oldFound) item = null;
      const allowed =
        condition === WriteCondition.always || (condition === WriteCondition.ifPresent) === (item !== null);
      if (result === WriteResult.outOfMemory) {
        if (!options.mayForget && options.eviction !== 'noeviction')
          throw new Error(`operation ${operation} found no memory`);
      } else {
        if (result !== (allowed ? WriteResult.stored : WriteResult.notStored))
          expect({ operation, key, result }).toBeNull();
        if (driver.options.oldFound !== (item !== null)) expect({ operation, key, oldFound: item !== null }).toBeNull();
        if (allowed) model.set(name, value, keepExpiry ? (item?.expiresAtMs ?? 0) : expiresAtMs);
      }
    } else if (choice < 75) {
      const item = expected(key, database);
      const found = driver.delete(key, nowMs, database);
      if (found !== (item !== null)) expect({ operation, key, found }).toBeNull();
      model.delete(name, nowMs);
    } else if (choice < 88) {
      const item = expected(key, database);
      const condition = [
        0,
        0,
        ExpireCondition.ifNone,
        ExpireCondition.ifSome,
        ExpireCondition.ifGreater,
        ExpireCondition.ifLess,
      ][below(6)]!;
      const kind = below(10);
      const atMs = kind === 0 ? 0 : kind === 1 ? nowMs - below(5) : nowMs + 1 + below(4000);
      const result = store.expire(driver.key(key, database), atMs, condition, nowMs);
      const current = item === null || item.expiresAtMs === 0 ? Number.POSITIVE_INFINITY : item.expiresAtMs;
      const allowed =
        item !== null &&
        (atMs === 0
          ? item.expiresAtMs !== 0
          : condition === 0 ||
            (condition === ExpireCondition.ifNone && item.expiresAtMs === 0) ||
            (condition === ExpireCondition.ifSome && item.expiresAtMs !== 0) ||
            (condition === ExpireCondition.ifGreater && atMs > current) ||
            (condition === ExpireCondition.ifLess && atMs < current));
      if (result !== WriteResult.outOfMemory) {
        if (result !== (allowed ? WriteResult.stored : WriteResult.notStored))
          expect({ operation, key, result, allowed }).toBeNull();
        if (allowed && atMs !== 0 && atMs <= nowMs) model.delete(name, nowMs);
        else if (allowed) model.set(name, item.value, atMs);
      }
    } else if (choice < 96) {
      let item = expected(key, database);
      const appended = newValue().slice(0, 40);
      const result = driver.update(
        key,
        nowMs,
        (value) => {
          if (options.mayForget && value === null) item = null;
          return (value ?? '').slice(0, options.valueBytesMax - 40) + appended;
        },
        database,
      );
      if (result === WriteResult.stored) {
        model.set(name, (item?.value ?? '').slice(0, options.valueBytesMax - 40) + appended, item?.expiresAtMs ?? 0);
      }
    } else if (choice < 97) {
      if (operation % 64 === 0) store.parts.reclaimer.removeExpired(16, nowMs);
    } else {
      const item = expected(key, database);
      const found = store.inspect(driver.key(key, database), driver.info, random() < 0.5, nowMs);
      if (found !== (item !== null)) expect({ operation, key, found }).toBeNull();
      if (
        item !== null &&
        (driver.info.expiresAtMs !== item.expiresAtMs || driver.info.valueLength !== item.value.length)
      ) {
        expect(driver.info).toMatchObject({ expiresAtMs: item.expiresAtMs, valueLength: item.value.length });
      }
    }
    if (operation % 200_000 === 199_999) expect(auditStore(store.parts)).toEqual([]);
  }
  for (const database of [0, 1, 2, 3]) {
    const stored = driver
      .keys(nowMs, database)
      .map((key) => `${database}/${key}`)
      .toSorted();
    const modelled = model
      .liveKeys(nowMs)
      .filter((name) => name.startsWith(`${database}/`))
      .toSorted();
    if (options.mayForget) expect(modelled).toEqual(expect.arrayContaining(stored));
    else expect(stored).toEqual(modelled);
  }
  expect(auditStore(store.parts)).toEqual([]);
  store.leave();
  return driver;
}

describe('the store against a naive model', () => {
  test('a million operations with room for everything', () => {
    const driver = run({
      operations: 1_000_000,
      seed: 1,
      memoryBytes: 32 * 2 ** 20,
      segmentBytes: 65_536,
      keys: 20_000,
      valueBytesMax: 20_000,
      eviction: 's3fifo',
      mayForget: false,
    });
    expect(driver.store.stats().evicted).toBe(0);
  }, 60_000);

  test('with a tenth of the memory it would need, keys go missing and nothing else', () => {
    const driver = run({
      operations: 200_000,
      seed: 2,
      memoryBytes: 768 * 1024,
      segmentBytes: 8192,
      keys: 20_000,
      valueBytesMax: 30_000,
      eviction: 's3fifo',
      mayForget: true,
    });
    expect(driver.store.stats().evicted).toBeGreaterThan(1000);
  }, 30_000);

  test('under noeviction a write may be refused and nothing goes missing', () => {
    const driver = run({
      operations: 200_000,
      seed: 3,
      memoryBytes: 1024 * 1024,
      segmentBytes: 8192,
      keys: 20_000,
      valueBytesMax: 30_000,
      eviction: 'noeviction',
      mayForget: false,
    });
    expect(driver.store.stats().evicted).toBe(0);
    const values = Array.from({ length: 64 }, (_, index) => driver.set(`more${index}`, 'x'.repeat(30_000), START_MS));
    expect(values).toContain(WriteResult.outOfMemory);
    expect(auditStore(driver.store.parts)).toEqual([]);
  }, 30_000);

  test('many small keys make the index grow far beyond its first segment', () => {
    const driver = run({
      operations: 150_000,
      seed: 4,
      memoryBytes: 24 * 2 ** 20,
      segmentBytes: 4096,
      keys: 100_000,
      valueBytesMax: 3000,
      eviction: 's3fifo',
      mayForget: false,
    });
    expect(driver.store.parts.index.bucketCount).toBeGreaterThan(2048);
  }, 30_000);
});
