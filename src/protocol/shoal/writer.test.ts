import { describe, expect, test } from 'bun:test';
import { decodeReplies, type ReplyFields } from '../../../test/support/shoal-frames.ts';
import { ShoalError } from '../../base/errors.ts';
import { NO_ROOM } from '../../base/value-sink.ts';
import { INITIAL_BYTES } from '../output-bytes.ts';
import { FIELD_BYTES, HEADER_BYTES, Status } from './frame.ts';
import { type ErrorMeaning, setReplicaCount, ShoalWriter } from './writer.ts';

const FRAME_BYTES_MAX = HEADER_BYTES + 3 * FIELD_BYTES;

function refusal(line: string): ErrorMeaning {
  return { status: Status.refused, text: line };
}

function newWriter(limitBytes = 2 ** 30): ShoalWriter {
  const writer = new ShoalWriter(limitBytes, refusal);
  writer.start(7, 1);
  return writer;
}

function replies(writer: ShoalWriter): ReplyFields[] {
  return decodeReplies(Buffer.from(writer.bytes.subarray(0, writer.length)));
}

const ANSWERS: readonly {
  readonly name: string;
  readonly write: (writer: ShoalWriter) => void;
  readonly status?: string;
  readonly value?: Buffer;
}[] = [
  { name: 'ok', write: (w) => w.ok() },
  { name: 'a miss', write: (w) => w.answer(Status.miss), status: 'miss' },
  { name: 'bytes', write: (w) => w.bulk(Buffer.from('xhellox'), 1, 5), value: Buffer.from('hello') },
  { name: 'long bytes', write: (w) => w.bulk(Buffer.alloc(70_000, 'b'), 0, 70_000), value: Buffer.alloc(70_000, 'b') },
  { name: 'text', write: (w) => w.simple('é'), value: Buffer.from('é') },
  { name: 'an integer', write: (w) => w.integer(5), value: Buffer.from('0500000000000000', 'hex') },
  { name: 'a negative integer', write: (w) => w.integer(-2), value: Buffer.from('feffffffffffffff', 'hex') },
  {
    name: 'the smallest safe integer',
    write: (w) => w.integer(Number.MIN_SAFE_INTEGER),
    value: Buffer.from('010000000000e0ff', 'hex'),
  },
  {
    name: 'an integer of 64 bits',
    write: (w) => w.bigInteger(-(2n ** 63n)),
    value: Buffer.from('0000000000000080', 'hex'),
  },
  {
    name: 'an error',
    write: (w) => w.error('ERR no é'),
    status: 'refused',
    value: Buffer.from('ERR no é'),
  },
  {
    name: 'a failure',
    write: (w) => w.fail(Status.badRequest, 'bad'),
    status: 'badRequest',
    value: Buffer.from('bad'),
  },
];

describe('answers', () => {
  for (const { name, write, status = 'ok', value = Buffer.alloc(0) } of ANSWERS) {
    test(`${name}, also with too little room at first`, () => {
      for (let free = 0; free < 80; free += 1) {
        const writer = newWriter();
        const filler = INITIAL_BYTES - free - HEADER_BYTES;
        writer.bulk(Buffer.alloc(filler), 0, filler);
        write(writer);
        const expected = { status, requestId: 7, epoch: 0, ttlMs: null, version: null, replicas: null, value };
        expect(replies(writer)[1]).toEqual(expected as ReplyFields);
      }
    });
  }

  test('carry the fields that were announced, and the next one does not', () => {
    const writer = newWriter();
    writer.withVersion(-1, 0x0102_0304);
    writer.withTimeToLive(2 ** 52);
    writer.bulk(Buffer.from('v'), 0, 1);
    writer.start(0xffff_ffff, 1);
    writer.ok();
    writer.withTimeToLive(1);
    writer.error('ERR with fields no more');
    expect(replies(writer)).toMatchObject([
      { requestId: 7, version: 0x0102_0304_ffff_ffffn, ttlMs: 2 ** 52, value: Buffer.from('v') },
      { requestId: 0xffff_ffff, version: null, ttlMs: null },
      { status: 'refused', version: null, ttlMs: null },
    ]);
  });
});

describe('how many replicas have it', () => {
  test('is put in once it is known, whatever stands before it', () => {
    const writer = newWriter();
    writer.withReplicaCount();
    writer.withVersion(1, 0);
    writer.withTimeToLive(5);
    writer.bulk(Buffer.from('v'), 0, 1);
    expect(replies(writer)[0]!.replicas).toBe(0);
    setReplicaCount(writer.bytes, 0, 3);
    expect(replies(writer)).toMatchObject([{ replicas: 3, version: 1n, ttlMs: 5, value: Buffer.from('v') }]);
  });

  test('stands in the answer to a call, too', () => {
    const writer = newWriter();
    writer.withReplicaCount();
    writer.beginCall().integer(1);
    writer.endCall(0);
    setReplicaCount(writer.bytes, 0, 1);
    expect(replies(writer)).toMatchObject([{ replicas: 1, value: Buffer.from(':1\r\n') }]);
  });

  test('is not said with an error, nor where nobody asked', () => {
    const writer = newWriter();
    writer.withReplicaCount();
    writer.beginCall().error('ERR no');
    writer.endCall(0);
    setReplicaCount(writer.bytes, 0, 3);
    const second = writer.length;
    writer.start(8, 1);
    writer.simple('text');
    setReplicaCount(writer.bytes, second, 3);
    expect(replies(writer)).toMatchObject([
      { status: 'refused', replicas: null, value: Buffer.from('ERR no') },
      { status: 'ok', replicas: null, value: Buffer.from('text') },
    ]);
  });
});

describe('as a value sink', () => {
  test('a value goes behind the header that begin wrote', () => {
    const writer = newWriter();
    writer.withTimeToLive(3);
    const at = writer.begin(5);
    writer.bytes.write('hello', at);
    expect(replies(writer)).toMatchObject([{ status: 'ok', ttlMs: 3, value: Buffer.from('hello') }]);
  });

  test('begin allocates nothing and writes nothing where room is lacking; makeRoom makes it', () => {
    const writer = newWriter();
    const before = writer.bytes;
    expect(writer.begin(INITIAL_BYTES)).toBe(NO_ROOM);
    expect([writer.bytes === before, writer.length]).toEqual([true, 0]);
    writer.makeRoom(INITIAL_BYTES);
    expect(writer.begin(INITIAL_BYTES)).toBe(HEADER_BYTES);
  });

  test('a value over the limit has no room and cannot be made room for', () => {
    const writer = newWriter(1000);
    expect(writer.begin(1000)).toBe(NO_ROOM);
    expect(() => writer.makeRoom(1000)).toThrow(ShoalError);
    expect(() => writer.bulk(Buffer.alloc(1000), 0, 1000)).toThrow(ShoalError);
    expect(writer.length).toBe(0);
    expect(writer.begin(1000 - FRAME_BYTES_MAX)).toBe(HEADER_BYTES);
  });
});

describe('calls', () => {
  test('get a frame around what was written in RESP3, growing or not', () => {
    const writer = newWriter();
    writer.ok();
    for (const length of [3, 200_000]) {
      const mark = writer.length;
      const call = writer.beginCall();
      call.map(1);
      call.bulk(Buffer.alloc(length, 'k'), 0, length);
      call.nil();
      writer.endCall(mark);
    }
    expect(replies(writer).map(({ value }) => value.length)).toEqual([0, 4 + 4 + 3 + 2 + 3, 4 + 9 + 200_000 + 2 + 3]);
    expect(replies(writer)[1]!.value.toString()).toBe('%1\r\n$3\r\nkkk\r\n_\r\n');
  });

  test('that fail are the status of their error; an error inside an array is none', () => {
    const writer = newWriter();
    const call = writer.beginCall();
    call.error('ERR no');
    writer.endCall(0);
    expect(writer.errorCode(0)).toBe('ERR');
    const mark = writer.length;
    writer.start(8, 1);
    const array = writer.beginCall();
    array.array(1);
    array.error('ERR inside');
    writer.endCall(mark);
    expect(writer.errorCode(mark)).toBeNull();
    expect(replies(writer)).toMatchObject([
      { status: 'refused', requestId: 7, value: Buffer.from('ERR no') },
      { status: 'ok', requestId: 8, value: Buffer.from('*1\r\n-ERR inside\r\n') },
    ]);
  });

  test('that are abandoned leave nothing, and none leaves its writer the buffer', () => {
    const writer = newWriter();
    writer.ok();
    const { bytes, length } = writer;
    writer.beginCall().ok();
    writer.abandonCall(length);
    expect([writer.bytes === bytes, writer.length]).toEqual([true, length]);
    writer.beginCall().ok();
    // As after a fault in the middle of a call.
    writer.reset();
    writer.ok();
    expect(replies(writer).length).toBe(1);
  });

  test('are held to the limit as it is now', () => {
    const writer = newWriter();
    writer.limitBytes = 200;
    const call = writer.beginCall();
    expect(() => call.bulk(Buffer.alloc(300), 0, 300)).toThrow(ShoalError);
  });
});
