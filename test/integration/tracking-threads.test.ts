/** Clients that cache, on a node with several data threads: whichever thread writes, whichever serves them, and whichever serves the client that hears for them. */
import { describe, expect, test } from 'bun:test';
import { frame } from '../support/fake-node.ts';
import type { NodeOverrides } from '../support/node.ts';
import type { RespClient } from '../support/resp-client.ts';
import { THREAD_TRANSPORTS } from '../support/thread-transports.ts';
import { startThreaded } from '../support/threaded-node.ts';

const EVERYTHING = '>2\r\n$10\r\ninvalidate\r\n_\r\n';

function invalidate(...keys: readonly string[]): string {
  return `>2\r\n$10\r\ninvalidate\r\n${frame(...keys)}`;
}

async function track(client: RespClient, ...options: readonly string[]): Promise<void> {
  await client.call('HELLO', '3');
  expect(await client.call('CLIENT', 'TRACKING', 'ON', ...options)).toBe('+OK\r\n');
}

async function idOf(client: RespClient): Promise<string> {
  return (await client.call('CLIENT', 'ID')).slice(1, -2);
}

describe.each(THREAD_TRANSPORTS)('%s', (transport) => {
  const start = (overrides: NodeOverrides = {}) => startThreaded({ transport, ...overrides });

  test('each thread tells its own clients of what any thread changes, before it answers anything else', async () => {
    await using node = await start();
    for (const client of node.clients) await track(client);
    for (let round = 0; round < 30; round += 1) {
      for (const client of node.clients) await client.call('GET', 'k');
      const at = round % node.clients.length;
      const writer = node.clients[at]!;
      expect(await writer.call('SET', 'k', String(round))).toBe('+OK\r\n');
      expect(await writer.read()).toBe(invalidate('k'));
      for (const client of node.clients) {
        if (client === writer) continue;
        client.send('PING');
        expect(await client.readAll(2)).toEqual([invalidate('k'), '+PONG\r\n']);
      }
    }
  });

  test('prefixes, everything, and INFO of all threads', async () => {
    await using node = await start();
    const [one, two, writer] = node.clients as [RespClient, RespClient, RespClient];
    await track(one, 'BCAST', 'PREFIX', 'user:');
    await track(two);
    await two.call('MGET', 'user:1', 'other');
    const info = await writer.call('INFO');
    expect(info).toContain('tracking_clients:2\r\n');
    expect(info).toContain('tracking_total_keys:2\r\n');
    expect(info).toContain('tracking_total_items:2\r\n');
    expect(info).toContain('tracking_total_prefixes:1\r\n');
    await writer.call('MSET', 'user:1', '1', 'other', '3');
    expect(await one.read()).toBe(invalidate('user:1'));
    expect(await two.readAll(2)).toEqual([invalidate('user:1'), invalidate('other')]);
    await writer.call('FLUSHALL');
    expect(await one.read()).toBe(EVERYTHING);
    expect(await two.read()).toBe(EVERYTHING);
  });

  test('a client redirects to one of another thread, and is told when that is gone', async () => {
    await using node = await start();
    const [reader, target, writer] = node.clients as [RespClient, RespClient, RespClient];
    const id = await idOf(target);
    await target.call('SUBSCRIBE', '__redis__:invalidate');
    await track(reader, 'REDIRECT', id);
    await reader.call('GET', 'k');
    await writer.call('SET', 'k', '1');
    expect(await target.read()).toBe(`*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n${frame('k')}`);
    await reader.call('GET', 'k');
    target.close();
    // The node may still have to hear of that.
    while ((await writer.call('CLIENT', 'LIST', 'ID', id)) !== '$0\r\n\r\n') await writer.call('PING');
    await writer.call('SET', 'k', '2');
    expect(await reader.read()).toBe(`>2\r\n$21\r\ntracking-redir-broken\r\n:${id}\r\n`);
    expect(await reader.call('CLIENT', 'TRACKINGINFO')).toContain('broken_redirect');
  });

  test('a table that one thread fills is cut down, and one of another is left alone', async () => {
    await using node = await start({ limits: { trackedKeyCountMax: 30 } });
    const [one, two, other] = node.clients as [RespClient, RespClient, RespClient];
    await track(one);
    await track(two);
    for (let key = 0; key < 5; key += 1) await two.call('GET', `small:${key}`);
    for (let key = 0; key < 25; key += 1) expect(await one.call('GET', `large:${key}`)).toBe('_\r\n');
    expect(await one.call('GET', 'one more')).toBe('_\r\n');
    expect(await one.read()).toBe(invalidate('large:0'));
    expect(await other.call('INFO')).toContain('tracking_total_keys:30\r\n');
    expect(two.isQuiet).toBe(true);
  });
});
