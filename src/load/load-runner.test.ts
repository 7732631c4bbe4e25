/** The runner and its connections over sockets that a test holds in its hands: no network. */
import { describe, expect, test } from 'bun:test';
import { failureOf } from '../../test/support/failure-of.ts';
import { HEADER_BYTES, REPLY_MAGIC } from '../protocol/shoal/frame.ts';
import { type FakeSocket, FakeServer } from '../../test/support/fake-load-server.ts';
import { LoadRunner, type PhaseResult, type RunnerOptions } from './load-runner.ts';
import { MixedSource, PreloadSource } from './operation-source.ts';
import { type ProtocolName, PROTOCOLS } from './wire.ts';

function runnerOf(
  server: FakeServer,
  options: Partial<RunnerOptions> = {},
  protocol: ProtocolName = 'resp',
): LoadRunner {
  return new LoadRunner({
    host: '127.0.0.1',
    port: 1,
    protocol: PROTOCOLS[protocol],
    credentials: { user: '', password: '' },
    connections: 2,
    depth: 1,
    shape: { keyPrefix: '', keyBytes: 12, valueBytesMax: 12, ttlMs: 0 },
    timeoutMs: 60_000,
    openSocket: server.openSocket,
    ...options,
  });
}

/** Replies to PING, GET and SET as a server would in which every key holds its value. */
function goodReplies(request: string): string {
  const replies: string[] = [];
  for (const [, ping, key] of request.matchAll(/(PING)\r\n|GET\r\n\$12\r\n(\d{12})\r\n|SET\r\n/g)) {
    replies.push(ping !== undefined ? '+PONG\r\n' : key !== undefined ? `$12\r\n${key}\r\n` : '+OK\r\n');
  }
  return replies.join('');
}

const good = (socket: FakeSocket, request: string): void => socket.receive(goodReplies(request));

function mix(operationsMax: number, readShare = 1): MixedSource {
  let state = 0;
  const random = (): number => (state = (state + 0.37) % 1);
  return new MixedSource({
    readShare,
    chooseKey: () => Math.floor(random() * 50),
    chooseBytes: () => 12,
    random,
    operationsMax,
    durationNs: Infinity,
    ratePerSecond: 0,
  });
}

async function measure(
  server: FakeServer,
  source: MixedSource,
  options: Partial<RunnerOptions> = {},
): Promise<PhaseResult> {
  const runner = runnerOf(server, options);
  await runner.open();
  try {
    return await runner.run(source);
  } finally {
    runner.close();
  }
}

describe('a run', () => {
  test.each([1, 2, 7])('counts every operation once, %d in flight', async (depth) => {
    const server = new FakeServer(good);
    const { figures, end } = await measure(server, mix(1000, 0.5), { depth, connections: 3 });
    expect(end).toBe('complete');
    expect(figures.operationCount).toBe(1000);
    expect(figures.hitCount + figures.storedCount).toBe(1000);
    expect(figures.hitCount).toBeGreaterThan(300);
    expect(figures.readLatencyNs.count).toBe(figures.hitCount);
    expect(figures.writeLatencyNs.count).toBe(figures.storedCount);
    expect(figures.hasErrors).toBeFalse();
    expect(figures.comparedCount).toBeGreaterThan(0);
  });

  test('a preload writes all keys, in requests of which none is lost', async () => {
    let requests = '';
    const server = new FakeServer((socket, request) => {
      requests += request;
      good(socket, request);
    });
    const runner = runnerOf(server, { depth: 4 });
    await runner.open();
    const { figures } = await runner.run(new PreloadSource(100, () => 12));
    runner.close();
    expect(figures.storedCount).toBe(100);
    const keys = [...requests.matchAll(/SET\r\n\$12\r\n(\d+)\r\n\$12\r\n(\d+)\r\n/g)].map(([, key, value]) => {
      expect(value).toBe(key);
      return Number(key);
    });
    expect(keys.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('a run of no operation ends', async () => {
    const { figures, end } = await measure(new FakeServer(good), mix(0));
    expect([end, figures.operationCount]).toEqual(['complete', 0]);
  });

  test('a socket that keeps a buffer gets nothing more until it is written, and its bytes stay', async () => {
    const kept: Buffer[] = [];
    const server = new FakeServer((socket, request) => {
      good(socket, request);
      if (!socket.keeps) return;
      socket.keeps = false;
      socket.handler.onWritten();
    });
    const plainOpen = server.openSocket;
    const runner = runnerOf(server, {
      connections: 1,
      depth: 3,
      openSocket: (host, port, handler) => {
        const socket = plainOpen(host, port, handler) as FakeSocket;
        const write = socket.write.bind(socket);
        let serial = 0;
        socket.write = (bytes, length) => {
          serial += 1;
          socket.keeps = serial % 2 === 0;
          if (socket.keeps) kept.push(bytes);
          return write(bytes, length);
        };
        return socket;
      },
    });
    await runner.open();
    const { figures } = await runner.run(mix(500, 0.5));
    runner.close();
    expect(figures.operationCount).toBe(500);
    expect(figures.hasErrors).toBeFalse();
    expect(kept.length).toBeGreaterThan(10);
  });
});

describe('what goes wrong is counted, and does not end the run', () => {
  test('errors of the server, by their word', async () => {
    let serial = 0;
    const server = new FakeServer((socket, request) => {
      if (request.includes('PING')) return good(socket, request);
      serial += 1;
      socket.receive(serial % 10 === 0 ? '-OOM full\r\n' : serial % 10 === 1 ? '-ERR odd\r\n' : goodReplies(request));
    });
    const { figures, end } = await measure(server, mix(100));
    expect(end).toBe('complete');
    expect(figures.operationCount).toBe(100);
    expect(figures.errors.rows()).toEqual([
      { kind: 'ERR', count: 10, example: 'ERR odd' },
      { kind: 'OOM', count: 10, example: 'OOM full' },
    ]);
    expect([figures.readErrorCount, figures.hitCount, figures.readLatencyNs.count]).toEqual([20, 80, 80]);
  });

  test.each([
    ["another key's value", '$12\r\n000000000099\r\n', 'wrongValue'],
    ['a value that was cut', '$11\r\n00000000000\r\n', 'wrongValue'],
    ['an empty value', '$0\r\n\r\n', 'wrongValue'],
    ['OK to a read', '+OK\r\n', 'unexpectedReply'],
    ['a number', ':1\r\n', 'unexpectedReply'],
  ])('%s', async (_name, reply, kind) => {
    const server = new FakeServer((socket, request) =>
      request.includes('PING') ? good(socket, request) : socket.receive(reply),
    );
    const { figures } = await measure(server, mix(20));
    expect(figures.errors.rows()).toMatchObject([{ kind, count: 20 }]);
    expect(figures.hitCount).toBe(0);
  });

  test('a value to a write', async () => {
    const server = new FakeServer((socket, request) =>
      request.includes('PING') ? good(socket, request) : socket.receive('$1\r\na\r\n'),
    );
    const { figures } = await measure(server, mix(20, 0));
    expect(figures.errors.rows()).toMatchObject([{ kind: 'unexpectedReply', count: 20 }]);
    expect(figures.writeErrorCount).toBe(20);
  });

  test('misses are no errors', async () => {
    const server = new FakeServer((socket, request) =>
      request.includes('PING') ? good(socket, request) : socket.receive('$-1\r\n'),
    );
    const { figures } = await measure(server, mix(20));
    expect([figures.missCount, figures.hitCount, figures.hasErrors]).toEqual([20, 0, false]);
  });

  test('a connection that is lost is opened again, and the run goes on', async () => {
    let serial = 0;
    const server = new FakeServer((socket, request) => {
      if (!request.includes('PING')) serial += 1;
      if (serial === 20) {
        serial += 1;
        socket.close();
      } else good(socket, request);
    });
    const { figures, end } = await measure(server, mix(100), { connections: 1, depth: 1 });
    expect(end).toBe('complete');
    expect(figures.operationCount).toBe(100);
    expect(figures.errors.rows()).toEqual([
      { kind: 'connectionLost', count: 1, example: 'the server closed the connection' },
    ]);
    expect([figures.connectionsLost, figures.reconnectCount, figures.hitCount]).toEqual([1, 1, 99]);
  });

  test('bytes of another protocol, and a reply that nothing asked for, end the connection', async () => {
    for (const extra of ['HTTP/1.1 400\r\n', '+OK\r\n']) {
      let done = false;
      const server = new FakeServer((socket, request) => {
        const reply = goodReplies(request);
        socket.receive(done || request.includes('PING') ? reply : `${reply}${extra}`);
        done ||= !request.includes('PING');
      });
      const { figures, end } = await measure(server, mix(50), { connections: 1 });
      expect(end).toBe('complete');
      expect(figures.connectionsLost).toBe(1);
      expect(figures.operationCount).toBe(50);
      expect(figures.hasErrors).toBeTrue();
    }
  });

  test('a server that is gone for good ends the run after a few tries', async () => {
    const server = new FakeServer((socket, request) => {
      if (request.includes('PING')) return good(socket, request);
      server.refuse = true;
      for (const open of server.sockets) open.close();
    });
    const { figures, end } = await measure(server, mix(1000), { connections: 2 });
    expect(end).toBe('connectionsLost');
    expect(figures.connectionsLost).toBe(2);
    expect(figures.connectFailures).toBe(10);
    expect(figures.errors.rows()).toMatchObject([{ kind: 'connectionLost', count: 2 }]);
  });

  test('a reply that does not come is given up', async () => {
    const server = new FakeServer((socket, request) => {
      if (request.includes('PING')) good(socket, request);
    });
    const { figures } = await measure(server, mix(2), { connections: 2, timeoutMs: 100 });
    expect(figures.errors.rows()).toEqual([{ kind: 'timeout', count: 2, example: 'no reply in time' }]);
  });
});

async function whyNotOpen(server: FakeServer, options: Partial<RunnerOptions> = {}): Promise<string> {
  const failure = await failureOf(runnerOf(server, options).open());
  expect(failure).toMatchObject({ name: 'ShoalError', code: 'ConnectFailed' });
  return failure.message;
}

describe('opening', () => {
  test('nobody there', async () => {
    const server = new FakeServer(good);
    server.refuse = true;
    expect(await whyNotOpen(server)).toStartWith('cannot connect to 127.0.0.1:1: nobody listens there');
  });

  test('refused by the server, after some', async () => {
    const server = new FakeServer((socket, request) =>
      server.sockets.indexOf(socket) < 2 ? good(socket, request) : socket.receive('-ERR max number of clients\r\n'),
    );
    expect(await whyNotOpen(server, { connections: 5 })).toBe(
      'only 2 of 5 connections to 127.0.0.1:1 opened: the server refused the connection: ERR max number of clients',
    );
    expect(server.sockets.every((socket) => socket.closed)).toBeTrue();
  });

  test('a server that accepts and says nothing', async () => {
    const server = new FakeServer(() => undefined);
    expect(await whyNotOpen(server, { timeoutMs: 100 })).toBe('cannot connect to 127.0.0.1:1: no answer in time');
  });
});

test('an interrupt ends the phase at once, and each further one as it begins', async () => {
  const server = new FakeServer((socket, request) => {
    good(socket, request);
    if (runner.figures.operationCount >= 50) runner.interrupt();
  });
  const runner = runnerOf(server);
  await runner.open();
  const { figures, end } = await runner.run(mix(1_000_000));
  expect(end).toBe('interrupted');
  expect(figures.operationCount).toBeWithin(50, 60);
  expect((await runner.run(mix(1_000_000))).end).toBe('interrupted');
  runner.close();
});

test('an open loop sends at its rate, and counts latency from when it was due', async () => {
  const server = new FakeServer(good);
  const runner = runnerOf(server, { connections: 3 });
  await runner.open();
  const source = new MixedSource({
    readShare: 1,
    chooseKey: () => 1,
    chooseBytes: () => 12,
    random: () => 0,
    operationsMax: 200,
    durationNs: Infinity,
    ratePerSecond: 2000,
  });
  const { figures, wallNs, end } = await runner.run(source);
  runner.close();
  expect([end, figures.hitCount, figures.sendDelayNs.count]).toEqual(['complete', 200, 200]);
  // 200 operations at 2000 a second: never sooner than the last one's time.
  expect(wallNs).toBeGreaterThanOrEqual(99e6);
  expect(figures.readLatencyNs.quantile(0.5)).toBeGreaterThanOrEqual(figures.sendDelayNs.quantile(0.5));
});

test('replies of the Shoal protocol may come in any order', async () => {
  const reply = (status: number, id: Buffer, value: string): string => {
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = REPLY_MAGIC;
    header[1] = 1;
    header[2] = status;
    id.copy(header, 4);
    header.writeUInt32LE(value.length, 16);
    return header.toString('latin1') + value;
  };
  let waiting: string[] = [];
  const server = new FakeServer((socket, request) => {
    const bytes = Buffer.from(request, 'latin1');
    for (let at = 0; at < bytes.length; ) {
      const id = bytes.subarray(at + 4, at + 8);
      const keyLength = bytes.readUInt16LE(at + 12);
      const end = at + HEADER_BYTES + keyLength + bytes.readUInt32LE(at + 16);
      const isRead = bytes[at + 2] === 3;
      const key = bytes.toString('latin1', at + HEADER_BYTES, at + HEADER_BYTES + keyLength);
      waiting.push(reply(0, id, isRead ? key : ''));
      at = end;
    }
    const replies = waiting.toReversed();
    waiting = [];
    socket.receive(replies.join(''));
  });
  const runner = runnerOf(server, { depth: 5, connections: 1 }, 'shoal');
  await runner.open();
  const { figures } = await runner.run(mix(500, 0.5));
  runner.close();
  expect(figures.errors.rows()).toEqual([]);
  expect(figures.operationCount).toBe(500);
});
