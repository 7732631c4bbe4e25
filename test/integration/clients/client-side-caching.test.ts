/** Client-side caching as users of node-redis (RESP3) and ioredis (RESP2, by a second connection) write it, beside another connection that writes, with a node on each runtime. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { Redis } from 'ioredis';
import { BasicClientSideCache, BasicPooledClientSideCache, createClient, createClientPool } from 'redis';
import { nextEvent } from '../../support/next-event.ts';
import { RUNTIMES, START_TIMEOUT_MS, startTarget, type Target } from '../../support/client-target.ts';

const CACHE_OPTIONS = { ttl: 0, maxEntries: 0, evictPolicy: 'LRU', recordStats: true } as const;

describe.each(RUNTIMES)('with a node on %s', (runtime) => {
  let target: Target;
  const connectTo = (more: object = {}) => createClient({ url: target.url, RESP: 3, ...more }).connect();
  let writer: Awaited<ReturnType<typeof connectTo>>;
  beforeAll(async () => {
    target = await startTarget({ runtime });
    writer = await connectTo();
  }, START_TIMEOUT_MS);
  beforeEach(() => writer.flushAll());
  afterAll(async () => {
    await writer.close();
    await target.stop();
  });

  test('node-redis answers from its cache until another writes', async () => {
    const cache = new BasicClientSideCache(CACHE_OPTIONS);
    const client = await connectTo({ clientSideCache: cache });
    await writer.set('k', '1');
    expect(await client.get('k')).toBe('1');
    expect(await client.get('k')).toBe('1');
    expect(cache.stats()).toMatchObject({ hitCount: 1, missCount: 1 });
    for (let value = 2; value < 50; value += 1) {
      await writer.set('k', String(value));
      // Whatever the node answers after the write, the cache has been told before.
      await client.ping();
      expect(await client.get('k')).toBe(String(value));
      expect(await client.get('k')).toBe(String(value));
    }
    expect(cache.stats().hitCount).toBe(49);
    await client.close();
  });

  test('node-redis is told of everything, of expiry, and of keys that come to be', async () => {
    const cache = new BasicClientSideCache(CACHE_OPTIONS);
    const client = await connectTo({ clientSideCache: cache });
    await writer.set('k', '1');
    expect(await client.mGet(['k', 'l'])).toEqual(['1', null]);
    await writer.set('l', '2');
    await client.ping();
    expect(await client.mGet(['k', 'l'])).toEqual(['1', '2']);
    await writer.flushAll();
    await client.ping();
    expect(cache.size()).toBe(0);
    expect(await client.get('k')).toBeNull();
    await writer.set('short', 'v', { expiration: { type: 'PX', value: 60 } });
    expect(await client.get('short')).toBe('v');
    await nextEvent(cache, 'invalidate');
    expect(await client.get('short')).toBeNull();
    await client.close();
  });

  test('a pool of node-redis shares one cache', async () => {
    const cache = new BasicPooledClientSideCache(CACHE_OPTIONS);
    const pool = createClientPool({ url: target.url, RESP: 3 }, { clientSideCache: cache, minimum: 2 });
    await pool.connect();
    await writer.set('k', '1');
    for (let tries = 0; tries < 5; tries += 1) expect(await pool.get('k')).toBe('1');
    const told = nextEvent(cache, 'invalidate');
    await writer.set('k', '2');
    await told;
    expect(await pool.get('k')).toBe('2');
    await pool.close();
  });

  test('ioredis is told by a second connection in RESP2', async () => {
    const messages = new Redis(target.port, target.host);
    const client = new Redis(target.port, target.host);
    const id = String(await messages.client('ID'));
    await messages.subscribe('__redis__:invalidate');
    expect(await client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id)).toBe('OK');
    await writer.set('k', '1');
    expect(await client.get('k')).toBe('1');
    const told = nextEvent(messages, 'message');
    await writer.set('k', '2');
    const message = await told;
    await Promise.all([client.quit(), messages.quit()]);
    // It makes a text of the list of keys.
    expect(message).toEqual(['__redis__:invalidate', 'k']);
  });
});
