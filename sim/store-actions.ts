/** What clients and the store do to a store, at random: few keys in few databases, so that they meet. */
import type { Store } from '../src/store/store.ts';
import { Key, NO_EXPIRY, WriteOptions } from '../src/store/types.ts';
import type { Chance } from './randomness.ts';

const KEY_COUNT = 120;
const DATABASES = 3;
const FLOOD_KEYS = 20_000;

export class StoreActions {
  private readonly store: Store;
  private readonly chance: Chance;
  private readonly key = new Key();
  private readonly options = new WriteOptions();
  private valueNumber = 0;

  constructor(store: Store, chance: Chance) {
    this.store = store;
    this.chance = chance;
  }

  /** A few changes; `afterEach` is called after each of them. */
  some(wallMs: number, afterEach: () => void): void {
    for (let count = this.chance.below(40); count > 0; count -= 1) {
      this.one(wallMs);
      afterEach();
    }
  }

  /** More changes than the change log holds. */
  flood(wallMs: number, afterEach: () => void): void {
    for (let number = 0; number < FLOOD_KEYS; number += 1) {
      this.set(`flood:${number}`, 0, 8, NO_EXPIRY, wallMs);
      if (number % 100 === 0) afterEach();
    }
    afterEach();
  }

  private one(wallMs: number): void {
    const { chance, store } = this;
    const database = chance.below(DATABASES);
    const key = `key:${Math.floor(KEY_COUNT * chance.fraction() ** 2)}`;
    const what = chance.fraction();
    if (what < 0.6) this.set(key, database, this.length(), this.expiry(wallMs), wallMs);
    else if (what < 0.8) store.delete(this.keyOf(key, database), null, wallMs);
    else if (what < 0.95) store.expire(this.keyOf(key, database), this.expiry(wallMs), 0, wallMs);
    else if (what < 0.975) this.alone(() => store.swapDatabases(database, chance.below(DATABASES)));
    else if (what < 0.995) this.alone(() => store.flush(database, wallMs));
    else this.alone(() => store.flush(-1, wallMs));
  }

  private set(key: string, database: number, length: number, expiresAtMs: number, wallMs: number): void {
    this.valueNumber += 1;
    const value = Buffer.alloc(length, `${this.valueNumber}:`);
    const options = this.options.reset();
    options.expiresAtMs = expiresAtMs;
    options.raw = this.chance.happens(0.2);
    this.store.set(this.keyOf(key, database), value, 0, length, options, wallMs);
  }

  private alone(change: () => void): void {
    this.store.enter();
    this.store.beginExclusive();
    change();
    this.store.endExclusive();
    this.store.leave();
  }

  private length(): number {
    const { chance } = this;
    if (chance.happens(0.01)) return chance.below(400_000);
    return chance.happens(0.1) ? chance.below(20_000) : chance.below(600);
  }

  private expiry(wallMs: number): number {
    return this.chance.happens(0.7) ? NO_EXPIRY : wallMs + 1 + Math.floor(this.chance.exponential(3000));
  }

  private keyOf(key: string, database: number): Key {
    const bytes = Buffer.from(key);
    return this.key.assign(bytes, 0, bytes.length, database);
  }
}
