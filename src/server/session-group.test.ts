/** Sessions whose requests come together are answered as if each had come by itself, one after the other. */
import { describe, expect, test } from 'bun:test';
import { type FakeNode, frame, startFakeNode } from '../../test/support/fake-node.ts';
import type { FakeConnection } from '../../test/support/fake-transport.ts';
import { ManualEnvironment } from '../../test/support/manual-environment.ts';
import { ShoalFakeClient } from '../../test/support/shoal-fake-client.ts';
import { encodeFrame } from '../../test/support/shoal-frames.ts';
import { seededRandom } from '../base/random.ts';

/** Connections that have sent something before, as those have that are looked at. */
function openAll(node: FakeNode, count: number): FakeConnection[] {
  return Array.from({ length: count }, () => {
    const connection = node.open();
    connection.exchange('PING\r\n');
    return connection;
  });
}

/** What each is answered, in order. */
function exchangeTogether(node: FakeNode, arrivals: readonly (readonly [FakeConnection, string])[]): string[] {
  node.receiveTogether(arrivals);
  return arrivals.map(([connection]) => connection.take());
}

describe('replies', () => {
  test('leave together, each to its own connection', async () => {
    await using node = await startFakeNode();
    const connections = openAll(node, 5);
    const writes = connections.map((connection, i) => [connection, frame('SET', `k${i}`, `v${i}`)] as const);
    expect(exchangeTogether(node, writes)).toEqual(Array(5).fill('+OK\r\n'));
    const reads = connections.map((connection, i) => [connection, frame('GET', `k${i}`)] as const);
    expect(exchangeTogether(node, reads)).toEqual(connections.map((_, i) => `$2\r\nv${i}\r\n`));
    expect(node.gatheredCounts).toEqual([5, 5]);
  });

  test('of a connection that takes them in part follow once it takes more', async () => {
    await using node = await startFakeNode();
    const [slow, quick] = openAll(node, 2) as [FakeConnection, FakeConnection];
    slow.exchange(frame('SET', 'k', 'x'.repeat(1000)));
    slow.room = 100;
    const first = exchangeTogether(node, [
      [slow, frame('GET', 'k')],
      [quick, frame('GET', 'k')],
    ]);
    expect(first.map((reply) => reply.length)).toEqual([100, 1009]);
    // What comes after them stands behind them.
    slow.receive('PING\r\n');
    slow.drain();
    expect(first[0] + slow.take()).toBe(`$1000\r\n${'x'.repeat(1000)}\r\n+PONG\r\n`);
  });

  test.each([
    ['a command that may take its time', 'KEYS *\r\n'],
    ['a command that goes to all who subscribe', frame('PUBLISH', 'news', 'hello')],
    ['a pipeline', 'PING\r\n'.repeat(1000)],
    ['an exclusive section', frame('MULTI') + frame('EXEC')],
  ])('do not wait for %s', async (_name, request) => {
    await using node = await startFakeNode();
    const connections = openAll(node, 3);
    const texts = ['PING\r\n', 'PING\r\n', request];
    exchangeTogether(
      node,
      connections.map((connection, i) => [connection, texts[i]!] as const),
    );
    expect(node.gatheredCounts).toEqual([2, 1]);
  });

  test('wait for no further session once they have waited for long', async () => {
    const environment = new ManualEnvironment();
    let ms = 0;
    environment.clock.monotonicMs = () => (ms += 1);
    await using node = await startFakeNode({}, environment);
    const connections = openAll(node, 3);
    expect(
      exchangeTogether(
        node,
        connections.map((connection) => [connection, 'PING\r\n'] as const),
      ),
    ).toEqual(Array(3).fill('+PONG\r\n'));
    expect(node.gatheredCounts).toEqual([2, 1]);
  });

  test('of a session that leaves are sent before its connection ends', async () => {
    await using node = await startFakeNode();
    const [leaving, other] = openAll(node, 2) as [FakeConnection, FakeConnection];
    expect(
      exchangeTogether(node, [
        [other, 'PING\r\n'],
        [leaving, 'QUIT\r\n'],
      ]),
    ).toEqual(['+PONG\r\n', '+OK\r\n']);
    expect(leaving.state).toBe('ended');
  });

  test('come before the messages of others in the same group', async () => {
    await using node = await startFakeNode();
    const [subscriber, publisher] = openAll(node, 2) as [FakeConnection, FakeConnection];
    const [messages, count] = exchangeTogether(node, [
      [subscriber, frame('SUBSCRIBE', 'news')],
      [publisher, frame('PUBLISH', 'news', 'hello')],
    ]);
    expect(messages).toBe(
      '*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n',
    );
    expect(count).toBe(':1\r\n');
  });

  test('reach a session that another one then kills', async () => {
    await using node = await startFakeNode();
    const [victim, killer] = openAll(node, 2) as [FakeConnection, FakeConnection];
    expect(
      exchangeTogether(node, [
        [victim, frame('SET', 'k', 'v')],
        [killer, `CLIENT KILL ${victim.remoteAddress}\r\n`],
      ]),
    ).toEqual(['+OK\r\n', '+OK\r\n']);
    expect(victim.state).toBe('destroyed');
  });
});

describe('requests that were looked at', () => {
  test('do not run where another session has killed theirs', async () => {
    await using node = await startFakeNode();
    const [killer, victim] = openAll(node, 2) as [FakeConnection, FakeConnection];
    expect(
      exchangeTogether(node, [
        [killer, `CLIENT KILL ${victim.remoteAddress}\r\n`],
        [victim, frame('SET', 'k', 'v')],
      ]),
    ).toEqual(['+OK\r\n', '']);
    expect(killer.exchange(frame('EXISTS', 'k'))).toBe(':0\r\n');
  });

  test('find what those before them did', async () => {
    await using node = await startFakeNode();
    const [writer, reader, watcher] = openAll(node, 3) as [FakeConnection, FakeConnection, FakeConnection];
    const long = 'y'.repeat(3000);
    for (const [before, request, after] of [
      [frame('SET', 'k', '1'), frame('DEL', 'k'), '$-1\r\n'],
      [frame('SET', 'k', '1'), frame('SET', 'k', long), `$3000\r\n${long}\r\n`],
      [frame('SET', 'k', '1'), frame('INCR', 'k'), '$1\r\n2\r\n'],
      [frame('SET', 'k', '1'), 'SWAPDB 0 1\r\n', '$-1\r\n'],
      [frame('SET', 'k', '1'), 'FLUSHALL\r\n', '$-1\r\n'],
      [frame('SET', 'k', '1'), frame('RENAME', 'k', 'other'), '$-1\r\n'],
    ] as const) {
      writer.exchange(before);
      const replies = exchangeTogether(node, [
        [writer, request],
        [reader, frame('GET', 'k')],
      ]);
      expect(replies[1]).toBe(after);
    }
    watcher.exchange(frame('WATCH', 'k') + frame('MULTI') + frame('GET', 'k'));
    const replies = exchangeTogether(node, [
      [writer, frame('SET', 'k', '2')],
      [watcher, frame('EXEC')],
    ]);
    expect(replies).toEqual(['+OK\r\n', '*-1\r\n']);
  });

  test('of which one session has several run as its state then is', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    const [admin, other] = [node.open(), node.open()] as const;
    admin.exchange(frame('AUTH', 'secret'));
    other.exchange(frame('AUTH', 'secret'));
    const replies = exchangeTogether(node, [
      [admin, frame('SELECT', '1')],
      [other, frame('RESET') + frame('GET', 'k')],
    ]);
    expect(replies[0]).toBe('+OK\r\n');
    expect(replies[1]).toMatch(/^\+RESET\r\n-NOAUTH /);
  });

  test('wait with their session while clients are paused, and run once', async () => {
    const environment = new ManualEnvironment();
    await using node = await startFakeNode({}, environment);
    const [admin, other] = openAll(node, 2) as [FakeConnection, FakeConnection];
    const replies = exchangeTogether(node, [
      [admin, 'CLIENT PAUSE 1000\r\n'],
      [other, frame('INCR', 'n')],
    ]);
    expect(replies).toEqual(['+OK\r\n', '']);
    // Others are looked at meanwhile, in its place.
    exchangeTogether(node, [
      [admin, 'PING\r\n'],
      [node.open(), 'PING\r\n'],
    ]);
    environment.advance(2000);
    expect(other.take()).toBe(':1\r\n');
  });
});

test('sessions of both protocols, with requests cut anywhere, are answered as they are alone', async () => {
  const random = seededRandom(7);
  const below = (count: number): number => Math.floor(random() * count);
  await using together = await startFakeNode();
  await using alone = await startFakeNode();
  const count = 20;
  const peersOf = (node: FakeNode): readonly FakeConnection[] => [
    ...openAll(node, count / 2),
    ...Array.from({ length: count / 2 }, () => ShoalFakeClient.open(node).connection),
  ];
  const [grouped, single] = [peersOf(together), peersOf(alone)];
  const waiting: string[] = Array(count).fill('');
  const kinds = ['SET', 'GET', 'DEL', 'INCR', 'MGET', 'APPEND', 'EXISTS', 'PING'];
  const requestOf = (peer: number): string => {
    const key = `key${below(12)}`;
    if (peer >= count / 2) {
      const [opcode, value] = below(2) === 0 ? (['get', ''] as const) : (['set', 'z'.repeat(below(2000))] as const);
      return encodeFrame({ opcode, requestId: 1 + below(1000), key, value }).toString('latin1');
    }
    const kind = kinds[below(kinds.length)]!;
    if (kind === 'PING') return below(20) === 0 ? '*1\r\n$4\r\nPING\r\n*0\r\n' : 'PING\r\n';
    return kind === 'SET' || kind === 'APPEND' ? frame(kind, key, `${below(100)}`) : frame(kind, key);
  };
  for (let round = 0; round < 2000; round += 1) {
    const arrivals: [FakeConnection, string][] = [];
    for (let peer = 0; peer < count; peer += 1) {
      if (below(3) === 0) continue;
      for (let more = below(4); more >= 0; more -= 1) waiting[peer] += requestOf(peer);
      const length = below(3) === 0 ? below(waiting[peer]!.length) + 1 : waiting[peer]!.length;
      arrivals.push([grouped[peer]!, waiting[peer]!.slice(0, length)]);
      single[peer]!.receive(waiting[peer]!.slice(0, length));
      waiting[peer] = waiting[peer]!.slice(length);
    }
    together.receiveTogether(arrivals);
    const of = (peers: readonly FakeConnection[]): string[] => peers.map((connection) => connection.take());
    expect(of(grouped)).toEqual(of(single));
  }
  expect(Math.max(...together.gatheredCounts)).toBeGreaterThan(10);
});
