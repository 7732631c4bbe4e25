/** The client contract, part one: what is set, read, changed and counted. */
import assert from 'node:assert/strict';
import type { ClientCase } from './client-contract.ts';
import { deferred, rejects } from './client-contract-support.ts';

const VALUES: readonly (readonly [name: string, value: unknown])[] = [
  ['text', 'hello'],
  ['empty text', ''],
  ['text beyond ASCII', 'grüße, 世界 🐟'],
  ['long text', 'abc'.repeat(100_000)],
  ['long text beyond ASCII', '世界🐟'.repeat(50_000)],
  ['text that looks like JSON', '{"a":1}'],
  ['a number', 42.5],
  ['zero', 0],
  ['true', true],
  ['false', false],
  ['null', null],
  ['an object', { name: 'Ada', tags: ['a', 'b'], nested: { deep: null } }],
  ['an array', [1, 'two', [3]]],
  ['bytes', new Uint8Array([0, 255, 1, 254])],
  ['no bytes', new Uint8Array(0)],
  ['bytes that look like an envelope', new Uint8Array([0xf5, 0x53, 0x68, 0x02, 0x31])],
  ['a megabyte', new Uint8Array(1_048_576).map((_, index) => index * 7 + (index >> 8))],
];

export const valueCases: readonly ClientCase[] = [
  ...VALUES.map(
    ([name, value]) =>
      ({
        name: `gives ${name} back as it was set`,
        async run(fixture) {
          const client = await fixture.start();
          assert.equal(await client.set('key', value), true);
          assert.deepEqual(await client.get('key'), value);
          assert.deepEqual(await client.getMany(['key', 'other']), [value, undefined]);
        },
      }) satisfies ClientCase,
  ),
  {
    name: 'has undefined for what is not there, whatever is asked',
    async run(fixture) {
      const client = await fixture.start();
      assert.equal(await client.get('nothing'), undefined);
      assert.equal(await client.getBytes('nothing'), undefined);
      assert.equal(await client.getEntry('nothing'), undefined);
      assert.equal(await client.exists('nothing'), false);
      assert.equal(await client.delete('nothing'), false);
      assert.equal(await client.touch('nothing', 1000), false);
      assert.deepEqual(await client.getMany([]), []);
      assert.equal(await client.deleteMany([]), 0);
    },
  },
  {
    name: 'takes any bytes as a key, and text as its UTF-8',
    async run(fixture) {
      const client = await fixture.start();
      const keys = [new Uint8Array([0, 13, 10, 255]), new Uint8Array(0), 'grüße', 'x'.repeat(1000)];
      await client.setMany(keys.map((key, index) => [key, index]));
      assert.deepEqual(await client.getMany(keys), [0, 1, 2, 3]);
      assert.equal(await client.get(Buffer.from('grüße', 'utf8')), 2);
      assert.equal(await client.get(''), 1);
    },
  },
  {
    name: 'shares text with clients of Redis',
    async run(fixture) {
      const client = await fixture.start();
      await client.set('mine', 'grüße');
      assert.equal(await client.call(['GET', 'mine']), 'grüße');
      await client.call(['SET', 'theirs', 'hello']);
      assert.equal(await client.get('theirs'), 'hello');
      assert.deepEqual(await client.getBytes('theirs'), new Uint8Array(Buffer.from('hello')));
    },
  },
  {
    name: 'compresses what gets smaller, and every client reads it',
    async run(fixture) {
      const node = await fixture.node();
      const nodes = [`127.0.0.1:${node.port}`];
      const text = 'the same again and again '.repeat(2000);
      for (const algorithm of ['auto', 'deflate', 'none'] as const) {
        const writer = await fixture.connect({ nodes, compression: algorithm });
        await writer.set(algorithm, { text });
        const stored = Number(await writer.call(['STRLEN', algorithm]));
        assert.equal(stored < text.length / 10, algorithm !== 'none', `${algorithm} stored ${stored} bytes`);
      }
      const reader = await fixture.connect({ nodes, compression: 'none' });
      const values = await reader.getMany(['auto', 'deflate', 'none']);
      assert.deepEqual(values, [{ text }, { text }, { text }]);
    },
  },
  {
    name: "uses the caller's codec",
    async run(fixture) {
      const client = await fixture.start<Date>({
        codec: { encode: (date) => date.toISOString(), decode: (bytes) => new Date(Buffer.from(bytes).toString()) },
      });
      await client.set('date', new Date(86_400_000));
      assert.deepEqual(await client.get('date'), new Date(86_400_000));
      await rejects(client.set('date', new Date(Number.NaN)), 'CodecFailed');
      assert.deepEqual(await client.get('date'), new Date(86_400_000));
    },
  },
  {
    name: 'keeps an expiry, changes it, and takes it away',
    async run(fixture) {
      const client = await fixture.start();
      const ttlOf = async (key: string): Promise<number | null | undefined> => (await client.getEntry(key))?.ttlMs;
      await client.set('key', 'a', { ttlMs: 60_000 });
      const first = await ttlOf('key');
      assert.ok(typeof first === 'number' && first > 0 && first <= 60_000);
      await client.set('key', 'b', { keepTtl: true });
      assert.ok((await ttlOf('key'))! <= first);
      assert.equal(await client.touch('key', 120_000), true);
      assert.ok((await ttlOf('key'))! > 60_000);
      assert.equal(await client.touch('key', null), true);
      assert.equal(await ttlOf('key'), null);
      await client.set('key', 'c', { ttlMs: 1000 });
      await client.set('key', 'd');
      assert.equal(await ttlOf('key'), null);
      await client.setMany([['many', 1]], { ttlMs: 5000 });
      assert.ok((await ttlOf('many'))! <= 5000);
    },
  },
  {
    name: 'stores only where the condition holds',
    async run(fixture) {
      const client = await fixture.start();
      assert.equal(await client.set('key', 1, { onlyIf: 'present' }), false);
      assert.equal(await client.set('key', 1, { onlyIf: 'absent' }), true);
      assert.equal(await client.set('key', 2, { onlyIf: 'absent' }), false);
      assert.equal(await client.set('key', 3, { onlyIf: 'present' }), true);
      const { version } = (await client.getEntry('key'))!;
      assert.equal(await client.set('key', 4, { onlyIf: { version } }), true);
      assert.equal(await client.set('key', 5, { onlyIf: { version } }), false);
      assert.equal(await client.get('key'), 4);
    },
  },
  {
    name: 'compares and sets: one of many writers wins each round',
    async run(fixture) {
      const client = await fixture.start();
      await client.set('stock', 0);
      const sell = async (): Promise<void> => {
        for (;;) {
          const entry = (await client.getEntry<number>('stock'))!;
          const result = await client.compareAndSet('stock', entry.version, entry.value + 1);
          if (result.stored) return;
          assert.equal(result.reason, 'changed');
        }
      };
      await Promise.all(Array.from({ length: 20 }, sell));
      assert.equal(await client.get('stock'), 20);
      const { version } = (await client.getEntry('stock'))!;
      const chained = await client.compareAndSet('stock', version, 'a');
      assert.ok(chained.stored);
      assert.equal((await client.compareAndSet('stock', chained.version, 'b')).stored, true);
      await client.delete('stock');
      assert.deepEqual(await client.compareAndSet('stock', version, 1), { stored: false, reason: 'missing' });
    },
  },
  {
    name: 'counts, in numbers and in bigints',
    async run(fixture) {
      const client = await fixture.start();
      assert.equal(await client.increment('count'), 1);
      assert.equal(await client.increment('count', 41), 42);
      assert.equal(await client.increment('count', -50), -8);
      assert.equal(await client.increment('count', 0), -8);
      assert.equal(await client.increment('big', 2n ** 62n), 2n ** 62n);
      await rejects(client.increment('big', 2n ** 62n), 'Overflow');
      await rejects(client.increment('big', 0), 'Overflow');
      assert.equal(await client.increment('big', -(2n ** 62n)), 0n);
      await client.set('name', 'Ada');
      await rejects(client.increment('name'), 'NotAnInteger');
      await client.increment('window', 1, { ttlMs: 60_000 });
      await client.increment('window', 1, { ttlMs: 120_000 });
      const ttlMs = Number(await client.call(['PTTL', 'window']));
      assert.ok(ttlMs > 0 && ttlMs <= 60_000);
      assert.equal(await client.get('window'), '2');
    },
  },
  {
    name: 'deletes, and says what was there',
    async run(fixture) {
      const client = await fixture.start();
      await client.setMany([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]);
      assert.equal(await client.exists('a'), true);
      assert.equal(await client.delete('a'), true);
      assert.equal(await client.exists('a'), false);
      assert.equal(await client.deleteMany(['a', 'b', 'c', 'd']), 2);
    },
  },
  {
    name: 'keeps the order of calls that nobody waits for',
    async run(fixture) {
      const client = await fixture.start();
      const large = 'x'.repeat(20_000);
      const answers = await Promise.all([
        client.set('key', large),
        client.get('key'),
        client.set('key', 'b'),
        client.get('key'),
        client.delete('key'),
        client.get('key'),
      ]);
      assert.deepEqual(answers, [true, large, true, 'b', true, undefined]);
    },
  },
  {
    name: 'calls any command, and gives its reply as plain values',
    async run(fixture) {
      const client = await fixture.start();
      assert.equal(await client.call(['ECHO', 'grüße']), 'grüße');
      assert.deepEqual(await client.call(['ECHO', new Uint8Array([255])], { texts: 'bytes' }), new Uint8Array([255]));
      assert.equal(await client.call(['SET', 'n', 5]), 'OK');
      assert.equal(await client.call(['INCRBY', 'n', 10]), 15);
      assert.deepEqual(await client.call(['MGET', 'n', 'nothing']), ['15', null]);
      assert.match((await client.call(['INFO', 'server'])) as string, /redis_version/);
      await rejects(client.call(['NOSUCH']), 'ServerError', /unknown command/);
      await rejects(client.call(['MULTI']), 'ServerError');
      await rejects(client.call([]), 'InvalidArgument');
      assert.equal(await client.get('n'), '15');
    },
  },
  {
    name: 'makes a missing value once for all who ask at one time',
    async run(fixture) {
      const client = await fixture.start();
      let calls = 0;
      const asked = deferred();
      const made = deferred<string>();
      const factory = (): Promise<string> => {
        calls += 1;
        asked.resolve();
        return made.promise;
      };
      const waiting = Array.from({ length: 10 }, () => client.getOrSet('key', factory, { ttlMs: 60_000 }));
      await asked.promise;
      made.resolve('made');
      assert.deepEqual(
        await Promise.all(waiting),
        Array.from({ length: 10 }, () => 'made'),
      );
      assert.equal(calls, 1);
      assert.equal(await client.getOrSet('key', factory), 'made');
      assert.equal(calls, 1);
      assert.ok((await client.getEntry('key'))!.ttlMs! > 0);
    },
  },
  {
    name: 'stores nothing where the maker throws or has nothing',
    async run(fixture) {
      const client = await fixture.start();
      const problem = new Error('no report today');
      await assert.rejects(
        client.getOrSet('key', () => Promise.reject(problem)),
        (error) => error === problem,
      );
      assert.equal(await client.getOrSet('key', () => undefined), undefined);
      assert.equal(await client.exists('key'), false);
      assert.equal(await client.getOrSet('key', () => null), null);
      assert.equal(await client.get('key'), null);
    },
  },
];
