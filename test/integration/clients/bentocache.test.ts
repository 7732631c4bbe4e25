/** bentocache with a memory and a Redis layer, kept in step between two instances by its Redis bus. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';
import { startTarget, type Target } from '../../support/client-target.ts';

let target: Target;
let redis: Redis;
const open: { disconnectAll(): Promise<void> }[] = [];
beforeAll(async () => {
  target = await startTarget();
  redis = new Redis(target.port, target.host);
});
beforeEach(() => redis.flushall());
afterEach(async () => {
  await Promise.all(open.splice(0).map((bento) => bento.disconnectAll()));
});
afterAll(async () => {
  await redis.quit();
  await target.stop();
});

function layered() {
  const connection = { host: target.host, port: target.port };
  const bento = new BentoCache({
    default: 'layered',
    stores: {
      layered: bentostore()
        .useL1Layer(memoryDriver({ maxItems: 1000 }))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection })),
      remote: bentostore().useL2Layer(redisDriver({ connection, prefix: 'remote' })),
    },
  });
  open.push(bento);
  return bento;
}

/** Resolves once `count` instances listen, over a connection each. */
async function subscribed(count: number): Promise<void> {
  for (;;) {
    const [channel] = (await redis.pubsub('CHANNELS')) as string[];
    if (channel !== undefined && (await redis.pubsub('NUMSUB', channel))[1] === count) return;
  }
}

test('getOrSet computes once for many callers, and others find the value in Redis', async () => {
  const bento = layered();
  let calls = 0;
  const factory = async (): Promise<{ n: number }> => ({ n: (calls += 1) });
  const values = await Promise.all(
    Array.from({ length: 20 }, () => bento.getOrSet({ key: 'user:1', factory, ttl: '1m' })),
  );
  expect(values).toEqual(Array.from({ length: 20 }, () => ({ n: 1 })));
  expect(await layered().getOrSet({ key: 'user:1', factory })).toEqual({ n: 1 });
  const [key = ''] = await redis.keys('*user:1*');
  expect(await redis.pttl(key)).toBeWithin(50_000, 60_001);
  // What would still be on its way when the connections end would fail.
  await subscribed(2);
});

test('set, has, pull, delete, getMany', async () => {
  const cache = layered().use('remote');
  await cache.set({ key: 'a', value: { x: 1 }, ttl: '10m' });
  expect(await cache.get({ key: 'a' })).toEqual({ x: 1 });
  expect(await cache.has({ key: 'a' })).toBe(true);
  expect(await cache.missing({ key: 'b' })).toBe(true);
  expect(await cache.pull('a')).toEqual({ x: 1 });
  expect(await cache.has({ key: 'a' })).toBe(false);
  await cache.setForever({ key: 'b', value: 'kept' });
  await cache.set({ key: 'c', value: 'gone' });
  expect(await cache.deleteMany({ keys: ['c'] })).toBe(true);
  expect(await cache.get({ key: 'c' })).toBeUndefined();
  expect(await cache.get({ key: 'b' })).toBe('kept');
});

test('a write in one instance drops the value from the memory of the other', async () => {
  const first = layered();
  const second = layered();
  // The bus connects with the first use.
  await first.set({ key: 'price', value: 1 });
  expect(await second.get({ key: 'price' })).toBe(1);
  await second.set({ key: 'other', value: 1 });
  await subscribed(2);
  await first.set({ key: 'price', value: 2 });
  let value = await second.get({ key: 'price' });
  while (value !== 2) {
    // The message may still be under way; the event loop must turn for it to arrive.
    await redis.ping();
    value = await second.get({ key: 'price' });
  }
  expect(value).toBe(2);
});

test('tags', async () => {
  const cache = layered().use('remote');
  await cache.set({ key: 'post:1', value: 'a', tags: ['posts', 'ada'] });
  await cache.set({ key: 'post:2', value: 'b', tags: ['posts'] });
  await cache.set({ key: 'user:1', value: 'c', tags: ['users'] });
  await cache.deleteByTag({ tags: ['posts'] });
  expect(await cache.get({ key: 'post:1' })).toBeUndefined();
  expect(await cache.get({ key: 'post:2' })).toBeUndefined();
  expect(await cache.get({ key: 'user:1' })).toBe('c');
});

test('clear stays in its namespace', async () => {
  const cache = layered().use('remote');
  const users = cache.namespace('users');
  await Promise.all(Array.from({ length: 200 }, (_, index) => users.set({ key: `u${index}`, value: index })));
  await cache.set({ key: 'outside', value: 1 });
  expect(await users.get({ key: 'u199' })).toBe(199);
  await users.clear();
  expect(await users.get({ key: 'u199' })).toBeUndefined();
  expect(await cache.get({ key: 'outside' })).toBe(1);
});

test('a value past its time is served while the new one cannot be computed', async () => {
  const cache = layered().use('remote');
  await cache.set({ key: 'rate', value: 'old', ttl: '1ms', grace: '10m' });
  const factory = (): never => {
    throw new Error('the source is down');
  };
  const served: unknown = await cache.getOrSet({ key: 'rate', factory, ttl: '1ms', grace: '10m' });
  expect(served).toBe('old');
});
