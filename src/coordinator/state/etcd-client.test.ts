/** Which member is asked, and when a call gives up: members that fail as an etcd in order never does. */
import { afterEach, describe, expect, test } from 'bun:test';
import { freePort } from '../../../test/support/redis-server.ts';
import { failureOf } from '../../../test/support/failure-of.ts';
import { EtcdClient } from './etcd-client.ts';
import { SYSTEM_CLOCK } from './state-clock.ts';

const ATTEMPT_MS = 150;
const NEVER = new AbortController().signal;
const GOOD = (): Response => Response.json({ header: { revision: '1' } });
const BUSY = (): Response => Response.json({ code: 14, message: 'etcdserver: no leader' }, { status: 503 });
const REFUSED = (): Response => Response.json({ code: 5, message: 'no such lease' }, { status: 404 });
const ALIEN = (): Response => new Response('<html>', { status: 200 });
const SILENT = (): Promise<Response> => new Promise<Response>(() => undefined);

class Member {
  calls = 0;
  tokens: (string | null)[] = [];
  answer: (path: string) => Response | Promise<Response>;
  readonly server: ReturnType<typeof Bun.serve>;

  constructor(answer: (path: string) => Response | Promise<Response>) {
    this.answer = answer;
    this.server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request) => {
        this.calls += 1;
        this.tokens.push(request.headers.get('authorization'));
        return this.answer(new URL(request.url).pathname);
      },
    });
    running.push(this);
  }

  get origin(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }
}

const running: Member[] = [];
const clients: EtcdClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const { server } of running.splice(0)) await server.stop(true);
});

function clientOf(origins: readonly string[], user: { name: string; password: string } | null = null): EtcdClient {
  const client = new EtcdClient({ endpoints: origins, tls: {}, user }, SYSTEM_CLOCK, ATTEMPT_MS);
  clients.push(client);
  return client;
}

function call(client: EtcdClient, withinMs = 5000, signal = NEVER): Promise<{ readonly sentMs: number }> {
  return client.call('/v3/kv/range', { key: 'YQ==' }, SYSTEM_CLOCK.monotonicMs() + withinMs, signal);
}

describe('the members', () => {
  test.each<[string, () => Response | Promise<Response>]>([
    ['busy', BUSY],
    ['silent', SILENT],
    ['no etcd', ALIEN],
    ['in the middle of its answer', () => new Response('{"header":{"revi', { headers: { 'Content-Length': '1000' } })],
  ])('one that is %s is passed over, and the next one is asked first from then on', async (_, answer) => {
    const bad = new Member(answer);
    const good = new Member(GOOD);
    const client = clientOf([bad.origin, good.origin]);
    const startMs = SYSTEM_CLOCK.monotonicMs();
    const { sentMs } = await call(client);
    // When the attempt that was answered was sent, not the first.
    if (answer === SILENT) expect(sentMs - startMs).toBeGreaterThanOrEqual(ATTEMPT_MS - 1);
    await call(client);
    expect([bad.calls, good.calls]).toEqual([1, 2]);
  });

  test('one that nobody listens for is passed over', async () => {
    const good = new Member(GOOD);
    await call(clientOf([`http://127.0.0.1:${await freePort()}`, good.origin]));
    expect(good.calls).toBe(1);
  });

  test('a refusal is final, and says whether an attempt before it may have been carried out', async () => {
    const first = new Member(REFUSED);
    const second = new Member(GOOD);
    const failure = await failureOf(call(clientOf([first.origin, second.origin])));
    expect(failure).toMatchObject({
      kind: 'refused',
      isAfterUnknown: false,
      message: `${first.origin}: no such lease`,
    });
    expect(second.calls).toBe(0);
    const silent = new Member(SILENT);
    const after = await failureOf(call(clientOf([silent.origin, first.origin])));
    expect(after).toMatchObject({ kind: 'refused', isAfterUnknown: true });
  });

  test('no member that can ever answer: given up once each was asked', async () => {
    const members = [new Member(ALIEN), new Member(ALIEN), new Member(ALIEN)];
    const failure = await failureOf(call(clientOf(members.map(({ origin }) => origin))));
    expect(failure).toMatchObject({ kind: 'misconfigured' });
    expect(members.map(({ calls }) => calls)).toEqual([1, 1, 1]);
  });

  test('members that may get better: tried until the deadline, in turn', async () => {
    const members = [new Member(BUSY), new Member(ALIEN)];
    const failure = await failureOf(call(clientOf(members.map(({ origin }) => origin)), 400));
    expect(['passing', 'misconfigured']).toContain((failure as { readonly kind?: string }).kind ?? '');
    const [busy, alien] = members.map(({ calls }) => calls);
    expect(busy).toBeGreaterThan(1);
    expect(Math.abs((busy ?? 0) - (alien ?? 0))).toBeLessThanOrEqual(1);
  });

  test('a call that is given up ends at once', async () => {
    const ending = new AbortController();
    const calling = call(clientOf([new Member(SILENT).origin]), 60_000, ending.signal);
    ending.abort();
    expect((await failureOf(calling)).message).toContain('the call was given up');
    expect((await failureOf(call(clientOf([new Member(GOOD).origin]), 60_000, ending.signal))).message).toContain(
      'the call was given up',
    );
  });
});

describe('a user', () => {
  const user = { name: 'ada', password: 'secret' };

  test('gets one token for many calls, and a new one when it is refused', async () => {
    let given = 0;
    const tokens: (string | null)[] = [];
    const member = new Member((path) => {
      if (path === '/v3/auth/authenticate') return Response.json({ token: `token-${(given += 1)}` });
      tokens.push(member.tokens.at(-1) ?? null);
      const isVoid = member.tokens.at(-1) === 'token-1' && tokens.length > 2;
      return isVoid ? Response.json({ code: 16, message: 'etcdserver: invalid auth token' }, { status: 401 }) : GOOD();
    });
    const client = clientOf([member.origin], user);
    for (let count = 0; count < 4; count += 1) await call(client);
    expect(tokens).toEqual(['token-1', 'token-1', 'token-1', 'token-2', 'token-2']);
  });

  test('whose tokens are all refused is not asked for new ones without an end', async () => {
    const member = new Member((path) =>
      path === '/v3/auth/authenticate'
        ? Response.json({ token: 'void' })
        : Response.json({ code: 16, message: 'etcdserver: invalid auth token' }, { status: 401 }),
    );
    await failureOf(call(clientOf([member.origin], user), 300));
    // Three tokens and three refusals an attempt, and a pause between attempts.
    expect(member.calls).toBeGreaterThanOrEqual(6);
    expect(member.calls).toBeLessThanOrEqual(7 * 6);
  });

  test('is not needed where etcd has no users', async () => {
    const member = new Member((path) =>
      path === '/v3/auth/authenticate'
        ? Response.json({ code: 9, message: 'etcdserver: authentication is not enabled' }, { status: 400 })
        : GOOD(),
    );
    await call(clientOf([member.origin], user));
    expect(member.tokens).toEqual([null, null]);
  });
});
