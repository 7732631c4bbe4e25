/** keyv over @keyv/redis, and cache-manager over keyv, as their users write them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import KeyvRedis, { createClient, createKeyv } from '@keyv/redis';
import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { startTarget, type Target } from '../../support/client-target.ts';

let target: Target;
let observer: ReturnType<typeof createClient>;
beforeAll(async () => {
  target = await startTarget();
  observer = createClient({ url: target.url });
  await observer.connect();
});
beforeEach(() => observer.flushAll());
afterAll(async () => {
  await observer.close();
  await target.stop();
});

describe('keyv with @keyv/redis', () => {
  const open = (namespace: string): Keyv => new Keyv({ store: new KeyvRedis(target.url), namespace });

  test('stores what JSON can say', async () => {
    const keyv = open('app');
    expect(await keyv.set('user', { name: 'Ada', tags: ['x', 'ü'], age: 36 })).toBe(true);
    expect(await keyv.get('user')).toEqual({ name: 'Ada', tags: ['x', 'ü'], age: 36 });
    expect(await keyv.get('nobody')).toBeUndefined();
    expect(await keyv.has('user')).toBe(true);
    expect(await keyv.delete('user')).toBe(true);
    expect(await keyv.delete('user')).toBe(false);
    expect(await keyv.has('user')).toBe(false);
    await keyv.disconnect();
  });

  test('a time to live ends an entry', async () => {
    const keyv = open('app');
    await keyv.set('long', 1, 60_000);
    await keyv.set('short', 1, 5);
    const [long = ''] = await observer.keys('*long');
    expect(await observer.pTTL(long)).toBeWithin(50_000, 60_001);
    while ((await observer.exists(long.replace('long', 'short'))) === 1);
    expect(await keyv.get('short')).toBeUndefined();
    expect(await keyv.get('long')).toBe(1);
    await keyv.disconnect();
  });

  test('many at once', async () => {
    const keyv = open('app');
    const entries = Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: index, ttl: 60_000 }));
    await keyv.setMany(entries);
    expect(await keyv.getMany(['k0', 'none', 'k49'])).toEqual([0, undefined, 49]);
    expect(await keyv.hasMany(['k0', 'none'])).toEqual([true, false]);
    expect(await keyv.deleteMany(['k0', 'k1'])).toBe(true);
    expect(await observer.dbSize()).toBe(48);
    await keyv.disconnect();
  });

  test('clear and iterate stay in their namespace', async () => {
    const users = open('users');
    const posts = open('posts');
    await users.setMany(Array.from({ length: 300 }, (_, index) => ({ key: `u${index}`, value: index })));
    await posts.set('p', 'kept');
    const seen = new Map<string, number>();
    const entries = users.iterator?.(undefined) as AsyncIterable<[string, number]>;
    for await (const [key, value] of entries) seen.set(key, value);
    expect(seen.size).toBe(300);
    expect(seen.get('u299')).toBe(299);
    await users.clear();
    expect(await users.get('u0')).toBeUndefined();
    expect(await posts.get('p')).toBe('kept');
    expect(await observer.dbSize()).toBe(1);
    await Promise.all([users.disconnect(), posts.disconnect()]);
  });

  test('clear without a namespace empties the database', async () => {
    const keyv = createKeyv(target.url, { noNamespaceAffectsAll: true });
    await observer.set('foreign', 'v');
    await keyv.set('own', 1);
    await keyv.clear();
    expect(await observer.dbSize()).toBe(0);
    await keyv.disconnect();
  });
});

describe('cache-manager', () => {
  let store: Keyv;
  let cache: Cache;
  beforeAll(() => {
    store = new Keyv({ store: new KeyvRedis(target.url), namespace: 'cm' });
    cache = createCache({ stores: [store], ttl: 60_000 });
  });
  afterAll(() => cache.disconnect());

  test('wrap computes once', async () => {
    let calls = 0;
    const compute = async (): Promise<{ n: number }> => ({ n: (calls += 1) });
    expect(await cache.wrap('page', compute)).toEqual({ n: 1 });
    expect(await cache.wrap('page', compute)).toEqual({ n: 1 });
    await cache.del('page');
    expect(await cache.wrap('page', compute, 30_000)).toEqual({ n: 2 });
    expect(calls).toBe(2);
  });

  test('concurrent wraps of one key share one computation', async () => {
    let calls = 0;
    const compute = async (): Promise<number> => (calls += 1);
    const values = await Promise.all(Array.from({ length: 20 }, () => cache.wrap('hot', compute)));
    expect(new Set(values)).toEqual(new Set([1]));
  });

  test('times to live', async () => {
    await cache.set('k', 'v', 20_000);
    expect((await cache.ttl('k')) ?? 0).toBeWithin(Date.now() + 15_000, Date.now() + 20_001);
    const [key = ''] = await observer.keys('*k');
    expect(await observer.pTTL(key)).toBeWithin(15_000, 20_001);
    await cache.set('short', 'v', 5);
    while ((await observer.exists(key.replace(/k$/, 'short'))) === 1);
    expect(await cache.get('short')).toBeUndefined();
  });

  test('many at once, delete, clear', async () => {
    await cache.mset<unknown>([
      { key: 'a', value: 1 },
      { key: 'b', value: [2] },
      { key: 'c', value: { three: 3 }, ttl: 10_000 },
    ]);
    expect(await cache.mget<unknown>(['a', 'none', 'c', 'b'])).toEqual([1, undefined, { three: 3 }, [2]]);
    expect(await cache.mdel(['a', 'b'])).toBe(true);
    expect(await cache.mget<unknown>(['a', 'b', 'c'])).toEqual([undefined, undefined, { three: 3 }]);
    await observer.set('foreign', 'v');
    expect(await cache.clear()).toBe(true);
    expect(await cache.get('c')).toBeUndefined();
    expect(await observer.keys('*')).toEqual(['foreign']);
  });
});
