/** What hostile or clumsy clients do to a node, and what must stay bounded all the same. */
import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../test/support/fake-node.ts';
import { ManualEnvironment } from '../../test/support/manual-environment.ts';

const KIB = 1024;

function stackDepth(): number {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 1000;
  const depth = (new Error('here').stack ?? '').split('\n').length;
  Error.stackTraceLimit = before;
  return depth;
}

function omemOf(list: string): number {
  return Math.max(...[...list.matchAll(/ omem=(\d+)/g)].map(([, bytes]) => Number(bytes)));
}

test('held-back connections that each end a pause are let go one after another, not one inside the other', async () => {
  await using node = await startFakeNode();
  const depths: number[] = [];
  const connections = Array.from({ length: 30 }, () => node.open());
  for (const connection of connections) {
    const write = connection.write.bind(connection);
    connection.write = (bytes, start, end) => {
      depths.push(stackDepth());
      return write(bytes, start, end);
    };
  }
  node.open().exchange('CLIENT PAUSE 60000\r\n');
  for (const connection of connections) connection.receive('CLIENT UNPAUSE\r\nPING\r\n');
  node.environment.advance(60_100);
  for (const connection of connections) expect(connection.take()).toBe('+OK\r\n+PONG\r\n');
  expect(depths.length).toBe(30);
  expect(Math.max(...depths)).toBe(Math.min(...depths));
});

test('a pause that begins while connections are let go holds the others back again', async () => {
  await using node = await startFakeNode();
  const [first, second] = [node.open(), node.open()];
  node.open().exchange('CLIENT PAUSE 1000\r\n');
  first.receive('CLIENT PAUSE 1000\r\nPING\r\n');
  second.receive('PING\r\n');
  node.environment.advance(1100);
  expect([first.take(), second.take()]).toEqual(['+OK\r\n', '']);
  node.environment.advance(1100);
  expect([first.take(), second.take()]).toEqual(['+PONG\r\n', '+PONG\r\n']);
});

describe('messages', () => {
  const limits = {
    valueBytesMax: 32 * KIB,
    bulkBytesMax: 32 * KIB,
    outputPauseBytes: 64 * KIB,
    outputBufferBytesMax: 256 * KIB,
  };
  const MESSAGE = 'm'.repeat(20 * KIB);

  test('that a connection sends to itself count against its output limit', async () => {
    await using node = await startFakeNode({ limits });
    const connection = node.open();
    connection.exchange('HELLO 3\r\nPSUBSCRIBE * *c c* ? ?* *?* **** [a-c] [c] *[c] [c]* c\r\nSUBSCRIBE c\r\n');
    connection.receive(frame('PUBLISH', 'c', MESSAGE));
    expect(connection.state).toBe('destroyed');
    expect(connection.take()).toBe('');
    expect(node.open().exchange('PING\r\n')).toBe('+PONG\r\n');
  });

  test('of one large batch go out while it runs, so that a fast reader is not cut off', async () => {
    const roomy = { ...limits, outputBufferBytesMax: 2 * KIB * KIB };
    await using node = await startFakeNode({ limits: roomy });
    const subscriber = node.open();
    subscriber.exchange('SUBSCRIBE c\r\n');
    const publisher = node.open();
    publisher.receive(frame('PUBLISH', 'c', MESSAGE).repeat(200));
    expect(subscriber.state).toBe('open');
    expect(subscriber.take().split(MESSAGE).length - 1).toBe(200);
    expect(publisher.take()).toBe(':1\r\n'.repeat(200));
  });

  test('to oneself do so too, and keep their order', async () => {
    const roomy = { ...limits, outputBufferBytesMax: 2 * KIB * KIB };
    await using node = await startFakeNode({ limits: roomy });
    const connection = node.open();
    connection.exchange('HELLO 3\r\nSUBSCRIBE c\r\n');
    connection.receive(frame('PUBLISH', 'c', MESSAGE).repeat(200));
    const push = `>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$${MESSAGE.length}\r\n${MESSAGE}\r\n`;
    expect(connection.take() === `:1\r\n${push}`.repeat(200)).toBe(true);
  });

  test('that wait take their bytes and little more', async () => {
    await using node = await startFakeNode({ limits: { ...limits, outputBufferBytesMax: 16 * KIB * KIB } });
    const slow = node.open();
    slow.exchange('SUBSCRIBE c\r\n');
    slow.room = 0;
    const publisher = node.open();
    for (let count = 0; count < 400; count += 1) publisher.exchange(frame('PUBLISH', 'c', MESSAGE));
    expect(omemOf(publisher.exchange('CLIENT LIST\r\n'))).toBeLessThan(400 * (MESSAGE.length + 50) + 512 * KIB);
    slow.drain();
    expect(slow.take().split(MESSAGE).length - 1).toBe(400);
  });

  test('MONITOR shows a value of megabytes', async () => {
    await using node = await startFakeNode();
    const monitor = node.open();
    monitor.exchange('MONITOR\r\n');
    node.open().exchange(frame('SET', 'k', '\x01'.repeat(KIB * KIB)));
    expect(monitor.take().endsWith(` "SET" "k" "${'\\x01'.repeat(KIB * KIB)}"\r\n`)).toBe(true);
  });
});

test('watched keys count against the transaction limit until they are forgotten', async () => {
  await using node = await startFakeNode({ limits: { transactionBytesMax: 2 * KIB } });
  const connection = node.open();
  const watchTen = Array.from({ length: 10 }, (_, index) => frame('WATCH', `key:${index}`)).join('');
  const refused = '-ERR Watched keys exceed the limit of 2048 bytes\r\n';
  expect(connection.exchange(watchTen)).toBe('+OK\r\n'.repeat(10));
  expect(connection.exchange(watchTen)).toBe('+OK\r\n'.repeat(5) + refused.repeat(5));
  for (const forget of ['UNWATCH\r\n', 'MULTI\r\nEXEC\r\n', 'RESET\r\n']) {
    connection.exchange(forget);
    expect(connection.exchange(watchTen)).toBe('+OK\r\n'.repeat(10));
  }
});

describe('settings below what is in use', () => {
  test('fewer connections than there are: those stay, new ones are refused', async () => {
    await using node = await startFakeNode();
    const connections = [node.open(), node.open(), node.open()];
    expect(connections[0]!.exchange('CONFIG SET maxclients 1\r\n')).toBe('+OK\r\n');
    for (const connection of connections) expect(connection.exchange('PING\r\n')).toBe('+PONG\r\n');
    expect(node.open().take()).toBe('-ERR max number of clients reached\r\n');
  });

  test('a password that is taken away lets those in who could not give it', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    const waiting = node.open();
    expect(waiting.exchange('PING\r\n')).toBe('-NOAUTH Authentication required.\r\n');
    const owner = node.open();
    owner.exchange(`AUTH secret\r\n${frame('CONFIG', 'SET', 'requirepass', '')}`);
    expect(waiting.exchange('PING\r\n')).toBe('+PONG\r\n');
  });

  test('no more connections are let in than the process has descriptors for, and it says so once', async () => {
    const environment = new ManualEnvironment();
    environment.descriptorCountMax = 66;
    await using node = await startFakeNode({}, environment);
    const connections = [node.open(), node.open()];
    expect(node.open().take()).toBe('-ERR max number of clients reached\r\n');
    expect(environment.lines.map(({ level }) => level)).toEqual(['warn']);
    expect(environment.lines[0]!.message).toContain('at most 2 connections instead of 10000');
    expect(connections[0]!.exchange('CONFIG SET maxclients 3\r\n')).toStartWith(
      "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able",
    );
  });
});
