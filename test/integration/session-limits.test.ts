/** Each limit of a connection over a real socket: what it answers, that memory stays bounded, and that the next connection is served. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Limits } from '../../src/config/node-options.ts';
import type { RunningNode } from '../../src/server/running-node.ts';
import { ManualEnvironment } from '../support/manual-environment.ts';
import { type NodeOverrides, startNode } from '../support/node.ts';
import { RespClient } from '../support/resp-client.ts';
import { THREAD_TRANSPORTS } from '../support/thread-transports.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

let node: RunningNode | null = null;
let clients: RespClient[] = [];
let placed: NodeOverrides = {};

async function start(limits: Partial<Limits>, environment?: ManualEnvironment): Promise<void> {
  const options = { limits, memoryBytes: 32 * MIB, ...placed };
  // A clock of the test's moves a node on its own thread alone.
  node = await (environment === undefined
    ? startNode(options)
    : startNode({ ...options, transport: 'bun', threadCount: 1 }, { environment }));
}

async function open(): Promise<RespClient> {
  const client = await RespClient.connect(node!.port);
  clients.push(client);
  return client;
}

async function expectServed(): Promise<void> {
  const client = await open();
  expect(await client.call('PING')).toBe('+PONG\r\n');
  client.close();
}

afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await node?.stop();
  node = null;
  placed = {};
});

describe('what one command may be', () => {
  test('an argument over its limit ends the connection before it is sent', async () => {
    await start({ bulkBytesMax: 4 * KIB });
    const client = await open();
    client.write('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4097\r\n');
    expect(await client.closed()).toBe('-ERR Protocol error: invalid bulk length\r\n');
    await expectServed();
  });

  test('too many arguments', async () => {
    await start({ argumentCountMax: 16 });
    const client = await open();
    expect(await client.call('MGET', ...Array.from({ length: 15 }, () => 'k'))).toStartWith('*15\r\n');
    client.write('*17\r\n');
    expect(await client.closed()).toBe('-ERR Protocol error: invalid multibulk length\r\n');
    await expectServed();
  });

  test('an inline command over its limit', async () => {
    await start({ inlineBytesMax: 128 });
    const client = await open();
    client.write('a'.repeat(200));
    expect(await client.closed()).toBe('-ERR Protocol error: too big inline request\r\n');
    await expectServed();
  });

  test('a key over its limit is refused, and the connection goes on', async () => {
    await start({ keyBytesMax: 100 });
    const client = await open();
    expect(await client.call('SET', 'k'.repeat(101), 'v')).toBe('-ERR key is too long (101 bytes, limit 100)\r\n');
    expect(await client.call('GET', 'k'.repeat(101))).toBe('$-1\r\n');
    expect(await client.call('SET', 'k'.repeat(100), 'v')).toBe('+OK\r\n');
  });

  test('a value over its limit is refused, and the connection goes on', async () => {
    await start({ valueBytesMax: 2 * KIB });
    const client = await open();
    const reply = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n';
    expect(await client.call('SET', 'k', 'v'.repeat(2 * KIB + 1))).toBe(reply);
    expect(await client.call('SET', 'k', 'v'.repeat(2 * KIB))).toBe('+OK\r\n');
    expect(await client.call('APPEND', 'k', 'v')).toBe(reply);
  });

  test('a transaction over its limit', async () => {
    await start({ transactionBytesMax: 4 * KIB });
    const client = await open();
    await client.call('MULTI');
    const replies: string[] = [];
    for (let command = 0; command < 5; command += 1) replies.push(await client.call('SET', 'k', 'v'.repeat(KIB)));
    expect(replies.filter((reply) => reply === '+QUEUED\r\n').length).toBeGreaterThanOrEqual(3);
    expect(replies).toContain('-ERR Transaction exceeds the limit of 4096 bytes\r\n');
    expect(await client.call('EXEC')).toStartWith('-EXECABORT ');
  });
});

const PLACES: readonly NodeOverrides[] = [
  { transport: 'bun', threadCount: 1 },
  { transport: 'node', threadCount: 1 },
  ...THREAD_TRANSPORTS.filter((transport) => transport !== 'bun').map((transport) => ({ transport, threadCount: 2 })),
];

describe.each(PLACES)('what one connection may hold, over the $transport transport', (place) => {
  beforeEach(() => {
    placed = place;
  });

  test('input that never becomes a command', async () => {
    await start({ bulkBytesMax: 32 * KIB, inlineBytesMax: 4 * KIB, inputBufferBytesMax: 128 * KIB });
    const client = await open();
    const argument = `$16384\r\n${'a'.repeat(16 * KIB)}\r\n`;
    client.write(`*1000\r\n${argument.repeat(12)}`);
    expect(await client.closed()).toBe('-ERR Input buffer limit of 131072 bytes exceeded\r\n');
    await expectServed();
  });

  test('a large value in many small pieces is no problem', async () => {
    await start({});
    const client = await open();
    const value = 'x'.repeat(4 * MIB);
    client.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n`);
    for (let at = 0; at < value.length; at += 100 * KIB) client.write(value.slice(at, at + 100 * KIB));
    client.write('\r\n');
    expect(await client.read()).toBe('+OK\r\n');
    expect(await client.call('STRLEN', 'k')).toBe(`:${value.length}\r\n`);
  });

  test('a subscriber that does not read is cut off at the output limit', async () => {
    await start({ valueBytesMax: 256 * KIB, outputPauseBytes: 64 * KIB, outputBufferBytesMax: 512 * KIB });
    const slow = await open();
    const fast = await open();
    for (const subscriber of [slow, fast]) await subscriber.call('SUBSCRIBE', 'c');
    slow.pauseReading();
    const publisher = await open();
    const message = 'm'.repeat(64 * KIB);
    // The kernel's buffers take some megabytes of it first.
    let receivers = 2;
    for (let count = 0; count < 1000 && receivers === 2; count += 1) {
      receivers = Number((await publisher.call('PUBLISH', 'c', message)).slice(1));
      if (receivers === 2) await fast.read();
    }
    expect(receivers).toBe(1);
    const statistics = await publisher.call('INFO', 'stats');
    expect(statistics).toContain('shoal_output_limit_closes:1\r\n');
    await expectServed();
  });

  test('a reader that pipelines reads of large values and does not read is paused, and its memory bounded', async () => {
    await start({ outputPauseBytes: MIB });
    const client = await open();
    const value = 'x'.repeat(MIB);
    expect(await client.call('SET', 'k', value)).toBe('+OK\r\n');
    client.pauseReading();
    const requests = 600;
    client.write('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'.repeat(requests));
    const watcher = await open();
    let output = 0;
    for (let look = 0; look < 50; look += 1) {
      const list = await watcher.call('CLIENT', 'LIST', 'ID', '1');
      output = Math.max(output, Number(/ omem=(\d+)/.exec(list)?.[1]));
    }
    expect(output).toBeGreaterThan(0);
    // The limit, one reply beyond it, and half as much again by which the buffer grows.
    expect(output).toBeLessThanOrEqual((MIB + MIB + 64 * KIB) * 1.5);
    client.resumeReading();
    for (let reply = 0; reply < requests; reply += 1)
      expect((await client.read()).length).toBe(value.length + '$1048576\r\n\r\n'.length);
    expect(await client.call('PING')).toBe('+PONG\r\n');
  });

  test('one reply over the output limit ends the connection', async () => {
    await start({ valueBytesMax: 64 * KIB, outputPauseBytes: 64 * KIB, outputBufferBytesMax: 256 * KIB });
    const client = await open();
    await client.call('SET', 'k', 'v'.repeat(64 * KIB));
    client.send('MGET', 'k', 'k', 'k', 'k', 'k');
    expect(await client.closed()).toBe('');
    await expectServed();
  });
});

describe('connections', () => {
  test('one too many is told so and closed; a place that frees up is given again', async () => {
    await start({ connectionCountMax: 2 });
    const first = await open();
    const second = await open();
    await first.call('PING');
    await second.call('PING');
    const third = await open();
    expect(await third.closed()).toBe('-ERR max number of clients reached\r\n');
    expect(await first.call('QUIT')).toBe('+OK\r\n');
    await first.closed();
    // Its thread may hear of the close after another thread hears of the next connection.
    while (!(await second.call('INFO', 'clients')).includes('connected_clients:1\r\n'));
    await expectServed();
  });

  test('an idle one is closed', async () => {
    const environment = new ManualEnvironment();
    await start({ idleTimeoutMs: 10_000 }, environment);
    const idle = await open();
    const busy = await open();
    await idle.call('PING');
    for (let second = 0; second < 12; second += 1) {
      expect(await busy.call('PING')).toBe('+PONG\r\n');
      environment.advance(1000);
    }
    expect(await idle.closed()).toBe('');
    expect(await busy.call('PING')).toBe('+PONG\r\n');
  });

  test('many that send half a command do not disturb the others', async () => {
    await start({});
    for (let index = 0; index < 200; index += 1) (await open()).write('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nhalf');
    await expectServed();
  });
});
