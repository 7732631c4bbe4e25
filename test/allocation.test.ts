/**
 * A request makes no object on the way from bytes to bytes: over a million of them the heap takes no more memory than the few
 * blocks that the runtime needs for itself. The heap's blocks are counted, which grow with every allocation and shrink in a sweep
 * only, so what is collected in between counts too.
 */
import { Buffer } from 'node:buffer';
import { gcAndSweep, heapStats } from 'bun:jsc';
import { describe, expect, test } from 'bun:test';
import { encodeFrame, encodeHello, int64, type RequestFields } from './support/shoal-frames.ts';
import { type SinkConnection, SocketlessThread } from './support/socketless-thread.ts';

/** Of each kind and batch size: several million together. */
const REQUESTS = 100_000;
/** Enough for the compiler to be done with a kind of request. */
const WARM_REQUESTS = 60_000;
/** Three blocks of the heap. One object of the smallest size, 16 bytes, for every 32 requests takes more. */
const GROWTH_BYTES_MAX = 3 * 16_384;
const DEPTHS = [1, 32];
const KEY_COUNT = 100;

const key = (serial: number): string => `key:${String(serial % KEY_COUNT).padStart(28, '0')}`;

function command(...words: readonly string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1');
}

function frame(request: Omit<RequestFields, 'requestId'>, serial: number): Buffer {
  return encodeFrame({ ...request, requestId: serial });
}

type MakeRequest = (serial: number) => Buffer;

const SHORT = 'v'.repeat(64);
const LONG = 'v'.repeat(1024);

const COMMANDS: Readonly<Record<string, MakeRequest>> = {
  PING: () => command('PING'),
  'SET of one length': (serial) => command('SET', key(serial), LONG),
  'SET of changing length': (serial) => command('SET', key(serial), LONG.slice(0, (serial * 37) % 1024)),
  'SET with an expiry': (serial) => command('SET', key(serial), SHORT, 'EX', '100'),
  GET: (serial) => command('GET', key(serial)),
  'GET of nothing': (serial) => command('GET', `no ${key(serial)}`),
  MGET: (serial) => command('MGET', key(serial), key(serial + 7), 'nothing'),
  EXISTS: (serial) => command('EXISTS', key(serial), 'nothing'),
  INCR: (serial) => command('INCR', `counter ${serial % KEY_COUNT}`),
  'DEL and SET': (serial) =>
    serial % 2 === 0 ? command('DEL', key(serial >> 1)) : command('SET', key(serial >> 1), SHORT),
};

const OPERATIONS: Readonly<Record<string, MakeRequest>> = {
  ping: (serial) => frame({ opcode: 'ping', value: 'echo' }, serial),
  set: (serial) => frame({ opcode: 'set', key: key(serial), value: LONG }, serial),
  'set with a time to live': (serial) =>
    frame({ opcode: 'set', key: key(serial), value: SHORT, ttlMs: 100_000 }, serial),
  get: (serial) => frame({ opcode: 'get', key: key(serial) }, serial),
  'get of nothing': (serial) => frame({ opcode: 'get', key: 'nothing' }, serial),
  exists: (serial) => frame({ opcode: 'exists', key: key(serial) }, serial),
  increment: (serial) => frame({ opcode: 'increment', key: `number ${serial % KEY_COUNT}`, value: int64(1) }, serial),
  'delete and set': (serial) =>
    serial % 2 === 0
      ? frame({ opcode: 'delete', key: key(serial >> 1) }, serial)
      : frame({ opcode: 'set', key: key(serial >> 1), value: SHORT }, serial),
};

const MEMORY_BYTES = 32 * 2 ** 20;
const thread = new SocketlessThread(MEMORY_BYTES);

function respConnection(): SinkConnection {
  return thread.open();
}

function shoalConnection(): SinkConnection {
  const connection = thread.open();
  thread.receive(connection, encodeHello());
  return connection;
}

/** Requests one behind the other, cut into chunks; KEY_COUNT * 32 of them, so that serials repeat. */
function chunksOf(make: MakeRequest, depth: number): readonly Buffer[] {
  const requests = Array.from({ length: KEY_COUNT * 32 }, (_, serial) => make(serial));
  return Array.from({ length: requests.length / depth }, (_, chunk) =>
    Buffer.concat(requests.slice(chunk * depth, (chunk + 1) * depth)),
  );
}

function run(connection: SinkConnection, chunks: readonly Buffer[], chunkCount: number): void {
  for (let serial = 0; serial < chunkCount; serial += 1) thread.receive(connection, chunks[serial % chunks.length]!);
}

/** By how much the heap grows over REQUESTS requests. */
function growthBytes(connection: SinkConnection, chunks: readonly Buffer[], depth: number): number {
  return heapGrowth(
    () => run(connection, chunks, WARM_REQUESTS / depth),
    () => run(connection, chunks, REQUESTS / depth),
  );
}

function heapGrowth(warm: () => void, measured: () => void): number {
  warm();
  gcAndSweep();
  const before = heapStats();
  measured();
  const after = heapStats();
  return after.heapCapacity - before.heapCapacity + Math.max(0, after.extraMemorySize - before.extraMemorySize);
}

describe('no request makes an object', () => {
  for (const [protocol, requests, connect] of [
    ['RESP', COMMANDS, respConnection],
    ['Shoal', OPERATIONS, shoalConnection],
  ] as const) {
    for (const [name, make] of Object.entries(requests)) {
      for (const depth of DEPTHS) {
        test(`${protocol}: ${name}, ${depth} at once`, () => {
          const chunks = chunksOf(make, depth);
          const connection = connect();
          expect(growthBytes(connection, chunks, depth)).toBeLessThanOrEqual(GROWTH_BYTES_MAX);
          expect(thread.exchange(connection, chunks[0]!)).not.toContain('ERR');
        });
      }
    }
  }

  test.each(['GET', 'SET of one length', 'SET of changing length', 'INCR'])(
    'of 16 connections in a group: %s',
    (name) => {
      const chunks = chunksOf(COMMANDS[name]!, 1);
      const connections = Array.from({ length: 16 }, respConnection);
      for (const connection of connections) thread.receive(connection, chunks[0]!);
      const groups = Array.from({ length: chunks.length / 16 }, (_, i) => chunks.slice(i * 16, i * 16 + 16));
      const runGroups = (count: number): void => {
        for (let i = 0; i < count; i += 1) thread.receiveTogether(connections, groups[i % groups.length]!);
      };
      expect(
        heapGrowth(
          () => runGroups(WARM_REQUESTS / 4),
          () => runGroups(REQUESTS / 16),
        ),
      ).toBeLessThanOrEqual(GROWTH_BYTES_MAX);
      expect(connections[15]!.sentBytes).toBeGreaterThan(REQUESTS / 16);
    },
  );

  test('that the network cut in two', () => {
    const whole = Buffer.concat(chunksOf(COMMANDS['SET of one length']!, 1).slice(0, 200));
    const chunks: Buffer[] = [];
    for (let start = 0; start < whole.length; start += 700) chunks.push(whole.subarray(start, start + 700));
    expect(growthBytes(respConnection(), chunks, 1)).toBeLessThanOrEqual(GROWTH_BYTES_MAX);
  });
});

test('one object for each request would be seen', () => {
  const connection = respConnection();
  let last: object = {};
  connection.onWrite = (bytes) => {
    last = { bytes };
  };
  expect(growthBytes(connection, chunksOf(COMMANDS['GET']!, 1), 1)).toBeGreaterThan(GROWTH_BYTES_MAX);
  expect(last).toHaveProperty('bytes');
});
