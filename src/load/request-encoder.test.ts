/** The bytes of requests, in every protocol. */
import { describe, expect, test } from 'bun:test';
import { encodeHello } from '../protocol/shoal/hello.ts';
import type { ItemShape, RequestEncoder } from './request-encoder.ts';
import { copyBytes, ItemWriter, writeDecimal } from './request-encoder.ts';
import { MemcachedEncoder } from './memcached-requests.ts';
import type { Greeting, LoadCredentials } from './greeting.ts';
import { PROTOCOL_NAMES, PROTOCOLS } from './wire.ts';

const SHAPE: ItemShape = { keyPrefix: 'k:', keyBytes: 8, valueBytesMax: 30, ttlMs: 0 };
const VALUE = `00000000004200000030${new ItemWriter(SHAPE).pattern.toString('latin1', 20, 30)}`;

function read(encoder: RequestEncoder): string {
  const target = Buffer.alloc(encoder.requestBytesMax + 1);
  return target.toString('latin1', 1, encoder.writeRead(target, 1, 0x01020304, 42));
}

function write(encoder: RequestEncoder, valueBytes = 30): string {
  const target = Buffer.alloc(encoder.requestBytesMax + 1);
  return target.toString('latin1', 1, encoder.writeWrite(target, 1, 0x01020304, 42, valueBytes));
}

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

test('RESP', () => {
  const encoder = PROTOCOLS.resp.createEncoder(SHAPE, 0);
  expect(read(encoder)).toBe('*2\r\n$3\r\nGET\r\n$8\r\nk:000042\r\n');
  expect(write(encoder)).toBe(`*3\r\n$3\r\nSET\r\n$8\r\nk:000042\r\n$30\r\n${VALUE}\r\n`);
  expect(write(encoder, 2)).toBe('*3\r\n$3\r\nSET\r\n$8\r\nk:000042\r\n$2\r\n42\r\n');
  const expiring = PROTOCOLS.resp.createEncoder({ ...SHAPE, ttlMs: 60_000 }, 0);
  expect(write(expiring)).toBe(`*5\r\n$3\r\nSET\r\n$8\r\nk:000042\r\n$30\r\n${VALUE}\r\n$2\r\nPX\r\n$5\r\n60000\r\n`);
});

test('memcached, with seconds rounded up and long times as points in time', () => {
  const nowMs = 1_000_000_000_000;
  expect(read(new MemcachedEncoder(SHAPE, nowMs))).toBe('get k:000042\r\n');
  expect(write(new MemcachedEncoder(SHAPE, nowMs))).toBe(`set k:000042 0 0 30\r\n${VALUE}\r\n`);
  expect(write(new MemcachedEncoder({ ...SHAPE, ttlMs: 1001 }, nowMs))).toStartWith('set k:000042 0 2 30\r\n');
  const longMs = 31 * 24 * 3_600_000;
  const expiry = (nowMs + longMs) / 1000;
  expect(write(new MemcachedEncoder({ ...SHAPE, ttlMs: longMs }, nowMs))).toStartWith(
    `set k:000042 0 ${expiry} 30\r\n`,
  );
});

/** A frame in hex: magic, version, opcode and flags; id; epoch; lengths of key and fields; that of the value; what follows. */
function frame(...parts: readonly string[]): string {
  return parts.join('');
}

test('Shoal', () => {
  const encoder = PROTOCOLS.shoal.createEncoder(SHAPE, 0);
  const item = hex(`k:000042${VALUE}`);
  expect(hex(read(encoder))).toBe(frame('a5010300', '04030201', '00000000', '08000000', '00000000', hex('k:000042')));
  expect(hex(write(encoder))).toBe(frame('a5010400', '04030201', '00000000', '08000000', '1e000000', item));
  const expiring = PROTOCOLS.shoal.createEncoder({ ...SHAPE, ttlMs: 60_000 }, 0);
  expect(hex(write(expiring))).toBe(
    frame('a5010401', '04030201', '00000000', '08000800', '1e000000', '60ea000000000000', item),
  );
});

describe('what opens a connection', () => {
  const none = { user: '', password: '' };
  test('RESP: PING, after AUTH where there is a password', () => {
    const greeting = (credentials: LoadCredentials): Greeting => PROTOCOLS.resp.greeting(credentials);
    expect(greeting(none)).toEqual({ bytes: Buffer.from('*1\r\n$4\r\nPING\r\n'), replyCount: 1 });
    expect(greeting({ user: '', password: 'é' }).bytes.toString()).toBe(
      '*2\r\n$4\r\nAUTH\r\n$2\r\né\r\n*1\r\n$4\r\nPING\r\n',
    );
    expect(greeting({ user: 'me', password: 'p' }).bytes.toString()).toStartWith('*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n');
    expect(greeting({ user: 'me', password: 'p' }).replyCount).toBe(2);
  });

  test('Shoal: hello', () => {
    const value = encodeHello({ user: 'me', password: 'p', database: 0, name: '' });
    const { bytes } = PROTOCOLS.shoal.greeting({ user: 'me', password: 'p' });
    expect(bytes.toString('hex', 0, 20)).toBe(
      frame('a5010100', '00000000', '00000000', '00000000', `0${value.length.toString(16)}000000`),
    );
    expect(bytes.subarray(20)).toEqual(Buffer.from(value));
  });

  test('memcached: version', () => {
    expect(PROTOCOLS.memcached.greeting(none).bytes.toString()).toBe('version\r\n');
  });
});

test.each([...PROTOCOL_NAMES])('%s: no request is longer than it says', (name) => {
  const shape = { keyPrefix: '', keyBytes: 250, valueBytesMax: 1_000_000, ttlMs: 86_400_000 };
  const encoder = PROTOCOLS[name].createEncoder(shape, 0);
  const target = Buffer.alloc(encoder.requestBytesMax);
  expect(encoder.writeWrite(target, 0, 0xffff_ffff, 99_999_999, 1_000_000)).toBeLessThanOrEqual(target.length);
});

test('helpers', () => {
  const target = Buffer.alloc(8, '-');
  expect(copyBytes(Buffer.from('ab'), target, 1)).toBe(3);
  expect(writeDecimal(target, 3, 100)).toBe(6);
  expect(target.toString()).toBe('-ab100--');
  expect(writeDecimal(target, 0, 0)).toBe(1);
});
