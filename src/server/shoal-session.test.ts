/** Connections of the Shoal protocol: how they begin, wait, are watched and end. */
import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../test/support/fake-node.ts';
import { ShoalFakeClient } from '../../test/support/shoal-fake-client.ts';
import { callWords, encodeFrame, encodeHello, int64 } from '../../test/support/shoal-frames.ts';

const KIB = 1024;

describe('hello', () => {
  test('lets the requests right behind it run, in order; one that fails lets none', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    const requests = [
      encodeFrame({ opcode: 'set', requestId: 2, key: 'k', value: 'v'.repeat(40 * KIB) }),
      encodeFrame({ opcode: 'get', requestId: 3, key: 'k' }),
    ];
    const pipelined = (password: string): ShoalFakeClient =>
      ShoalFakeClient.openSilent(node).receive(Buffer.concat([encodeHello({ password }, 1), ...requests]));
    const accepted = pipelined('secret').take();
    expect(accepted.map(({ status, requestId }) => [status, requestId])).toEqual([
      ['ok', 1],
      ['ok', 2],
      ['ok', 3],
    ]);
    // A value of this length is too long for a stranger.
    const refused = pipelined('guess');
    expect(refused.take().map(({ status, requestId }) => [status, requestId])).toEqual([
      ['unauthenticated', 1],
      ['valueTooLong', 2],
    ]);
    expect(refused.connection.state).toBe('ended');
  });

  test('chooses the database and names the connection, again where it is said again', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node, { database: 3, name: 'first' });
    client.send({ opcode: 'set', key: 'k', value: 'three' });
    expect(node.open().exchange(frame('SELECT', '3') + frame('GET', 'k'))).toBe('+OK\r\n$5\r\nthree\r\n');
    expect(client.call('CLIENT', 'LIST')).toMatch(/ name=first .* db=3 .* cmd=client\|list .* resp=0 /);
    client.hello({ database: 0, name: 'second' });
    expect(client.send({ opcode: 'get', key: 'k' }).status).toBe('miss');
    expect(node.open().exchange(frame('CLIENT', 'LIST'))).toMatch(/ name=second .* db=0 .* cmd=get .* resp=0 /);
  });

  test('that fails leaves the connection as it was', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    const client = ShoalFakeClient.open(node, { password: 'secret', database: 2, name: 'me' });
    expect(client.hello({ password: 'wrong', database: 5, name: 'you' }).status).toBe('unauthenticated');
    expect(client.hello({ versions: [7, 9], password: 'secret', database: 5 }).status).toBe('unsupportedVersion');
    expect(client.hello({ password: 'secret', database: 16 }).status).toBe('badRequest');
    expect(client.call('CLIENT', 'INFO')).toMatch(/ name=me .* db=2 /);
  });

  test('needs the password that is set while the node runs, connections that are open do not', async () => {
    await using node = await startFakeNode();
    const early = ShoalFakeClient.open(node);
    const silent = ShoalFakeClient.openSilent(node);
    expect(early.call('CONFIG', 'SET', 'requirepass', 'secret')).toBe('+OK\r\n');
    expect(early.send({ opcode: 'ping' }).status).toBe('ok');
    expect(early.hello({}).status).toBe('unauthenticated');
    expect(early.send({ opcode: 'ping' }).status).toBe('ok');
    expect(silent.hello({}).status).toBe('unauthenticated');
    expect(silent.hello({ password: 'secret' }).status).toBe('ok');
  });
});

describe('the first byte', () => {
  test('decides, and no later one', async () => {
    await using node = await startFakeNode();
    const resp = node.open();
    expect(resp.exchange(frame('PING'))).toBe('+PONG\r\n');
    expect(resp.exchange('\xa5\x01\r\n')).toStartWith('-ERR unknown command');
    const client = ShoalFakeClient.open(node);
    expect(client.receive(Buffer.from(frame('PING'))).take()).toMatchObject([{ status: 'badRequest', requestId: 0 }]);
    expect(client.connection.state).toBe('ended');
    expect(client.receive(encodeFrame({ opcode: 'set', key: 'k', value: 'v' })).take()).toEqual([]);
    expect(node.open().exchange(frame('EXISTS', 'k'))).toBe(':0\r\n');
  });

  test('comes too late for a node that is full', async () => {
    await using node = await startFakeNode({ limits: { connectionCountMax: 1 } });
    ShoalFakeClient.open(node);
    const refused = node.open();
    expect(refused.exchange(encodeHello().toString('latin1'))).toBe('-ERR max number of clients reached\r\n');
  });
});

describe('a call', () => {
  test('answers in RESP3, also what is long', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    const long = 'x'.repeat(300 * KIB);
    expect(client.call('SET', 'k', long)).toBe('+OK\r\n');
    expect(client.call('GET', 'k')).toBe(`$${long.length}\r\n${long}\r\n`);
    expect(client.call('GET', 'none')).toBe('_\r\n');
    expect(client.call('CONFIG', 'GET', 'maxmemory')).toStartWith('%1\r\n');
    expect(client.call('MGET', 'k', 'none')).toBe(`*2\r\n$${long.length}\r\n${long}\r\n_\r\n`);
  });

  test('refuses what changes the connection, and nothing else of the table', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    const changing = [
      ['multi'],
      ['exec'],
      ['discard'],
      ['watch', 'k'],
      ['unwatch'],
      ['subscribe', 'c'],
      ['psubscribe', 'c'],
      ['unsubscribe'],
      ['punsubscribe'],
      ['monitor'],
      ['hello', '3'],
      ['auth', 'p'],
      ['reset'],
      ['select', '1'],
      ['quit'],
      ['client', 'reply', 'off'],
      ['client', 'tracking', 'on'],
      ['client', 'caching', 'yes'],
    ];
    for (const words of changing) {
      expect(client.call(...words)).toMatch(/^refused: ERR '[a-z|]+' changes what the connection is/);
    }
    expect(client.call('CLIENT', 'INFO')).toMatch(/ flags=N db=0 sub=0 psub=0 .* multi=-1 .* resp=0 /);
    expect(client.call('PUBLISH', 'c', 'm')).toBe(':0\r\n');
    expect(client.call('POST', '/')).toStartWith("refused: ERR unknown command 'POST'");
    expect(client.call('client', 'nope')).toStartWith("refused: ERR unknown subcommand 'nope'");
    expect(client.connection.state).toBe('open');
  });

  test('is an error where the command is one, by what the error means', async () => {
    await using node = await startFakeNode();
    const client = ShoalFakeClient.open(node);
    client.call('SET', 'k', 'text');
    expect(client.call('INCR', 'k')).toBe('notAnInteger: value is not an integer or out of range');
    expect(client.call('SET', 'k', 'v', 'PX', '-1')).toBe("refused: ERR invalid expire time in 'set' command");
    expect(client.call('\xff\xfe')).toStartWith("refused: ERR unknown command '");
  });
});

describe('operators see', () => {
  test('operations in words, and no password', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    const monitor = node.open();
    monitor.exchange(frame('AUTH', 'secret') + frame('MONITOR'));
    const client = ShoalFakeClient.open(node, { password: 'secret' });
    client.send({ opcode: 'set', key: 'k', value: 'v\n', ttlMs: 5000, flags: ['ifAbsent'] });
    client.send({ opcode: 'get', key: 'k', flags: ['wantVersion'] });
    client.send({ opcode: 'increment', key: 'n', value: int64(-3) });
    client.send({ opcode: 'set', key: 'k', value: '', version: 2n ** 64n - 1n });
    client.send({ opcode: 'ping', value: 'hi' });
    client.call('GET', 'k');
    const shown = monitor.take();
    expect([...shown.matchAll(/\] (.*)\r\n/g)].map(([, words]) => words)).toEqual([
      '"hello"',
      '"set" "k" "v\\n" "ttl" "5000" "ifAbsent"',
      '"get" "k" "wantVersion"',
      '"incrby" "n" "-3"',
      '"set" "k" "" "version" "18446744073709551615"',
      '"ping" "hi"',
      '"GET" "k"',
    ]);
    expect(shown).not.toContain('secret');
  });

  test('connections that they can end and hold back', async () => {
    await using node = await startFakeNode();
    const operator = node.open();
    const client = ShoalFakeClient.open(node);
    operator.exchange(frame('CLIENT', 'PAUSE', '1000', 'WRITE'));
    expect(client.send({ opcode: 'get', key: 'k' }).status).toBe('miss');
    const write = encodeFrame({ opcode: 'set', requestId: 50, key: 'k', value: 'v' });
    const call = encodeFrame({ opcode: 'call', requestId: 51, value: callWords(['APPEND', 'k', 'w']) });
    expect(client.receive(Buffer.concat([write, call])).take()).toEqual([]);
    expect(client.connection.paused).toBe(true);
    node.environment.advance(1100);
    expect(client.take().map(({ requestId, status }) => [requestId, status])).toEqual([
      [50, 'ok'],
      [51, 'ok'],
    ]);
    operator.exchange(frame('CLIENT', 'PAUSE', '1000', 'WRITE'));
    expect(client.receive(call).take()).toEqual([]);
    operator.exchange(frame('CLIENT', 'UNPAUSE'));
    expect(client.take()[0]!.value.toString()).toBe(':3\r\n');
    expect(operator.exchange(frame('CLIENT', 'KILL', 'ADDR', client.connection.remoteAddress))).toBe(':1\r\n');
    expect(client.connection.state).toBe('destroyed');
  });
});

describe('limits', () => {
  const limits = {
    valueBytesMax: 32 * KIB,
    bulkBytesMax: 32 * KIB,
    inlineBytesMax: 4 * KIB,
    inputBufferBytesMax: 128 * KIB,
    outputPauseBytes: 64 * KIB,
    outputBufferBytesMax: 256 * KIB,
  };

  test('a peer that does not read is held, and goes on where it reads', async () => {
    await using node = await startFakeNode({ limits });
    const client = ShoalFakeClient.open(node);
    client.send({ opcode: 'set', key: 'k', value: 'v'.repeat(30 * KIB) });
    client.connection.room = 10 * KIB;
    const gets = Array.from({ length: 50 }, (_, requestId) => encodeFrame({ opcode: 'get', requestId, key: 'k' }));
    client.receive(Buffer.concat(gets));
    expect(client.connection.paused).toBe(true);
    while (client.connection.paused) client.connection.drain();
    expect(client.take().map(({ requestId }) => requestId)).toEqual(gets.map((_, index) => index));
  });

  test('bytes that wait are bounded', async () => {
    await using node = await startFakeNode({ limits });
    const client = ShoalFakeClient.open(node);
    const junk = encodeFrame({ opcode: 'set', key: 'k'.repeat(65_535), value: 'v'.repeat(32 * KIB) });
    junk.writeUInt16LE(65_535, 14);
    for (let count = 0; count < 5; count += 1) client.receive(Buffer.alloc(40 * KIB, count === 0 ? junk : 'j'));
    const [reply] = client.take();
    expect([reply!.status, reply!.requestId]).toEqual(['refused', 0]);
    expect(client.connection.state).toBe('ended');
  });

  test('a reply that cannot be kept ends the connection and no other', async () => {
    await using node = await startFakeNode({ limits });
    const [client, other] = [ShoalFakeClient.open(node), ShoalFakeClient.open(node)];
    client.send({ opcode: 'set', key: 'k', value: 'v'.repeat(32 * KIB) });
    client.receive(encodeFrame({ opcode: 'call', value: callWords(['MGET', ...Array<string>(10).fill('k')]) }));
    expect(client.connection.state).toBe('destroyed');
    expect(other.call('GET', 'none')).toBe('_\r\n');
    expect(other.send({ opcode: 'get', key: 'k' }).value.length).toBe(32 * KIB);
  });
});
