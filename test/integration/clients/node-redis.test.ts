/** node-redis 6 with both protocol versions, as its users write it, with a node on each runtime. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { createClient, createClientPool, ErrorReply, RESP_TYPES, WatchError } from 'redis';
import { patternedBytes } from '../../support/patterned-bytes.ts';
import { failureOf } from '../../support/failure-of.ts';
import { nextEvent } from '../../support/next-event.ts';
import { RUNTIMES, START_TIMEOUT_MS, startTarget, type Target } from '../../support/client-target.ts';

const CASES = RUNTIMES.flatMap((runtime) => ([2, 3] as const).map((protocol) => [protocol, runtime] as const));

describe.each(CASES)('node-redis by RESP%d with a node on %s', (protocol, runtime) => {
  const connectTo = (url: string, more: object = {}) => createClient({ url, RESP: protocol, ...more }).connect();
  let target: Target;
  let client: Awaited<ReturnType<typeof connectTo>>;
  beforeAll(async () => {
    target = await startTarget({ runtime });
    client = await connectTo(target.url);
  }, START_TIMEOUT_MS);
  beforeEach(() => client.flushAll());
  afterAll(async () => {
    await client.close();
    await target.stop();
  });

  test('speaks the protocol that was asked for', async () => {
    expect(await client.clientInfo()).toMatchObject({ resp: protocol, db: 0 });
  });

  test('strings', async () => {
    expect(await client.set('greeting', 'hello')).toBe('OK');
    expect(await client.get('greeting')).toBe('hello');
    expect(await client.get('nothing')).toBeNull();
    expect(await client.set('greeting', 'x', { condition: 'NX' })).toBeNull();
    expect(await client.set('greeting', 'bye', { GET: true })).toBe('hello');
    expect(await client.setNX('greeting', 'x')).toBe(0);
    expect(await client.append('greeting', '!')).toBe(4);
    expect(await client.strLen('greeting')).toBe(4);
    expect(await client.getRange('greeting', -3, -2)).toBe('ye');
    expect(await client.setRange('greeting', 1, 'uy')).toBe(4);
    expect(await client.getDel('greeting')).toBe('buy!');
    expect(await client.mSet({ a: '1', b: '2' })).toBe('OK');
    expect(await client.mGet(['a', 'missing', 'b'])).toEqual(['1', null, '2']);
    expect(Number(await client.mSetNX({ b: '3', c: '3' }))).toBe(0);
    expect(await client.incr('a')).toBe(2);
    expect(await client.incrBy('a', 40)).toBe(42);
    expect(await client.decrBy('a', 50)).toBe(-8);
    expect(await client.incrByFloat('a', 0.5)).toBe('-7.5');
  });

  test('times to live', async () => {
    await client.set('session', 'v', { expiration: { type: 'EX', value: 100 } });
    expect(await client.ttl('session')).toBeWithin(99, 101);
    expect(await client.pExpire('session', 50_000)).toBe(1);
    expect(await client.pTTL('session')).toBeWithin(49_000, 50_001);
    expect(await client.expire('session', 10, 'GT')).toBe(0);
    expect(await client.expireAt('session', new Date(4_000_000_000_000))).toBe(1);
    expect(await client.expireTime('session')).toBe(4_000_000_000);
    expect(await client.getEx('session', { type: 'PERSIST' })).toBe('v');
    expect(await client.ttl('session')).toBe(-1);
    expect(await client.ttl('nothing')).toBe(-2);
  });

  test('keys', async () => {
    await client.set('from', 'v');
    expect(await client.type('from')).toBe('string');
    expect(await client.rename('from', 'to')).toBe('OK');
    expect(await client.renameNX('to', 'again')).toBe(1);
    expect(await client.copy('again', 'copy')).toBe(1);
    expect(await client.copy('again', 'copy', { REPLACE: true })).toBe(1);
    expect(await client.exists(['again', 'copy', 'from'])).toBe(2);
    expect((await client.keys('*')).toSorted()).toEqual(['again', 'copy']);
    expect(await client.dbSize()).toBe(2);
    expect(await client.unlink(['again', 'copy', 'from'])).toBe(2);
    expect(await client.randomKey()).toBeNull();
  });

  test('values are bytes', async () => {
    const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await bytes.set(everyByte, everyByte);
    expect(await bytes.get(everyByte)).toEqual(everyByte);
    const large = Buffer.from(patternedBytes(3 * 1024 * 1024, 7));
    await bytes.set('large', large);
    expect((await bytes.get('large'))?.equals(large)).toBe(true);
  });

  test('commands of one tick are pipelined and answered in order', async () => {
    const writes = Array.from({ length: 1000 }, (_, index) => client.set(`k${index}`, String(index)));
    const reads = Array.from({ length: 1000 }, (_, index) => client.get(`k${index}`));
    expect(new Set(await Promise.all(writes))).toEqual(new Set(['OK']));
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 1000 }, (_, index) => String(index)));
  });

  test('transactions', async () => {
    expect(await client.multi().set('a', '1').incr('a').get('a').exec()).toEqual(['OK', 2, '2'] as never);
    expect(await client.multi().set('a', '5').get('a').execAsPipeline()).toEqual(['OK', '5'] as never);
    const failed = await client
      .multi()
      .set('a', 'word')
      .incr('a')
      .exec()
      .catch((error: Error) => error);
    expect(failed).toMatchObject({ errorIndexes: [1] });
    const aborted = client.multi().set('a', '1').addCommand(['NOSUCH']).exec();
    expect((await failureOf(aborted)).message).toContain("ERR unknown command 'NOSUCH'");
    expect(await client.get('a')).toBe('word');
  });

  test('a watched key that somebody else changes voids the transaction', async () => {
    const other = await client.duplicate().connect();
    await client.watch('stock');
    await other.set('stock', '1');
    expect(await failureOf(client.multi().set('stock', '2').exec())).toBeInstanceOf(WatchError);
    await client.watch('stock');
    expect(await client.multi().set('stock', '2').exec()).toEqual(['OK'] as never);
    await other.close();
  });

  test('scanIterator finds every key', async () => {
    await Promise.all(
      Array.from({ length: 3000 }, (_, index) => client.set(index % 2 === 0 ? `even:${index}` : `odd:${index}`, 'v')),
    );
    const found = new Set<string>();
    for await (const keys of client.scanIterator({ MATCH: 'even:*', COUNT: 100, TYPE: 'string' })) {
      for (const key of keys) found.add(key);
    }
    expect(found.size).toBe(1500);
    expect(found.has('even:2998')).toBe(true);
  });

  test('publish and subscribe on a duplicate', async () => {
    const subscriber = await client.duplicate().connect();
    const received: unknown[] = [];
    const wanted = Promise.withResolvers<void>();
    const take = (message: string | Buffer, channel: string | Buffer): void => {
      received.push([String(channel), message]);
      if (received.length === 3) wanted.resolve();
    };
    await subscriber.subscribe(['news', 'weather'], take);
    await subscriber.pSubscribe('log.*', take, true);
    expect(await client.publish('news', 'hot')).toBe(1);
    expect(await client.publish('weather', 'cold')).toBe(1);
    expect(await client.publish('log.error', Buffer.from([0, 255, 13, 10]))).toBe(1);
    await wanted.promise;
    expect(received).toEqual([
      ['news', 'hot'],
      ['weather', 'cold'],
      ['log.error', Buffer.from([0, 255, 13, 10])],
    ]);
    expect((await client.pubSubChannels()).toSorted()).toEqual(['news', 'weather']);
    expect(await client.pubSubNumSub(['news', 'none'])).toEqual({ news: 1, none: 0 });
    expect(await client.pubSubNumPat()).toBe(1);
    await subscriber.unsubscribe('news');
    expect(await client.publish('news', 'nobody')).toBe(0);
    await subscriber.unsubscribe();
    await subscriber.pUnsubscribe();
    expect(String(await subscriber.set('after', 'v'))).toBe('OK');
    await subscriber.close();
  });

  test('databases are separate', async () => {
    const third = await connectTo(`${target.url}/3`);
    await client.set('k', 'zero');
    await third.set('k', 'three');
    expect(await client.get('k')).toBe('zero');
    await client.select(3);
    expect(await client.get('k')).toBe('three');
    await client.flushDb();
    await client.select(0);
    expect(await client.get('k')).toBe('zero');
    expect(await third.dbSize()).toBe(0);
    expect((await failureOf(client.select(16))).message).toContain('ERR DB index is out of range');
    await third.close();
  });

  test('a pool', async () => {
    const pool = createClientPool({ url: target.url, RESP: protocol }, { minimum: 2, maximum: 4 });
    await pool.connect();
    await Promise.all(Array.from({ length: 50 }, () => pool.incr('counter')));
    expect(await pool.get('counter')).toBe('50');
    const result = await pool.execute(async (one) => {
      await one.watch('counter');
      return one.multi().incr('counter').exec();
    });
    expect(result).toEqual([51] as never);
    await pool.close();
  });

  test('names, lists of clients, INFO, errors', async () => {
    const named = await connectTo(target.url, { name: 'worker-1' });
    named.on('error', () => undefined);
    expect(await named.clientGetName()).toBe('worker-1');
    const id = await named.clientId();
    const list = await client.clientList();
    expect(list.find((entry) => entry.id === id)?.name).toBe('worker-1');
    expect(await client.clientKill({ filter: 'ID', id })).toBe(1);
    named.destroy();
    expect(await client.info('server')).toMatch(/redis_version:\d+\.\d+/);
    expect(await client.ping()).toBe('PONG');
    expect(await client.echo('again')).toBe('again');
    expect(Object.keys(await client.configGet('maxmemory*'))).toContain('maxmemory-policy');
    expect(await client.commandCount()).toBeGreaterThan(50);
    expect((await client.commandInfo(['get']))[0]).toMatchObject({ name: 'get', arity: 2, firstKeyIndex: 1 });
    expect(await client.memoryUsage('nothing')).toBeNull();
    const error = await client.sendCommand(['NOSUCH', 'a']).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ErrorReply);
    expect((error as Error).message).toBe("ERR unknown command 'NOSUCH', with args beginning with: 'a' ");
  });

  test('MONITOR shows what others do', async () => {
    const monitor = await client.duplicate().connect();
    const seen = Promise.withResolvers<string>();
    await monitor.monitor((line) => {
      if (line.includes('watched')) seen.resolve(line);
    });
    await client.set('watched', 'v');
    expect(await seen.promise).toMatch(/^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "watched" "v"$/);
    monitor.destroy();
  });

  test('a password', async () => {
    const guarded = await startTarget({ runtime, password: 'secret phrase' });
    try {
      const right = await connectTo(guarded.url, { password: 'secret phrase' });
      expect(await right.set('k', 'v')).toBe('OK');
      await right.close();
      const wrong = createClient({
        url: guarded.url,
        RESP: protocol,
        password: 'guess',
        socket: { reconnectStrategy: false },
      });
      wrong.on('error', () => undefined);
      expect((await failureOf(wrong.connect())).message).toContain(
        'WRONGPASS invalid username-password pair or user is disabled.',
      );
    } finally {
      await guarded.stop();
    }
  });

  test('a client outlives a restart of the server, and so does its subscription', async () => {
    const first = await startTarget({ runtime });
    const socket = { reconnectStrategy: () => 20 };
    const survivor = createClient({ url: first.url, RESP: protocol, socket });
    const subscriber = survivor.duplicate();
    for (const each of [survivor, subscriber]) each.on('error', () => undefined);
    await Promise.all([survivor.connect(), subscriber.connect()]);
    await survivor.set('k', 'before');
    const received = Promise.withResolvers<string>();
    await subscriber.subscribe('news', (message) => received.resolve(message));
    const lost = Promise.all([nextEvent(survivor, 'reconnecting'), nextEvent(subscriber, 'reconnecting')]);
    const back = nextEvent(subscriber, 'ready');
    await first.stop();
    await lost;
    const waiting = survivor.get('k');
    const second = await startTarget({ runtime, port: first.port });
    try {
      expect(await waiting).toBeNull();
      await back;
      expect(await survivor.publish('news', 'still here')).toBe(1);
      expect(await received.promise).toBe('still here');
    } finally {
      survivor.destroy();
      subscriber.destroy();
      await second.stop();
    }
  });
});
