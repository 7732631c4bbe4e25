/**
 * What `shoal/keyv` keeps, with the real Keyv, cache-manager and @keyv/redis around it, on every runtime: named cases that know the package only
 * through `KeyvWorld`.
 */
import assert from 'node:assert/strict';
import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import type { KeyvShoal } from '../../src/adapters/keyv.ts';
import type { ShoalClient } from '../../src/client/client.ts';
import { failureOf } from '../support/failure-of.ts';
import { defineKeyvSuite } from '../support/keyv-suite.ts';
import { type AdapterWorld, type TestNode, withTwoNodes } from '../support/two-nodes.ts';
import type { TestApi } from './client-contract.ts';

/** The package under test. */
export interface KeyvWorld extends AdapterWorld {
  readonly KeyvShoal: typeof KeyvShoal;
}

export function defineKeyvContract(loadWorld: () => Promise<KeyvWorld>, define: TestApi): void {
  let world: KeyvWorld;
  let nodes: readonly TestNode[];
  let client: ShoalClient;

  const test = withTwoNodes(loadWorld, define, (started) => {
    ({ world, nodes, client } = started);
  });

  const adapter = (...options: ConstructorParameters<typeof KeyvShoal> extends [unknown?, ...infer O] ? O : never) =>
    new world.KeyvShoal(client, ...options);
  const open = (namespace?: string): Keyv =>
    new Keyv(namespace === undefined ? { store: adapter() } : { store: adapter(), namespace });
  const allKeys = async (): Promise<string[]> => {
    const found = await Promise.all(client.nodes.map(({ id }) => client.call(['KEYS', '*'], { node: id })));
    return (found.flat() as string[]).toSorted();
  };

  defineKeyvSuite(test, Keyv, () => adapter());

  test('the keys are those of @keyv/redis, both ways', async () => {
    client.removeNode(nodes[1]!.address);
    const redis = new Keyv({ store: new KeyvRedis(`redis://${nodes[0]!.address}`), namespace: 'app' });
    const shoal = open('app');
    await redis.set('theirs', { n: 1 });
    await shoal.set('ours', { n: 2 });
    assert.deepEqual(await shoal.get('theirs'), { n: 1 });
    assert.deepEqual(await redis.get('ours'), { n: 2 });
    assert.deepEqual(await allKeys(), ['app::app:ours', 'app::app:theirs']);
    await redis.disconnect();
  });

  test('an adapter can be handed to Keyv by itself', async () => {
    const keyv = new Keyv(adapter({ keyPrefixSeparator: '/' }), { namespace: 'n', useKeyPrefix: false });
    await keyv.set('k', 'v');
    assert.equal(await keyv.get('k'), 'v');
    assert.deepEqual(await allKeys(), ['n/k']);
  });

  test('a time to live holds in the node, to the millisecond or above', async () => {
    const store = adapter();
    await store.set('whole', 'v', 60_000);
    await store.set('part', 'v', 59_999.5);
    await store.setMany([{ key: 'many', value: 'v', ttl: 60_000 }]);
    for (const key of ['whole', 'part', 'many']) {
      const ttlMs = (await client.getEntry(key))?.ttlMs ?? 0;
      assert(ttlMs > 30_000 && ttlMs <= 60_000, `${key}: ${ttlMs}`);
    }
    for (const ttl of [undefined, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER]) {
      await store.set('forever', 'v', ttl);
      assert.equal((await client.getEntry('forever'))?.ttlMs, null);
    }
    assert.equal(await store.set('whole', 'v', -1), true);
    assert.equal(await store.has('whole'), false);
  });

  test('many at once', async () => {
    const keyv = open('app');
    const entries = Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: index, ttl: 60_000 }));
    assert.deepEqual(
      await keyv.setMany(entries),
      entries.map(() => true),
    );
    assert.deepEqual(await keyv.getMany(['k0', 'none', 'k49']), [0, undefined, 49]);
    assert.deepEqual(await keyv.hasMany(['k0', 'none']), [true, false]);
    assert.equal(await keyv.deleteMany(['k0', 'k1']), true);
    assert.equal((await allKeys()).length, 48);
  });

  test('clear and iterator stay in their namespace, on all nodes', async () => {
    // As a pattern, the first would mean the second as well.
    const stars = open('*[a]?');
    const others = open('xyza1');
    await stars.setMany(Array.from({ length: 3000 }, (_, index) => ({ key: `k:${index}`, value: index })));
    await others.set('k', 'kept');
    const seen = new Map<string, number>();
    for await (const [key, value] of stars.iterator!(undefined)) seen.set(key as string, value as number);
    assert.equal(seen.size, 3000);
    assert.equal(seen.get('k:2999'), 2999);
    await stars.clear();
    assert.deepEqual(await allKeys(), ['xyza1::xyza1:k']);
    assert.equal(await others.get('k'), 'kept');
  });

  test('without a namespace, clear and iterator leave namespaces alone, or mean all', async () => {
    const some = adapter({ clearBatchSize: 1 });
    const all = adapter({ noNamespaceAffectsAll: true });
    await client.setMany(['a', 'b', 'n::c'].map((key) => [key, key] as const));
    const keysOf = async (store: KeyvShoal): Promise<string[]> => {
      const keys: string[] = [];
      for await (const [key, value] of store.iterator<string>()) {
        assert.equal(value, key);
        keys.push(key);
      }
      return keys.toSorted();
    };
    assert.deepEqual(await keysOf(some), ['a', 'b']);
    assert.deepEqual(await keysOf(all), ['a', 'b', 'n::c']);
    await some.clear();
    assert.deepEqual(await allKeys(), ['n::c']);
    await all.clear();
    assert.deepEqual(await allKeys(), []);
  });

  test('clear removes what an earlier list of nodes left behind, which the iterator does not show', async () => {
    const store = adapter({ namespace: 'n' });
    const [first] = nodes;
    await client.call(['MSET', ...Array.from({ length: 100 }, (_, index) => [`n::${index}`, 'old']).flat()], {
      node: first!.address,
    });
    let count = 0;
    for await (const [key] of store.iterator()) {
      count += 1;
      assert.equal(client.nodeOf(`n::${key}`), first!.address);
    }
    assert(count > 0 && count < 100, `${count}`);
    await store.clear();
    assert.deepEqual(await allKeys(), []);
  });

  test('keys that are no text are cleared too', async () => {
    await client.set(new Uint8Array([0x6e, 0x3a, 0x3a, 0xff, 0x00]), 'v');
    await adapter({ namespace: 'n' }).clear();
    assert.deepEqual(await allKeys(), []);
  });

  test('where serialising is off, plain objects are stored as they are', async () => {
    const keyv = new Keyv({ store: adapter(), serialize: undefined, deserialize: undefined } as never);
    await keyv.set('k', { list: [1, null] });
    assert.deepEqual(await keyv.get('k'), { list: [1, null] });
  });

  test('a cache that is down looks empty, and each failure is told once', async () => {
    const down = world.ShoalClient.lazy({ nodes: ['127.0.0.1:1'], requestTimeoutMs: 100 });
    const keyv = new Keyv({ store: new world.KeyvShoal(down) });
    const codes: string[] = [];
    keyv.on('error', ({ code }: { readonly code: string }) => codes.push(code));
    const calls: readonly (readonly [() => Promise<unknown>, unknown])[] = [
      [() => keyv.get('k'), undefined],
      [() => keyv.getMany(['k', 'l']), [undefined, undefined]],
      [() => keyv.set('k', 'v'), false],
      [
        () =>
          keyv.setMany([
            { key: 'k', value: 'v' },
            { key: 'l', value: 'w' },
          ]),
        [false, false],
      ],
      [() => keyv.delete('k'), false],
      [() => keyv.deleteMany(['k']), false],
      [() => keyv.has('k'), false],
      [() => keyv.hasMany(['k', 'l']), [false, false]],
      [() => keyv.clear(), undefined],
    ];
    for (const [index, [call, expected]] of calls.entries()) {
      assert.deepEqual(await call(), expected);
      assert.equal(codes.length, index + 1);
    }
    assert.deepEqual(
      [...new Set(codes)].filter((code) => !DOWN.has(code)),
      [],
    );
    const iteration = keyv.iterator!(undefined) as AsyncGenerator;
    assert(DOWN.has(codeOf(await failureOf(iteration.next()))));
    await down.close();
  });

  test('failures reject where that is wanted, and where nobody listens', async () => {
    const down = world.ShoalClient.lazy({ nodes: ['127.0.0.1:1'], requestTimeoutMs: 100 });
    const throwing = new world.KeyvShoal(down, { throwOnErrors: true });
    throwing.on('error', () => assert.fail('it was told twice'));
    const unheard = new world.KeyvShoal(down);
    for (const store of [throwing, unheard]) {
      for (const call of [() => store.get('k'), () => store.setMany([{ key: 'k', value: 'v' }]), () => store.clear()]) {
        assert(DOWN.has(codeOf(await failureOf(call()))));
      }
    }
    await down.close();
  });

  test('what cannot be stored is an error, and other entries are stored', async () => {
    const store = adapter();
    const codes: string[] = [];
    store.on('error', (error: Error) => codes.push(codeOf(error)));
    assert.equal(await store.set('k', 'v', Number.NaN), false);
    const stored = await store.setMany([
      { key: 'good', value: 'v' },
      { key: 'bad', value: () => 'a function' },
    ]);
    assert.deepEqual(stored, [true, false]);
    assert.deepEqual(codes, ['InvalidArgument', 'InvalidArgument']);
    assert.equal(await store.get('good'), 'v');
  });

  test('disconnect closes a client that was made for the adapter, and no other', async () => {
    const [first] = nodes;
    const stores = [new world.KeyvShoal(first!.address), new world.KeyvShoal({ nodes: [first!.address] })];
    for (const store of stores) {
      await store.set('k', 'v');
      await store.disconnect();
      for (const call of [() => store.get('k'), () => store.clear(), () => store.iterator().next()]) {
        assert.equal(codeOf(await failureOf(call())), 'ClientClosed');
      }
    }
    await new Keyv({ store: adapter() }).disconnect();
    await client.ping();
  });

  test('options that cannot be are refused', async () => {
    const refused: readonly (() => unknown)[] = [
      () => new world.KeyvShoal('no address at all'),
      () => new world.KeyvShoal({} as never),
      () => adapter({ keyPrefixSeparator: '' }),
      () => adapter({ clearBatchSize: 0 }),
      () => adapter({ clearBatchSize: 1.5 }),
      () => adapter({ namespace: 1 as never }),
    ];
    for (const make of refused) assert.throws(make, { code: 'InvalidOption' });
  });

  test('cache-manager: wrap computes once, also for concurrent calls', async () => {
    const cache = createCache({ stores: [open('cm')], ttl: 60_000 });
    let calls = 0;
    const compute = async (): Promise<{ n: number }> => ({ n: (calls += 1) });
    const values = await Promise.all(Array.from({ length: 20 }, () => cache.wrap('page', compute)));
    assert.deepEqual(new Set(values.map(({ n }) => n)), new Set([1]));
    await cache.del('page');
    assert.deepEqual(await cache.wrap('page', compute, 30_000), { n: 2 });
    assert.deepEqual(await cache.wrap('page', compute), { n: 2 });
  });

  test('cache-manager: times to live, many at once, clear', async () => {
    const cache = createCache({ stores: [open('cm')], ttl: 60_000 });
    await cache.set('k', 'v', 20_000);
    const leftMs = ((await cache.ttl('k')) ?? 0) - Date.now();
    assert(leftMs > 10_000 && leftMs <= 20_000, `${leftMs}`);
    const ttlMs = (await client.getEntry('cm::cm:k'))?.ttlMs ?? 0;
    assert(ttlMs > 10_000 && ttlMs <= 20_000, `${ttlMs}`);
    await cache.mset<unknown>([
      { key: 'a', value: 1 },
      { key: 'b', value: [2] },
      { key: 'c', value: { three: 3 }, ttl: 10_000 },
    ]);
    assert.deepEqual(await cache.mget<unknown>(['a', 'none', 'c', 'b']), [1, undefined, { three: 3 }, [2]]);
    assert.equal(await cache.mdel(['a', 'b']), true);
    assert.deepEqual(await cache.mget<unknown>(['a', 'b', 'c']), [undefined, undefined, { three: 3 }]);
    await client.set('foreign', 'v');
    assert.equal(await cache.clear(), true);
    assert.deepEqual(await allKeys(), ['foreign']);
  });
}

function codeOf(error: Error): string {
  return (error as Error & { readonly code?: string }).code ?? error.message;
}

/** What a call may be refused with while its node is down. */
const DOWN: ReadonlySet<string> = new Set(['NoAvailableNodes', 'Timeout', 'ConnectFailed']);
