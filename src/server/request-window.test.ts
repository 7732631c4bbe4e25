/** Requests are decoded before those in front of them ran: what those change holds for them all the same. */
import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../test/support/fake-node.ts';
import { ShoalFakeClient } from '../../test/support/shoal-fake-client.ts';
import { encodeFrame } from '../../test/support/shoal-frames.ts';
import { BATCH_PLACES } from '../store/keys-ahead.ts';

describe('in one batch', () => {
  test('SELECT and SWAPDB choose the database of the requests behind them', async () => {
    await using node = await startFakeNode();
    const requests = [
      frame('SET', 'k', 'zero'),
      frame('SELECT', '1'),
      frame('GET', 'k'),
      frame('SET', 'k', 'one'),
      frame('SELECT', '0'),
      frame('GET', 'k'),
      frame('SWAPDB', '0', '1'),
      frame('GET', 'k'),
    ];
    expect(node.open().exchange(requests.join(''))).toBe(
      '+OK\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n$4\r\nzero\r\n+OK\r\n$3\r\none\r\n',
    );
  });

  test('AUTH lifts the limits of strangers, and RESET brings them back', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    const long = frame('SET', 'k', 'v'.repeat(20_000));
    const connection = node.open();
    expect(connection.exchange(frame('AUTH', 'secret') + long + frame('RESET') + long)).toBe(
      '+OK\r\n+OK\r\n+RESET\r\n-ERR Protocol error: unauthenticated bulk length\r\n',
    );
    expect(connection.state).toBe('ended');
  });

  test('MULTI queues what follows, and EXEC runs it', async () => {
    await using node = await startFakeNode();
    const requests = [frame('MULTI'), frame('SET', 'k', 'v'), frame('GET', 'k'), frame('EXEC'), frame('GET', 'k')];
    expect(node.open().exchange(requests.join(''))).toBe(
      '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\nv\r\n$1\r\nv\r\n',
    );
  });

  test('HELLO changes the form of the replies behind it', async () => {
    await using node = await startFakeNode();
    const replies = node.open().exchange(frame('GET', 'k') + frame('HELLO', '3') + frame('GET', 'k'));
    expect(replies.startsWith('$-1\r\n%')).toBe(true);
    expect(replies.endsWith('_\r\n')).toBe(true);
  });

  test('what breaks the protocol is answered after the requests before it', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange(`${frame('PING')}${frame('PING')}*1\r\n!\r\n`)).toBe(
      "+PONG\r\n+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n",
    );
    expect(connection.state).toBe('ended');
  });

  test('a key that is too long is refused or missing, the others are served', async () => {
    await using node = await startFakeNode();
    const long = 'k'.repeat(70_000);
    const requests = [frame('SET', 'a', '1'), frame('GET', long), frame('SET', long, '1'), frame('GET', 'a')];
    expect(node.open().exchange(requests.join(''))).toMatch(/^\+OK\r\n\$-1\r\n-ERR .*key.*\r\n\$1\r\n1\r\n$/);
  });
});

describe('requests of all kinds', () => {
  const kinds: readonly ((key: string) => string)[] = [
    (key) => frame('SET', key, key),
    (key) => frame('GET', key),
    (key) => frame('DEL', key),
    (key) => frame('EXISTS', key, key),
    (key) => frame('INCR', `n${key}`),
    (key) => frame('MGET', key, 'other', `n${key}`),
    (key) =>
      frame(
        'MGET',
        ...Array.from({ length: 40 }, (_, index) =>
          index === 20 ? 'x'.repeat(70_000) : `${key}${index % 3 === 0 ? '' : index}`,
        ),
      ),
    (key) => `SET ${key} "in\\tline"\r\n`,
    (key) => `GET ${key}\r\n`,
    (key) => frame('APPEND', key, 'more'),
    () => frame('NOPE'),
    () => frame('PING'),
    () => '\r\n',
    () => '*0\r\n',
  ];
  const requests = Array.from({ length: 5 * BATCH_PLACES }, (_, index) =>
    kinds[(index * 7) % kinds.length]!(`k${index % 9}`),
  );

  test('are answered in one batch as one by one', async () => {
    await using alone = await startFakeNode();
    await using together = await startFakeNode();
    const connection = alone.open();
    const expected = requests.map((request) => connection.exchange(request)).join('');
    expect(together.open().exchange(requests.join(''))).toBe(expected);
  });

  test('are answered alike wherever the network cuts them', async () => {
    await using whole = await startFakeNode();
    const text = requests.slice(0, 3 * BATCH_PLACES).join('');
    const expected = whole.open().exchange(text);
    for (let cut = 1; cut < text.length; cut += 7) {
      await using node = await startFakeNode({ memoryBytes: 2 ** 21 });
      const connection = node.open();
      expect(connection.exchange(text.slice(0, cut)) + connection.exchange(text.slice(cut))).toBe(expected);
    }
  });

  test('of the Shoal protocol too', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    const frames = Array.from({ length: 3 * BATCH_PLACES }, (_, index) => {
      const key = `k${index % 5}`;
      if (index % 3 === 0) return encodeFrame({ opcode: 'set', requestId: index, key, value: `v${index}` });
      return encodeFrame({ opcode: index % 3 === 1 ? 'get' : 'exists', requestId: index, key });
    });
    const model = new Map<string, string>();
    const expected = frames.map((_, index) => {
      const key = `k${index % 5}`;
      if (index % 3 === 0) model.set(key, `v${index}`);
      return [index, index % 3 === 0 || model.has(key) ? 'ok' : 'miss', index % 3 === 1 ? (model.get(key) ?? '') : ''];
    });
    const replies = client.receive(Buffer.concat(frames)).take();
    expect(replies.map(({ requestId, status, value }) => [requestId, status, value.toString('latin1')])).toEqual(
      expected,
    );
  });
});
