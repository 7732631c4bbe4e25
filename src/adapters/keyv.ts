/**
 * Keyv over Shoal: a storage adapter for Keyv 5 and 6, and through Keyv for cache-manager and whatever else takes a Keyv.
 *
 *     const keyv = new Keyv({ store: new KeyvShoal('127.0.0.1:7600'), namespace: 'users' });
 *
 * It keeps the conventions of @keyv/redis, the layout of keys included (`namespace::key`, where Keyv 5 adds its own prefix to `key`), so a
 * program changes one line and finds its data. Keyv 6 sees an adapter of relative times to live and wraps it by itself. Values are what Keyv's
 * serialiser returns, text by default; a client with the codec `typed` (the default) also takes plain objects, where serialising is turned off.
 *
 * A failure is told once: as the event `error`, after which the call goes on as if nothing were there (a cache that is down slows an application,
 * and does not stop it), or, with `throwOnErrors`, by rejecting. Without a listener for `error` a call rejects in both cases. Keyv listens.
 *
 * This module imports nothing of Keyv.
 */
import { EventEmitter } from 'node:events';
import { ShoalError } from '../base/errors.ts';
import { ShoalClient } from '../client/client.ts';
import type { ClientOptions } from '../client/options.ts';
import { type AnyShoalClient, type KeyScan, keyText, removeKeys, scanKeys } from './key-scan.ts';

export interface KeyvShoalOptions {
  /** What the keys of this store begin with, before the separator. Keyv sets its own here. */
  readonly namespace?: string;
  /** Stands between namespace and key; `::` by default, at least one character. */
  readonly keyPrefixSeparator?: string;
  /** Keys that a node looks at in one step of `clear` or of an iteration, about; 1 to 10000, 1000 by default. */
  readonly clearBatchSize?: number;
  /** Whether without a namespace `clear` and `iterator` mean all keys of the database, and not only those that are in no namespace. False by default. */
  readonly noNamespaceAffectsAll?: boolean;
  /** Whether calls reject where the cache fails. False by default. */
  readonly throwOnErrors?: boolean;
}

/** As Keyv hands entries to `setMany`; `ttl` in ms. */
export interface KeyvShoalEntry {
  readonly key: string;
  readonly value: unknown;
  readonly ttl?: number | undefined;
}

export class KeyvShoal extends EventEmitter {
  readonly client: AnyShoalClient;
  /** Keyv writes it. */
  namespace: string | undefined;
  /** Keyv 5 reads `dialect`: an adapter can be iterated if it is one that it knows. The rest is what was given. */
  readonly opts: { readonly dialect: 'redis'; readonly url: string } & Required<Omit<KeyvShoalOptions, 'namespace'>>;
  private readonly ownsClient: boolean;

  /**
   * @param connect a client, which stays the caller's; or the options or the address of one that is made here, connects when it is used, and
   * is closed by `disconnect`. Throws `InvalidOption`.
   */
  constructor(connect: AnyShoalClient | ClientOptions | string = DEFAULT_ADDRESS, options: KeyvShoalOptions = {}) {
    super();
    checkOptions(options);
    this.opts = {
      dialect: 'redis',
      url: typeof connect === 'string' ? connect : '',
      keyPrefixSeparator: options.keyPrefixSeparator ?? '::',
      clearBatchSize: options.clearBatchSize ?? 1000,
      noNamespaceAffectsAll: options.noNamespaceAffectsAll ?? false,
      throwOnErrors: options.throwOnErrors ?? false,
    };
    this.namespace = options.namespace;
    this.ownsClient = !isClient(connect);
    if (isClient(connect)) this.client = connect;
    else this.client = ShoalClient.lazy(typeof connect === 'string' ? { nodes: [connect] } : connect);
  }

  /** The value of `key`, or undefined. */
  async get<Value>(key: string): Promise<Value | undefined> {
    return this.settle<Value | undefined>(() => this.client.get<Value>(this.nameOf(key)), undefined);
  }

  /** The values in the order of `keys`; undefined for each that there is none of. */
  async getMany<Value>(keys: readonly string[]): Promise<(Value | undefined)[]> {
    return this.settle<(Value | undefined)[]>(
      () => this.client.getMany<Value>(keys.map((key) => this.nameOf(key))),
      keys.map(() => undefined),
    );
  }

  /** Stores `value`; whether that succeeded. `ttl` in ms; one that is over removes the key. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    return this.settle(() => this.store({ key, value, ttl }), false);
  }

  /** Stores several values, each with its own `ttl`; resolves to a `boolean[]`: which of them succeeded. */
  // oxlint-disable-next-line typescript/no-explicit-any -- The types of Keyv 5 ask for a promise of nothing, those of Keyv 6 for booleans.
  async setMany(entries: readonly KeyvShoalEntry[]): Promise<any> {
    const outcomes = await Promise.allSettled(entries.map((entry) => this.store(entry)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    const stored = outcomes.map((outcome) => outcome.status === 'fulfilled');
    return failed === undefined ? stored : this.settle(() => Promise.reject(failed.reason as Error), stored);
  }

  /** Removes `key`; whether it was there. */
  async delete(key: string): Promise<boolean> {
    return this.settle(() => this.client.delete(this.nameOf(key)), false);
  }

  /** Removes several keys; whether any was there. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    return this.settle(async () => (await this.client.deleteMany(keys.map((key) => this.nameOf(key)))) > 0, false);
  }

  async has(key: string): Promise<boolean> {
    return this.settle(() => this.client.exists(this.nameOf(key)), false);
  }

  /** Whether each of `keys` is there, in their order. */
  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return this.settle<boolean[]>(
      () => Promise.all(keys.map((key) => this.client.exists(this.nameOf(key)))),
      keys.map(() => false),
    );
  }

  /** Removes the namespace's keys from all nodes; without a namespace, those that are in none. Reads the names of all keys to find them. */
  async clear(): Promise<void> {
    return this.settle(() => removeKeys(this.scanOf(this.namespace)), undefined);
  }

  /**
   * Keys, without `namespace`, and values, from all nodes; `namespace` is this store's own where it is left out. What is set or removed
   * meanwhile may be seen or not. Rejects where a node fails: an end that comes too early looks like one that is right.
   */
  async *iterator<Value>(
    namespace: string | undefined = this.namespace,
  ): AsyncGenerator<[string, Awaited<Value>], void> {
    const scan = this.scanOf(namespace);
    for await (const keys of scanKeys(scan)) {
      const values = await this.client.getMany<Awaited<Value>>(keys);
      for (const [index, key] of keys.entries()) {
        const value = values[index];
        if (value !== undefined) yield [keyText(key).slice(scan.prefix.length), value];
      }
    }
  }

  /** Closes the client if it was made here. */
  async disconnect(): Promise<void> {
    if (this.ownsClient) await this.client.close();
  }

  private store({ key, value, ttl }: KeyvShoalEntry): Promise<boolean> {
    const name = this.nameOf(key);
    if (ttl === undefined || ttl === null || ttl > TTL_MS_MAX) return this.client.set(name, value);
    if (ttl <= 0) return this.client.delete(name).then(() => true);
    return this.client.set(name, value, { ttlMs: Math.ceil(ttl) });
  }

  private nameOf(key: string): string {
    return prefixOf(this.namespace, this.opts.keyPrefixSeparator) + key;
  }

  private scanOf(namespace: string | undefined): KeyScan {
    const { clearBatchSize, keyPrefixSeparator, noNamespaceAffectsAll } = this.opts;
    const prefix = prefixOf(namespace, keyPrefixSeparator);
    const scan = { client: this.client, prefix, batchKeyCount: clearBatchSize };
    if (prefix !== '' || noNamespaceAffectsAll) return scan;
    return { ...scan, accept: (key) => !key.includes(keyPrefixSeparator) };
  }

  /** What the call gives; where it fails, tells of it and gives `fallback`. */
  private async settle<T>(call: () => Promise<T>, fallback: T): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (this.opts.throwOnErrors) throw error;
      this.emit('error', error);
      return fallback;
    }
  }
}

function prefixOf(namespace: string | undefined, separator: string): string {
  return namespace === undefined || namespace === '' ? '' : namespace + separator;
}

/** By what it can do: an application may have loaded two copies of the class. */
function isClient(connect: AnyShoalClient | ClientOptions | string): connect is AnyShoalClient {
  return (
    typeof connect === 'object' && connect !== null && 'getMany' in connect && typeof connect.getMany === 'function'
  );
}

function checkOptions(options: KeyvShoalOptions): void {
  const { namespace, keyPrefixSeparator: separator, clearBatchSize } = options;
  if (namespace !== undefined && typeof namespace !== 'string') throw invalid('namespace: it must be text');
  if (separator !== undefined && (typeof separator !== 'string' || separator === '')) {
    throw invalid('keyPrefixSeparator: it must be text of at least one character');
  }
  if (clearBatchSize === undefined) return;
  if (!Number.isInteger(clearBatchSize) || clearBatchSize < 1 || clearBatchSize > BATCH_KEY_COUNT_MAX) {
    throw invalid(`clearBatchSize: ${String(clearBatchSize)} is not a whole number from 1 to ${BATCH_KEY_COUNT_MAX}`);
  }
}

function invalid(message: string): ShoalError {
  return new ShoalError('InvalidOption', message);
}

const DEFAULT_ADDRESS = '127.0.0.1:7600';
const BATCH_KEY_COUNT_MAX = 10_000;
/** Longer than the client takes, and than anybody waits: such a value does not expire. */
const TTL_MS_MAX = 2 ** 52;
