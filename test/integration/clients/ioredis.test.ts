/** ioredis 5 (RESP2, no HELLO) and 6 (RESP3) as their users write them, with a node on each runtime. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { Redis as Redis5 } from 'ioredis';
import { Redis as Redis6 } from 'ioredis6';
import { patternedBytes } from '../../support/patterned-bytes.ts';
import { failureOf } from '../../support/failure-of.ts';
import { nextEvent } from '../../support/next-event.ts';
import { RUNTIMES, START_TIMEOUT_MS, startTarget, type Target } from '../../support/client-target.ts';

const VERSIONS = [
  ['ioredis 5', Redis5],
  // What these tests call is the same in both versions' types.
  ['ioredis 6', Redis6 as unknown as typeof Redis5],
] as const;
const CASES = RUNTIMES.flatMap((runtime) => VERSIONS.map(([name, Redis]) => [name, runtime, Redis] as const));

describe.each(CASES)('%s with a node on %s', (_name, runtime, Redis) => {
  let target: Target;
  let redis: Redis5;
  beforeAll(async () => {
    target = await startTarget({ runtime });
    redis = new Redis(target.port, target.host);
  }, START_TIMEOUT_MS);
  beforeEach(() => redis.flushall());
  afterAll(async () => {
    await redis.quit();
    await target.stop();
  });

  test('strings', async () => {
    expect(await redis.set('greeting', 'hello')).toBe('OK');
    expect(await redis.get('greeting')).toBe('hello');
    expect(await redis.get('nothing')).toBeNull();
    expect(await redis.set('greeting', 'x', 'NX')).toBeNull();
    expect(await redis.set('greeting', 'bye', 'GET')).toBe('hello');
    expect(await redis.setnx('greeting', 'x')).toBe(0);
    expect(await redis.append('greeting', '!')).toBe(4);
    expect(await redis.strlen('greeting')).toBe(4);
    expect(await redis.getrange('greeting', -3, -2)).toBe('ye');
    expect(await redis.setrange('greeting', 1, 'uy')).toBe(4);
    expect(await redis.getdel('greeting')).toBe('buy!');
    expect(await redis.mset({ a: '1', b: '2' })).toBe('OK');
    expect(await redis.mget('a', 'missing', 'b')).toEqual(['1', null, '2']);
    expect(Number(await redis.msetnx({ b: '3', c: '3' }))).toBe(0);
    expect(await redis.incr('a')).toBe(2);
    expect(await redis.incrby('a', 40)).toBe(42);
    expect(await redis.decrby('a', 50)).toBe(-8);
    expect(await redis.incrbyfloat('a', 0.5)).toBe('-7.5');
  });

  test('times to live', async () => {
    await redis.set('session', 'v', 'EX', 100);
    expect(await redis.ttl('session')).toBeWithin(99, 101);
    expect(await redis.pexpire('session', 50_000)).toBe(1);
    expect(await redis.pttl('session')).toBeWithin(49_000, 50_001);
    expect(await redis.expire('session', 10, 'GT')).toBe(0);
    expect(await redis.persist('session')).toBe(1);
    expect(await redis.ttl('session')).toBe(-1);
    expect(await redis.ttl('nothing')).toBe(-2);
    expect(await redis.getex('session', 'EXAT', 4_000_000_000)).toBe('v');
    expect(await redis.expiretime('session')).toBe(4_000_000_000);
    await redis.set('session', 'w', 'KEEPTTL');
    expect(await redis.expiretime('session')).toBe(4_000_000_000);
    await redis.psetex('session', 1, 'short');
    while ((await redis.exists('session')) === 1);
    expect(await redis.get('session')).toBeNull();
  });

  test('keys', async () => {
    await redis.set('from', 'v', 'EX', 100);
    expect(await redis.type('from')).toBe('string');
    expect(await redis.rename('from', 'to')).toBe('OK');
    expect(await redis.ttl('to')).toBeWithin(99, 101);
    expect(await redis.copy('to', 'copy')).toBe(1);
    expect(await redis.exists('to', 'copy', 'from', 'to')).toBe(3);
    expect(await redis.touch('to', 'from')).toBe(1);
    expect((await redis.keys('*o*')).toSorted()).toEqual(['copy', 'to']);
    expect(await redis.dbsize()).toBe(2);
    expect(['to', 'copy']).toContain((await redis.randomkey()) ?? '');
    expect(await redis.unlink('to', 'copy', 'from')).toBe(2);
    expect(await redis.object('ENCODING', 'to')).toBeNull();
    await redis.set('number', '12');
    expect(await redis.object('ENCODING', 'number')).toBe('int');
    expect(await redis.memory('USAGE', 'number')).toBeGreaterThan(0);
  });

  test('keys and values are bytes', async () => {
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await redis.set(everyByte, everyByte);
    expect(await redis.getBuffer(everyByte)).toEqual(everyByte);
    expect(await redis.keysBuffer('*')).toEqual([everyByte]);
    const large = Buffer.from(patternedBytes(3 * 1024 * 1024, 7));
    await redis.set('large', large);
    expect((await redis.getBuffer('large'))?.equals(large)).toBe(true);
    expect(await redis.set('empty', '')).toBe('OK');
    expect(await redis.get('empty')).toBe('');
  });

  test('a pipeline keeps the order, and an error stays with its command', async () => {
    const pipeline = redis.pipeline();
    for (let index = 0; index < 1000; index += 1) pipeline.set(`k${index}`, String(index)).get(`k${index}`);
    pipeline.set('word', 'abc').incr('word').get('word');
    const results = (await pipeline.exec()) ?? [];
    expect(results).toHaveLength(2003);
    expect(results[1999]).toEqual([null, '999']);
    expect(results[2001]?.[0]?.message).toBe('ERR value is not an integer or out of range');
    expect(results[2002]).toEqual([null, 'abc']);
  });

  test('automatic pipelining', async () => {
    const client = new Redis({ port: target.port, host: target.host, enableAutoPipelining: true });
    await Promise.all(Array.from({ length: 200 }, (_, index) => client.set(`auto${index}`, String(index))));
    const values = await Promise.all(Array.from({ length: 200 }, (_, index) => client.get(`auto${index}`)));
    expect(values).toEqual(Array.from({ length: 200 }, (_, index) => String(index)));
    await client.quit();
  });

  test('transactions', async () => {
    expect(await redis.multi().set('a', '1').incr('a').get('a').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '2'],
    ]);
    const failing = await redis.multi().set('a', 'word').incr('a').exec();
    expect(failing?.[1]?.[0]?.message).toBe('ERR value is not an integer or out of range');
    await redis.multi({ pipeline: false });
    expect((await redis.set('a', 'never')) as string).toBe('QUEUED');
    expect(await redis.discard()).toBe('OK');
    expect(await redis.get('a')).toBe('word');
    const aborted = redis.multi().set('a', '1').call('NOSUCH', 'x').exec();
    expect((await failureOf(aborted)).message).toContain('EXECABORT Transaction discarded because of previous errors.');
  });

  test('a watched key that somebody else changes voids the transaction', async () => {
    const other = redis.duplicate();
    await redis.watch('stock');
    await other.set('stock', '1');
    expect(await redis.multi().set('stock', '2').exec()).toBeNull();
    await redis.watch('stock');
    await redis.get('stock');
    expect(await redis.multi().set('stock', '2').exec()).toEqual([[null, 'OK']]);
    await redis.watch('stock');
    await other.set('stock', '3');
    await redis.unwatch();
    expect(await redis.multi().get('stock').exec()).toEqual([[null, '3']]);
    await other.quit();
  });

  test('scanStream finds every key', async () => {
    const pipeline = redis.pipeline();
    for (let index = 0; index < 3000; index += 1) pipeline.set(index % 2 === 0 ? `even:${index}` : `odd:${index}`, 'v');
    await pipeline.exec();
    const found = new Set<string>();
    for await (const keys of redis.scanStream({ match: 'even:*', count: 100, type: 'string' })) {
      for (const key of keys as string[]) found.add(key);
    }
    expect(found.size).toBe(1500);
    expect(found.has('even:2998')).toBe(true);
  });

  test('a key prefix', async () => {
    const client = new Redis({ port: target.port, host: target.host, keyPrefix: 'app:' });
    await client.mset('a', '1', 'b', '2');
    expect(await redis.mget('app:a', 'app:b')).toEqual(['1', '2']);
    expect(await client.del('a', 'b')).toBe(2);
    await client.quit();
  });

  test('publish and subscribe', async () => {
    const subscriber = new Redis(target.port, target.host);
    expect(await subscriber.subscribe('news', 'weather')).toBe(2);
    expect(await subscriber.psubscribe('log.*')).toBe(3);
    const message = nextEvent(subscriber, 'message');
    expect(await redis.publish('news', 'hot')).toBe(1);
    expect(await message).toEqual(['news', 'hot']);
    const pattern = nextEvent(subscriber, 'pmessageBuffer');
    const bytes = Buffer.from([0, 255, 13, 10]);
    expect(await redis.publish('log.error', bytes)).toBe(1);
    expect(await pattern).toEqual(['log.*', Buffer.from('log.error'), bytes]);
    expect(((await redis.pubsub('CHANNELS')) as string[]).toSorted()).toEqual(['news', 'weather']);
    expect(await redis.pubsub('NUMSUB', 'news', 'none')).toEqual(['news', 1, 'none', 0]);
    expect(Number(await redis.pubsub('NUMPAT'))).toBe(1);
    // RESP2 has its own form of this reply while something is subscribed to.
    expect([['pong', ''], 'PONG']).toContainEqual((await subscriber.ping()) as never);
    expect(await subscriber.unsubscribe('news', 'weather')).toBe(1);
    expect(await subscriber.punsubscribe('log.*')).toBe(0);
    expect(await redis.publish('news', 'nobody')).toBe(0);
    // After the last unsubscription it is an ordinary connection again.
    expect(await subscriber.set('after', 'v')).toBe('OK');
    await subscriber.quit();
  });

  test('databases are separate', async () => {
    const third = new Redis({ port: target.port, host: target.host, db: 3 });
    await redis.set('k', 'zero');
    await third.set('k', 'three');
    expect(await redis.get('k')).toBe('zero');
    await redis.select(3);
    expect(await redis.get('k')).toBe('three');
    await redis.flushdb();
    await redis.select(0);
    expect(await redis.get('k')).toBe('zero');
    expect(await third.dbsize()).toBe(0);
    expect((await failureOf(redis.select(16))).message).toContain('ERR DB index is out of range');
    await third.quit();
  });

  test('names, lists of clients, INFO, errors', async () => {
    const named = new Redis({ port: target.port, host: target.host, connectionName: 'worker-1' });
    expect(await named.client('GETNAME')).toBe('worker-1');
    expect((await redis.client('LIST')) as string).toContain('name=worker-1');
    expect(await redis.client('INFO')).toMatch(/^id=\d+ addr=127\.0\.0\.1:/);
    const id = await named.client('ID');
    const closed = nextEvent(named, 'close');
    expect(await redis.client('KILL', 'ID', id)).toBe(1);
    await closed;
    named.disconnect();
    expect(await redis.info()).toMatch(/redis_version:\d+\.\d+/);
    const [seconds] = await redis.time();
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(5);
    expect(await redis.echo('again')).toBe('again');
    expect(await redis.config('GET', 'maxmemory')).toBeArrayOfSize(2);
    expect((await failureOf(redis.call('NOSUCH', 'a'))).message).toContain(
      "ERR unknown command 'NOSUCH', with args beginning with: 'a' ",
    );
    expect((await failureOf(redis.call('GET'))).message).toContain("ERR wrong number of arguments for 'get' command");
    expect((await failureOf(redis.call('SET', 'a', 'b', 'EX', '0'))).message).toContain(
      "ERR invalid expire time in 'set' command",
    );
  });

  test('MONITOR shows what others do', async () => {
    const monitor = await redis.monitor();
    const seen = nextEvent(monitor, 'monitor');
    await redis.set('watched', 'v');
    const [, args] = (await seen) as [string, string[]];
    expect(args).toEqual(['set', 'watched', 'v']);
    monitor.disconnect();
  });

  test('a password', async () => {
    const guarded = await startTarget({ runtime, password: 'secret phrase' });
    try {
      const options = { port: guarded.port, host: guarded.host, retryStrategy: () => null };
      const right = new Redis({ ...options, password: 'secret phrase' });
      expect(await right.set('k', 'v')).toBe('OK');
      const named = new Redis({ ...options, username: 'default', password: 'secret phrase' });
      expect(await named.get('k')).toBe('v');
      const wrong = new Redis({ ...options, password: 'guess', lazyConnect: true });
      const [error] = (await Promise.all([nextEvent(wrong, 'error'), wrong.connect().catch(() => undefined)]))[0] as [
        Error,
      ];
      expect(error.message).toContain('WRONGPASS invalid username-password pair or user is disabled.');
      const none = new Redis({ ...options, lazyConnect: true, enableReadyCheck: false });
      none.on('error', () => undefined);
      const refused = none.get('k').then(
        () => 'answered',
        (reason: Error) => reason.message,
      );
      expect(await refused).toStartWith('NOAUTH ');
      for (const client of [right, named, wrong, none]) client.disconnect();
    } finally {
      await guarded.stop();
    }
  });

  test('a client outlives a restart of the server, and so does its subscription', async () => {
    const first = await startTarget({ runtime });
    const options = { port: first.port, host: first.host, retryStrategy: () => 20, maxRetriesPerRequest: null };
    const client = new Redis(options);
    const subscriber = new Redis(options);
    for (const each of [client, subscriber]) each.on('error', () => undefined);
    await client.set('k', 'before');
    await subscriber.subscribe('news');
    const lost = nextEvent(client, 'close');
    const subscriberLost = nextEvent(subscriber, 'close');
    await first.stop();
    await Promise.all([lost, subscriberLost]);
    const waiting = client.get('k');
    const again = nextEvent(subscriber, 'ready');
    const second = await startTarget({ runtime, port: first.port });
    try {
      expect(await waiting).toBeNull();
      await again;
      // The subscription is sent before anything that the application sends afterwards.
      await subscriber.subscribe('more');
      const message = nextEvent(subscriber, 'message');
      expect(await client.publish('news', 'still here')).toBe(1);
      expect(await message).toEqual(['news', 'still here']);
    } finally {
      client.disconnect();
      subscriber.disconnect();
      await second.stop();
    }
  });
});
