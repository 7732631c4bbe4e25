import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../test/support/fake-node.ts';

const KIB = 1024;

describe('bytes in, replies out', () => {
  test('all commands of a chunk are answered in one write', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange(frame('SET', 'k', 'v') + frame('GET', 'k') + 'PING\r\n')).toBe(
      '+OK\r\n$1\r\nv\r\n+PONG\r\n',
    );
    expect(connection.writeCount).toBe(1);
  });

  test('a request cut at any byte is answered once it is whole', async () => {
    await using node = await startFakeNode();
    const bytes = frame('SET', 'key', 'value') + frame('GET', 'key');
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const connection = node.open();
      const replies = connection.exchange(bytes.slice(0, cut)) + connection.exchange(bytes.slice(cut));
      expect(replies).toBe('+OK\r\n$5\r\nvalue\r\n');
      connection.close();
    }
  });

  test('requests that come byte by byte are answered in order', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    let replies = '';
    for (const byte of frame('SET', 'k', 'v') + 'get k\r\n' + frame('DEL', 'k')) replies += connection.exchange(byte);
    expect(replies).toBe('+OK\r\n$1\r\nv\r\n:1\r\n');
  });

  test('a frame without arguments and an empty line get no reply', async () => {
    await using node = await startFakeNode();
    expect(node.open().exchange('*0\r\n\r\n*-1\r\nPING\r\n')).toBe('+PONG\r\n');
  });

  test('a broken protocol is answered, and ends the connection', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('PING\r\n*1\r\n!4\r\nPING\r\nPING\r\n')).toBe(
      "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n",
    );
    expect(connection.state).toBe('ended');
    expect(connection.exchange('PING\r\n')).toBe('');
  });

  test('QUIT is answered and nothing behind it is', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('QUIT\r\nSET k v\r\n')).toBe('+OK\r\n');
    expect(connection.state).toBe('ended');
    expect(node.open().exchange('EXISTS k\r\n')).toBe(':0\r\n');
  });

  test('an HTTP request is cut off without a word', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nSET k v\r\n')).toBe('');
    expect(connection.state).toBe('destroyed');
    expect(node.open().exchange('EXISTS k\r\n')).toBe(':0\r\n');
  });
});

describe('a peer that does not read', () => {
  const VALUE = 'x'.repeat(20 * KIB);
  const GET = frame('GET', 'k');

  async function startWithValue() {
    const node = await startFakeNode({
      limits: {
        valueBytesMax: 32 * KIB,
        outputPauseBytes: 64 * KIB,
        outputBufferBytesMax: 256 * KIB,
        outputStallTimeoutMs: 5000,
      },
    });
    node.open().exchange(frame('SET', 'k', VALUE));
    return node;
  }

  test('is paused while it pipelines, and gets everything once it reads', async () => {
    await using node = await startWithValue();
    const connection = node.open();
    connection.room = 0;
    connection.receive(GET.repeat(100));
    expect(connection.paused).toBe(true);
    let received = connection.take();
    for (let round = 0; round < 1000 && received.length < 100 * (VALUE.length + 10); round += 1) {
      connection.drain(30 * KIB);
      received += connection.take();
    }
    expect(received).toBe(`$${VALUE.length}\r\n${VALUE}\r\n`.repeat(100));
    expect(connection.paused).toBe(false);
  });

  test('costs the pause limit and one reply at most', async () => {
    await using node = await startWithValue();
    const connection = node.open();
    connection.room = 0;
    connection.receive(GET.repeat(100));
    const list = node.open().exchange('CLIENT LIST\r\n');
    const unsent = Math.max(...[...list.matchAll(/ omem=(\d+)/g)].map(([, bytes]) => Number(bytes)));
    // A buffer grows by half, so up to as much again is allocated beyond what waits.
    expect(unsent).toBeLessThanOrEqual(2 * (64 * KIB + 64 * KIB + VALUE.length));
  });

  test('is closed when it reads nothing for the stall timeout', async () => {
    await using node = await startWithValue();
    const connection = node.open();
    connection.room = 0;
    connection.receive(GET.repeat(100));
    node.environment.advance(4000);
    connection.drain(1);
    node.environment.advance(4500);
    expect(connection.state).toBe('open');
    node.environment.advance(2000);
    expect(connection.state).toBe('destroyed');
  });

  test('a buffer that the transport keeps is not written to again', async () => {
    await using node = await startWithValue();
    const connection = node.open();
    connection.room = 0;
    connection.retains = true;
    expect(connection.exchange(GET)).toBe(`$${VALUE.length}\r\n${VALUE}\r\n`);
    connection.receive('PING\r\n');
    expect(connection.take()).toBe('');
    connection.drain();
    expect(connection.take()).toBe('+PONG\r\n');
  });

  test('a reply over the output limit closes the connection', async () => {
    await using node = await startWithValue();
    const connection = node.open();
    connection.receive(frame('MGET', ...Array.from({ length: 20 }, () => 'k')));
    expect(connection.state).toBe('destroyed');
    expect(connection.take()).toBe('');
    expect(node.open().exchange('PING\r\n')).toBe('+PONG\r\n');
  });

  test('a subscriber over the output limit is closed, and the others get the message', async () => {
    await using node = await startWithValue();
    const slow = node.open();
    const fast = node.open();
    for (const subscriber of [slow, fast]) subscriber.exchange(frame('SUBSCRIBE', 'c'));
    slow.room = 0;
    const publisher = node.open();
    for (let message = 0; message < 20; message += 1) publisher.receive(frame('PUBLISH', 'c', VALUE));
    expect(slow.state).toBe('destroyed');
    expect(fast.take().length).toBeGreaterThan(20 * VALUE.length);
    publisher.take();
    expect(publisher.exchange(frame('PUBSUB', 'NUMSUB', 'c'))).toBe('*2\r\n$1\r\nc\r\n:1\r\n');
  });
});

describe('limits of a connection', () => {
  test('one client too many is told so and closed', async () => {
    await using node = await startFakeNode({ limits: { connectionCountMax: 2 } });
    node.open();
    const second = node.open();
    const third = node.open();
    expect(third.take()).toBe('-ERR max number of clients reached\r\n');
    expect(third.state).toBe('ended');
    expect(third.exchange('PING\r\n')).toBe('');
    second.close();
    expect(node.open().exchange('PING\r\n')).toBe('+PONG\r\n');
  });

  test('a refused client that stays is destroyed', async () => {
    await using node = await startFakeNode({ limits: { connectionCountMax: 1 } });
    node.open();
    const refused = node.open();
    node.environment.advance(10_000);
    expect(refused.state).toBe('destroyed');
  });

  test('an unfinished command over the input limit is refused', async () => {
    await using node = await startFakeNode({
      limits: { bulkBytesMax: 4 * KIB, inputBufferBytesMax: 8 * KIB, inlineBytesMax: 4 * KIB },
    });
    const connection = node.open();
    let replies = connection.exchange('*1000\r\n');
    for (let argument = 0; argument < 5; argument += 1)
      replies += connection.exchange(`$2048\r\n${'a'.repeat(2048)}\r\n`);
    expect(replies).toBe('-ERR Input buffer limit of 8192 bytes exceeded\r\n');
    expect(connection.state).toBe('ended');
  });

  test('an idle connection is closed, one that listens is not', async () => {
    await using node = await startFakeNode({ limits: { idleTimeoutMs: 3000 } });
    const idle = node.open();
    const listening = node.open();
    const busy = node.open();
    listening.exchange('SUBSCRIBE c\r\n');
    for (let second = 0; second < 6; second += 1) {
      busy.exchange('PING\r\n');
      node.environment.advance(1000);
    }
    expect([idle.state, listening.state, busy.state]).toEqual(['destroyed', 'open', 'open']);
  });

  test('a transaction over its limit is refused and aborts', async () => {
    await using node = await startFakeNode({ limits: { transactionBytesMax: 2 * KIB } });
    const connection = node.open();
    connection.exchange('MULTI\r\n');
    expect(connection.exchange(frame('SET', 'k', 'v'.repeat(KIB)))).toBe('+QUEUED\r\n');
    expect(connection.exchange(frame('SET', 'k', 'v'.repeat(KIB)))).toBe(
      '-ERR Transaction exceeds the limit of 2048 bytes\r\n',
    );
    expect(connection.exchange('EXEC\r\n')).toBe('-EXECABORT Transaction discarded because of previous errors.\r\n');
    expect(connection.exchange('EXISTS k\r\n')).toBe(':0\r\n');
  });
});
