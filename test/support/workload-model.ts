/** What a store should hold, in a `Map`, changed by the same random operations; and whether it does. */
import { ItemInfo, Key, type WriteOptions, WriteResult } from '../../src/store/types.ts';
import type { Store } from '../../src/store/store.ts';
import { keySlot } from '../../src/topology/slots.ts';
import { StoreDriver } from './store-driver.ts';

interface ModelItem {
  readonly value: string;
  readonly expiresAtMs: number;
  readonly raw: boolean;
}

const DATABASES = 3;

export function slotOf(key: string): number {
  const bytes = Buffer.from(key, 'latin1');
  return keySlot(bytes, 0, bytes.length);
}

export interface ModelOptions {
  readonly random: () => number;
  readonly keys: readonly string[];
  /** A value now and then is longer than this travels in one piece. */
  readonly longValueBytes: number;
}

/** Does random operations on the store that has the key, and keeps the book. */
export class StoreModel {
  readonly databases: Map<string, ModelItem>[] = Array.from({ length: DATABASES }, () => new Map<string, ModelItem>());
  operations = 0;
  private readonly options: ModelOptions;
  private readonly drivers = new Map<Store, StoreDriver>();

  constructor(options: ModelOptions) {
    this.options = options;
  }

  /** One operation on a random key that `storeOf` gives a store for; null: not now. */
  operate(storeOf: (slot: number) => Store | null, wallMs: number): void {
    const { random, keys } = this.options;
    const key = keys[Math.floor(random() * keys.length)]!;
    const database = Math.floor(random() * DATABASES);
    const store = storeOf(slotOf(key));
    if (store === null) return;
    this.operations += 1;
    const driver = this.driver(store);
    const items = this.databases[database]!;
    this.expire(items, key, wallMs);
    const choice = random();
    store.enter();
    if (choice < 0.6) this.set(driver, database, key, wallMs);
    else if (choice < 0.8) {
      if (driver.delete(key, wallMs, database) !== items.delete(key)) throw new Error(`delete of ${key} is wrong`);
    } else {
      const expiresAtMs = random() < 0.5 ? 0 : wallMs + Math.floor(random() * 3000) - 100;
      const result = store.expire(driver.key(key, database), expiresAtMs, 0, wallMs);
      const item = items.get(key);
      const applies = item !== undefined && (expiresAtMs !== 0 || item.expiresAtMs !== 0);
      if ((result === WriteResult.stored) !== applies) throw new Error(`expire of ${key} is wrong`);
      if (applies && expiresAtMs !== 0 && expiresAtMs <= wallMs) items.delete(key);
      else if (applies) items.set(key, { ...item, expiresAtMs });
    }
    store.leave();
  }

  /** Empties a database, or all for −1, of the keys that `isThere` says are in `store`. */
  flush(store: Store, database: number, isThere: (slot: number) => boolean, wallMs: number): void {
    this.exclusive(store, () => store.flush(database, wallMs));
    for (const [number, items] of this.databases.entries()) {
      if (database !== -1 && database !== number) continue;
      for (const key of items.keys()) if (isThere(slotOf(key))) items.delete(key);
    }
  }

  /** Exchanges two databases. All keys are in `store`. */
  swap(store: Store, left: number, right: number): void {
    this.exclusive(store, () => store.swapDatabases(left, right));
    const items = this.databases[left]!;
    this.databases[left] = this.databases[right]!;
    this.databases[right] = items;
  }

  /** What differs between the model and the stores, a sentence each; the first few. `mayMiss`: items may have been evicted. */
  differences(storeOf: (slot: number) => Store, wallMs: number, mayMiss = false): string[] {
    const problems: string[] = [];
    for (const [database, items] of this.databases.entries()) {
      for (const key of this.options.keys) {
        this.expire(items, key, wallMs);
        const found = this.look(storeOf(slotOf(key)), database, key, wallMs);
        const expected = items.get(key) ?? null;
        if (found === null && mayMiss) continue;
        if (JSON.stringify(found) !== JSON.stringify(expected) && problems.length < 5)
          problems.push(`${database}:${key} is ${describe(found)}, not ${describe(expected)}`);
      }
    }
    return problems;
  }

  private look(store: Store, database: number, key: string, wallMs: number): ModelItem | null {
    const driver = this.driver(store);
    const info = new ItemInfo();
    store.enter();
    const value = driver.get(key, wallMs, database);
    store.inspect(new Key().assign(Buffer.from(key, 'latin1'), 0, key.length, database), info, false, wallMs);
    store.leave();
    return value === null ? null : { value, expiresAtMs: info.expiresAtMs, raw: info.raw };
  }

  private set(driver: StoreDriver, database: number, key: string, wallMs: number): void {
    const { random, longValueBytes } = this.options;
    const items = this.databases[database]!;
    const before = items.get(key);
    const length = random() < 0.002 ? longValueBytes : Math.floor(random() * 200);
    const value = `${this.operations}.`.repeat(Math.ceil(length / 2) + 1).slice(0, length);
    const keepExpiry = random() < 0.2;
    const expiresAtMs = keepExpiry
      ? (before?.expiresAtMs ?? 0)
      : random() < 0.3
        ? wallMs + 1 + Math.floor(random() * 2000)
        : 0;
    const raw = random() < 0.2;
    const change = (options: WriteOptions): void => {
      options.keepExpiry = keepExpiry;
      options.expiresAtMs = expiresAtMs;
      options.raw = raw;
    };
    if (driver.set(key, value, wallMs, change, database) !== WriteResult.stored) throw new Error(`no room for ${key}`);
    items.set(key, { value, expiresAtMs, raw });
  }

  private expire(items: Map<string, ModelItem>, key: string, wallMs: number): void {
    const expiresAtMs = items.get(key)?.expiresAtMs ?? 0;
    if (expiresAtMs !== 0 && expiresAtMs <= wallMs) items.delete(key);
  }

  private exclusive(store: Store, work: () => void): void {
    store.enter();
    store.beginExclusive();
    work();
    store.endExclusive();
    store.leave();
  }

  private driver(store: Store): StoreDriver {
    const known = this.drivers.get(store);
    if (known !== undefined) return known;
    const driver = new StoreDriver(store);
    this.drivers.set(store, driver);
    return driver;
  }
}

function describe(item: ModelItem | null): string {
  if (item === null) return 'absent';
  return `${item.value.length} bytes ${item.value.slice(0, 20)} until ${item.expiresAtMs}${item.raw ? ', raw' : ''}`;
}
