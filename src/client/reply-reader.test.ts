import { describe, expect, test } from 'bun:test';
import { Random } from '../../test/vectors/random.ts';
import { Flag, HEADER_BYTES, Status } from '../protocol/shoal/frame.ts';
import { ReplyReader } from './reply-reader.ts';

interface Seen {
  readonly id: number;
  readonly status: number;
  readonly value: string;
  readonly ttlMs: number | null;
  readonly version: bigint | null;
}

interface Fields {
  readonly ttlMs?: bigint;
  readonly version?: bigint;
}

function encodeReply(id: number, status: number, value: Uint8Array, { ttlMs, version }: Fields = {}): Buffer {
  const fields: Buffer[] = [];
  for (const field of [ttlMs, version]) {
    if (field === undefined) continue;
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(field);
    fields.push(bytes);
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = 0xa6;
  header[1] = 1;
  header[2] = status;
  header[3] = (ttlMs === undefined ? 0 : Flag.ttl) | (version === undefined ? 0 : Flag.version);
  header.writeUInt32LE(id, 4);
  header.writeUInt16LE(fields.length * 8, 14);
  header.writeUInt32LE(value.length, 16);
  return Buffer.concat([header, ...fields, value]);
}

/** What a reader finds in chunks, each of which is overwritten once it was read. */
function read(
  chunks: readonly Uint8Array[],
  frameBytesMax = 1 << 20,
): { readonly seen: Seen[]; readonly problem: string } {
  const seen: Seen[] = [];
  const reader = new ReplyReader(frameBytesMax, (id, reply) => {
    const value = reply.bytes.toString('latin1', reply.valueStart, reply.valueEnd);
    seen.push({ id, status: reply.status, value, ttlMs: reply.ttlMs, version: reply.version });
    return true;
  });
  for (const chunk of chunks) {
    const buffer = Buffer.concat([chunk, Buffer.alloc(16, 0xa6)]);
    if (!reader.read(buffer, chunk.length)) return { seen, problem: reader.problem };
    buffer.fill(0xee);
  }
  return { seen, problem: '' };
}

const REPLIES: readonly (readonly [bytes: Buffer, seen: Seen])[] = [
  [encodeReply(1, Status.ok, Buffer.from('value')), { id: 1, status: 0, value: 'value', ttlMs: null, version: null }],
  [
    encodeReply(0xffff_ffff, Status.miss, Buffer.alloc(0)),
    { id: 0xffff_ffff, status: 1, value: '', ttlMs: null, version: null },
  ],
  [
    encodeReply(7, Status.ok, Buffer.from('x'), { ttlMs: 5000n, version: 0xfedc_ba98_7654_3210n }),
    { id: 7, status: 0, value: 'x', ttlMs: 5000, version: 0xfedc_ba98_7654_3210n },
  ],
  [
    encodeReply(8, Status.ok, Buffer.from('y'), { version: 3n }),
    { id: 8, status: 0, value: 'y', ttlMs: null, version: 3n },
  ],
  [
    encodeReply(9, Status.refused, Buffer.from('ERR no')),
    { id: 9, status: 0x89, value: 'ERR no', ttlMs: null, version: null },
  ],
];
const ALL = Buffer.concat(REPLIES.map(([bytes]) => bytes));
const ALL_SEEN = REPLIES.map(([, seen]) => seen);

describe('replies', () => {
  test('whole', () => {
    expect(read([ALL])).toEqual({ seen: ALL_SEEN, problem: '' });
  });

  test('byte by byte', () => {
    expect(read([...ALL].map((byte) => Buffer.of(byte)))).toEqual({ seen: ALL_SEEN, problem: '' });
  });

  test('in two at each place', () => {
    for (let cut = 1; cut < ALL.length; cut += 1) {
      expect(read([ALL.subarray(0, cut), ALL.subarray(cut)]).seen).toEqual(ALL_SEEN);
    }
  });

  test('of random sizes in random chunks', () => {
    const random = new Random(1);
    for (let round = 0; round < 200; round += 1) {
      const replies = Array.from({ length: 1 + random.below(20) }, (_, id) => ({
        id,
        value: random.bytes(random.below(random.below(4) === 0 ? 100_000 : 40)),
      }));
      const bytes = Buffer.concat(replies.map(({ id, value }) => encodeReply(id, Status.ok, value)));
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + 1 + random.below(random.below(2) === 0 ? 30 : 70_000));
        chunks.push(bytes.subarray(at, end));
        at = end;
      }
      const { seen } = read(chunks);
      expect(seen.map(({ id }) => id)).toEqual(replies.map(({ id }) => id));
      expect(seen.every(({ value }, index) => value === Buffer.from(replies[index]!.value).toString('latin1'))).toBe(
        true,
      );
    }
  });

  test('cut short, the last one is not there', () => {
    for (let length = 0; length < ALL.length; length += 1) {
      const whole = REPLIES.filter(
        (_, index) => Buffer.concat(REPLIES.slice(0, index + 1).map(([bytes]) => bytes)).length <= length,
      );
      expect(read([ALL.subarray(0, length)])).toEqual({ seen: whole.map(([, seen]) => seen), problem: '' });
    }
  });
});

describe('what is no reply', () => {
  test.each([
    ['-ERR max number of clients reached\r\n', 'ERR max number of clients reached'],
    ['HTTP/1.1 400 Bad Request', 'no reply of the Shoal protocol but "HTTP/1.1 400 Bad Request"'],
    ['\0\0\0', 'no reply of the Shoal protocol but "\\u0000\\u0000\\u0000"'],
  ])('%p', (text, problem) => {
    expect(read([Buffer.from(text)])).toEqual({ seen: [], problem });
  });

  test('a stated length over the limit, before the value is there', () => {
    const header = encodeReply(1, Status.ok, Buffer.alloc(2000)).subarray(0, HEADER_BYTES);
    expect(read([header], 1000)).toEqual({
      seen: [],
      problem: 'a reply of 2020 bytes, where at most 1000 are expected',
    });
  });

  test('a key', () => {
    const reply = encodeReply(1, Status.ok, Buffer.from('x'));
    reply[12] = 1;
    expect(read([reply]).problem).toBe('a reply with a key');
  });

  test('fields that the flags promise and the frame does not have are absent', () => {
    const reply = encodeReply(1, Status.ok, Buffer.from('x'), { version: 1n });
    reply[3] = Flag.ttl | Flag.version;
    expect(read([reply]).seen).toEqual([{ id: 1, status: 0, value: 'x', ttlMs: 1, version: null }]);
  });

  test('no bytes make it throw or read past the end', () => {
    const random = new Random(2);
    for (let round = 0; round < 5000; round += 1) {
      const bytes = Buffer.from(random.below(2) === 0 ? random.bytes(random.below(100)) : ALL);
      for (let change = random.below(4); change > 0; change -= 1)
        bytes[random.below(bytes.length || 1)] = random.below(256);
      const { seen } = read([bytes]);
      expect(seen.length).toBeLessThanOrEqual(bytes.length / HEADER_BYTES);
    }
  });
});
