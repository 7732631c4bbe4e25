/** Sessions of a real Express application, kept by express-session and connect-redis. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';
import { nextEvent } from '../../support/next-event.ts';
import { startTarget, type Target } from '../../support/client-target.ts';

declare module 'express-session' {
  interface SessionData {
    views: number;
  }
}

const MAX_AGE_MS = 600_000;

let target: Target;
let client: ReturnType<typeof createClient>;
let store: RedisStore;
let server: Server;
let origin: string;

beforeAll(async () => {
  target = await startTarget();
  client = createClient({ url: target.url });
  await client.connect();
  store = new RedisStore({ client, prefix: 'shop:' });
  const app = express();
  app.use(
    session({ store, secret: 'keyboard cat', resave: false, saveUninitialized: false, cookie: { maxAge: MAX_AGE_MS } }),
  );
  app.get('/view', (request, response) => {
    request.session.views = (request.session.views ?? 0) + 1;
    response.json({ id: request.sessionID, views: request.session.views });
  });
  app.get('/peek', (request, response) => {
    response.json({ views: request.session.views ?? 0 });
  });
  app.get('/renew', (request, response, next) => {
    request.session.regenerate((error: unknown) =>
      error === undefined || error === null ? response.json({ id: request.sessionID }) : next(error),
    );
  });
  app.get('/logout', (request, response, next) => {
    request.session.destroy((error: unknown) =>
      error === undefined || error === null ? response.json({}) : next(error),
    );
  });
  server = app.listen(0, '127.0.0.1');
  await nextEvent(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => client.flushAll());
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await client.close();
  await target.stop();
});

/** A browser: keeps the cookie that it was given. */
class Browser {
  private cookie = '';

  async get(path: string): Promise<{ id?: string; views?: number }> {
    const response = await fetch(origin + path, { headers: this.cookie === '' ? {} : { cookie: this.cookie } });
    expect(response.status).toBe(200);
    this.cookie = response.headers.get('set-cookie')?.split(';')[0] ?? this.cookie;
    return (await response.json()) as { id?: string; views?: number };
  }
}

test('a session comes back with its cookie, and only with it', async () => {
  const ada = new Browser();
  const bob = new Browser();
  const { id } = await ada.get('/view');
  expect(await ada.get('/view')).toEqual({ id: id ?? '', views: 2 });
  expect(await bob.get('/view')).toMatchObject({ views: 1 });
  expect(await client.exists(`shop:${id}`)).toBe(1);
  expect(JSON.parse((await client.get(`shop:${id}`)) ?? '{}')).toMatchObject({ views: 2 });
  expect(await client.ttl(`shop:${id}`)).toBeWithin(590, 601);
});

test('a request without a change renews the time to live', async () => {
  const ada = new Browser();
  const { id } = await ada.get('/view');
  await client.expire(`shop:${id}`, 10);
  expect(await ada.get('/peek')).toEqual({ views: 1 });
  expect(await client.ttl(`shop:${id}`)).toBeWithin(590, 601);
});

test('a session that expired starts anew', async () => {
  const ada = new Browser();
  const { id } = await ada.get('/view');
  await client.pExpire(`shop:${id}`, 1);
  while ((await client.exists(`shop:${id}`)) === 1);
  expect(await ada.get('/view')).toMatchObject({ views: 1 });
});

test('regenerate and destroy', async () => {
  const ada = new Browser();
  const { id } = await ada.get('/view');
  const renewed = await ada.get('/renew');
  expect(renewed.id).not.toBe(id);
  expect(await client.exists(`shop:${id}`)).toBe(0);
  expect(await ada.get('/view')).toEqual({ id: renewed.id ?? '', views: 1 });
  await ada.get('/logout');
  expect(await client.dbSize()).toBe(0);
  expect(await ada.get('/peek')).toEqual({ views: 0 });
});

test('the store lists, counts and clears its sessions', async () => {
  await client.set('foreign', 'v');
  const ids: string[] = [];
  for (let index = 0; index < 150; index += 1) ids.push((await new Browser().get('/view')).id ?? '');
  expect(await store.length()).toBe(150);
  expect(((await store.ids()) as string[]).toSorted()).toEqual(ids.toSorted());
  const all = (await store.all()) as { id: string; views: number }[];
  expect(all.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  expect(new Set(all.map(({ views }) => views))).toEqual(new Set([1]));
  await store.clear();
  expect(await store.length()).toBe(0);
  expect(await client.keys('*')).toEqual(['foreign']);
});
