/**
 * What `shoal/express-session` keeps, behind a real Express application over HTTP and by itself, on every runtime: named cases that know the package
 * only through `SessionWorld`.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import session, { type SessionData } from 'express-session';
import type { ShoalStore, ShoalStoreOptions } from '../../src/adapters/express-session.ts';
import type { ShoalClient } from '../../src/client/client.ts';
import { failureOf } from '../support/failure-of.ts';
import { nextEvent } from '../support/next-event.ts';
import { type AdapterWorld, withTwoNodes } from '../support/two-nodes.ts';
import type { TestApi } from './client-contract.ts';

declare module 'express-session' {
  interface SessionData {
    views: number;
  }
}

/** The package under test. */
export interface SessionWorld extends AdapterWorld {
  readonly ShoalStore: typeof ShoalStore;
}

const MAX_AGE_MS = 600_000;

export function defineSessionContract(loadWorld: () => Promise<SessionWorld>, define: TestApi): void {
  let world: SessionWorld;
  let client: ShoalClient;

  const test = withTwoNodes(loadWorld, define, (started) => {
    ({ world, client } = started);
  });
  const newStore = (options: Omit<ShoalStoreOptions, 'client'> = {}): ShoalStore =>
    new world.ShoalStore({ client, ...options });
  const ttlMsOf = async (key: string): Promise<number | null | undefined> => (await client.getEntry(key))?.ttlMs;

  test('a session comes back with its cookie, and only with it', async () => {
    await using shop = await Shop.open(newStore({ prefix: 'shop:' }));
    const ada = shop.browser();
    const { id } = await ada.get('/view');
    assert.deepEqual(await ada.get('/view'), { id, views: 2 });
    assert.equal((await shop.browser().get('/view')).views, 1);
    const stored = JSON.parse((await client.get<string>(`shop:${id}`)) ?? '') as SessionData;
    assert.equal(stored.views, 2);
    assertAbout(stored.cookie.originalMaxAge, MAX_AGE_MS); // express-session reads the clock twice for it.
    assertAbout(await ttlMsOf(`shop:${id}`), MAX_AGE_MS);
  });

  test('a request without a change renews the time to live, unless touching is off', async () => {
    for (const disableTouch of [false, true]) {
      await using shop = await Shop.open(newStore({ disableTouch }));
      const ada = shop.browser();
      const { id } = await ada.get('/view');
      await client.touch(`sess:${id}`, 60_000);
      assert.deepEqual(await ada.get('/peek'), { views: 1 });
      assertAbout(await ttlMsOf(`sess:${id}`), disableTouch ? 60_000 : MAX_AGE_MS);
    }
  });

  test('a session that expired starts anew', async () => {
    await using shop = await Shop.open(newStore());
    const ada = shop.browser();
    const { id } = await ada.get('/view');
    await client.touch(`sess:${id}`, 1);
    while (await client.exists(`sess:${id}`));
    assert.equal((await ada.get('/view')).views, 1);
  });

  test('regenerate and destroy', async () => {
    const store = newStore();
    await using shop = await Shop.open(store);
    const ada = shop.browser();
    const { id } = await ada.get('/view');
    const renewed = await ada.get('/renew');
    assert.notEqual(renewed.id, id);
    assert.equal(await client.exists(`sess:${id}`), false);
    assert.deepEqual(await ada.get('/view'), { id: renewed.id, views: 1 });
    await ada.get('/logout');
    assert.equal(await store.length(), 0);
    assert.deepEqual(await ada.get('/peek'), { views: 0 });
  });

  test('the store lists, counts and clears its sessions on all nodes, and nothing else', async () => {
    // As a pattern, the prefix would mean the foreign key too.
    const store = newStore({ prefix: 's*s:', scanCount: 10 });
    await client.set('sess:foreign', 'v');
    const ids = Array.from({ length: 250 }, (_, index) => `id-${index}`).toSorted();
    await Promise.all(ids.map((id) => store.set(id, sessionOf({ views: 1 }))));
    assert.equal(await store.length(), 250);
    assert.deepEqual((await store.ids()).toSorted(), ids);
    const all = await store.all();
    assert.deepEqual(all.map(({ id }) => id).toSorted(), ids);
    assert(all.every(({ views }) => views === 1));
    await store.clear();
    assert.deepEqual([await store.length(), await store.ids(), await store.all()], [0, [], []]);
    assert.equal(await client.get('sess:foreign'), 'v');
  });

  test('the time to live is that of the cookie, else the option, else a day', async () => {
    const expires = new Date(Date.now() + COOKIE_MS);
    const lives: readonly (readonly [
      Omit<ShoalStoreOptions, 'client'>,
      Partial<SessionData['cookie']>,
      number | null,
    ])[] = [
      [{}, {}, 86_400_000],
      [{ ttl: 60 }, {}, 60_000],
      [{ ttl: 60 }, { expires }, COOKIE_MS],
      [{ ttl: 60 }, { expires: expires.toISOString() as never }, COOKIE_MS],
      [{ ttl: ({ views }) => views * 1.5 }, { expires }, 30_000],
      [{ ttl: 60, disableTTL: true }, { expires }, null],
    ];
    for (const [options, cookie, ttlMs] of lives) {
      const store = newStore(options);
      const stored = sessionOf({ views: 20, cookie });
      await store.set('id', stored);
      assertAbout(await ttlMsOf('sess:id'), ttlMs);
      await client.touch('sess:id', 1_000_000_000);
      await store.touch('id', stored);
      assertAbout(await ttlMsOf('sess:id'), options.disableTTL === true ? 1_000_000_000 : ttlMs);
    }
  });

  test('a session whose time is over is removed', async () => {
    const store = newStore();
    const over = sessionOf({ views: 1, cookie: { expires: new Date(Date.now() - 1) } });
    for (const call of [() => store.set('id', over), () => store.touch('id', over)]) {
      await store.set('id', sessionOf({ views: 1 }));
      await call();
      assert.equal(await store.get('id'), null);
    }
    await store.touch('id', sessionOf({ views: 1 }));
    assert.equal(await store.get('id'), null);
  });

  test('a serialiser of the application', async () => {
    const store = newStore({
      serializer: {
        stringify: (value) => `=${JSON.stringify(value)}`,
        parse: async (text) => JSON.parse(text.slice(1)) as SessionData,
      },
    });
    await store.set('id', sessionOf({ views: 7 }));
    assert.match((await client.get<string>('sess:id')) ?? '', /^=\{/);
    assert.equal((await store.get('id'))?.views, 7);
    assert.deepEqual(
      (await store.all()).map(({ id, views }) => [id, views]),
      [['id', 7]],
    );
  });

  test('callbacks get what promises give', async () => {
    const store = newStore();
    const called = (
      call: (callback: (error: unknown, value?: unknown) => void) => unknown,
    ): Promise<readonly unknown[]> => new Promise((resolve) => void call((...given) => resolve(given)));
    assert.deepEqual(await called((callback) => store.set('id', sessionOf({ views: 1 }), callback)), [null, undefined]);
    assert.deepEqual(await called((callback) => store.touch('id', sessionOf({ views: 1 }), callback)), [
      null,
      undefined,
    ]);
    assert.deepEqual(await called((callback) => store.get('id', callback)), [null, sessionOf({ views: 1 })]);
    assert.deepEqual(await called((callback) => store.get('none', callback)), [null, null]);
    assert.deepEqual(await called((callback) => store.length(callback)), [null, 1]);
    assert.deepEqual(await called((callback) => store.ids(callback)), [null, ['id']]);
    assert.deepEqual(await called((callback) => store.all(callback)), [
      null,
      [{ ...sessionOf({ views: 1 }), id: 'id' }],
    ]);
    assert.deepEqual(await called((callback) => store.destroy('id', callback)), [null, undefined]);
    assert.deepEqual(await called((callback) => store.clear(callback)), [null, undefined]);
  });

  test('errors go to the callback, or reject where there is none', async () => {
    const down = world.ShoalClient.lazy({ nodes: ['127.0.0.1:1'], requestTimeoutMs: 100 });
    const store = new world.ShoalStore({ client: down });
    const empty = sessionOf({ views: 0 });
    type Callback = (error: unknown) => void;
    const calls: readonly ((callback?: Callback) => Promise<unknown>)[] = [
      (callback) => store.get('id', callback),
      (callback) => store.set('id', empty, callback),
      (callback) => store.touch('id', empty, callback),
      (callback) => store.destroy('id', callback),
      (callback) => store.clear(callback),
      (callback) => store.length(callback),
      (callback) => store.ids(callback),
      (callback) => store.all(callback),
    ];
    for (const call of calls) {
      const told = await new Promise<unknown>((resolve) => void call(resolve));
      for (const error of [told, await failureOf(call())])
        assert(DOWN.has((error as { code: string }).code), String(error));
    }
    await down.close();
    await client.set('sess:broken', 'no JSON');
    assert((await failureOf(newStore().get('broken'))) instanceof SyntaxError);
  });

  test('a cache that is down is an error of the request, and not of the process', async () => {
    const down = world.ShoalClient.lazy({ nodes: ['127.0.0.1:1'], requestTimeoutMs: 100 });
    await using shop = await Shop.open(new world.ShoalStore({ client: down }));
    const response = await fetch(`${shop.origin}/view`, { headers: { cookie: `connect.sid=${signedCookie('id')}` } });
    assert.equal(response.status, 500);
    await down.close();
  });

  test('options that cannot be are refused', async () => {
    const refused: readonly (() => unknown)[] = [
      () => new world.ShoalStore({} as never),
      () => new world.ShoalStore(undefined as never),
      () => newStore({ prefix: 1 as never }),
      () => newStore({ ttl: 0 }),
      () => newStore({ ttl: Number.NaN }),
      () => newStore({ scanCount: 0 }),
      () => newStore({ serializer: { parse: JSON.parse } as never }),
    ];
    for (const make of refused) assert.throws(make, { code: 'InvalidOption' });
  });
}

/** An application that counts the views of each visitor. */
class Shop implements AsyncDisposable {
  readonly origin: string;
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(store: ShoalStore): Promise<Shop> {
    const app = express();
    app.use(
      session({ store, secret: SECRET, resave: false, saveUninitialized: false, cookie: { maxAge: MAX_AGE_MS } }),
    );
    app.get('/view', ({ session: own, sessionID: id }, response) => {
      own.views = (own.views ?? 0) + 1;
      response.json({ id, views: own.views });
    });
    app.get('/peek', (request, response) => void response.json({ views: request.session.views ?? 0 }));
    app.get('/renew', (request, response, next) => {
      request.session.regenerate((error: unknown) => (error ? next(error) : response.json({ id: request.sessionID })));
    });
    app.get('/logout', (request, response, next) => {
      request.session.destroy((error: unknown) => (error ? next(error) : response.json({})));
    });
    app.use(((_error, _request, response, _next) => void response.status(500).end()) as express.ErrorRequestHandler);
    const server = app.listen(0, '127.0.0.1');
    await nextEvent(server, 'listening');
    return new Shop(server);
  }

  browser(): Browser {
    return new Browser(this.origin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Keeps the cookie that it was given. */
class Browser {
  private readonly origin: string;
  private cookie = '';

  constructor(origin: string) {
    this.origin = origin;
  }

  async get(path: string): Promise<{ id?: string; views?: number }> {
    const response = await fetch(this.origin + path, { headers: this.cookie === '' ? {} : { cookie: this.cookie } });
    assert.equal(response.status, 200);
    this.cookie = response.headers.get('set-cookie')?.split(';')[0] ?? this.cookie;
    return (await response.json()) as { id?: string; views?: number };
  }
}

/** The cookie's value that express-session accepts for the session `id`. */
function signedCookie(id: string): string {
  const signature = createHmac('sha256', SECRET).update(id).digest('base64').replace(/=+$/, '');
  return encodeURIComponent(`s:${id}.${signature}`);
}

/** A session as express-session hands it to a store, after a round trip through JSON. */
function sessionOf(parts: { readonly views: number; readonly cookie?: Partial<SessionData['cookie']> }): SessionData {
  return { views: parts.views, cookie: { originalMaxAge: null, path: '/', ...parts.cookie } };
}

/** Whether a time to live was just set to `expected`; null where nothing expires. */
function assertAbout(ttlMs: number | null | undefined, expected: number | null): void {
  if (expected === null || ttlMs === null || ttlMs === undefined) assert.equal(ttlMs, expected);
  else assert(ttlMs <= expected && ttlMs > expected - SLOW_MS, `${ttlMs} is not about ${expected}`);
}

const SECRET = 'keyboard cat';
/** Unlike the other times to live of the tests. */
const COOKIE_MS = 200_000;
/** What a busy machine may take from setting to asking; less than what the tests tell apart. */
const SLOW_MS = 25_000;
const DOWN: ReadonlySet<string> = new Set(['NoAvailableNodes', 'Timeout', 'ConnectFailed']);
