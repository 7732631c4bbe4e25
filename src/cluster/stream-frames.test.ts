/** Frames of a stream: what is written is read, and what is cut, changed or out of bounds is refused. */
import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { RecordKind, slotRangeBytes, slotsOfBytes } from './item-records.ts';
import {
  decodeStreamReply,
  encodeStreamReply,
  newStreamFrame,
  sealStreamFrame,
  STREAM_HEADER_BYTES,
  STREAM_REPLY_BYTES,
  STREAM_START,
  StreamFrameReader,
  StreamOutcome,
} from './stream-frames.ts';

const NAME = {
  source: '0123456789abcdef'.repeat(2).padEnd(40, '7'),
  target: 'f'.repeat(40),
  life: 4_000_000_000,
  attempt: 3,
};
const SLOTS = [0, 1, 2, 77, 16_382, 16_383];

function frame(): Uint8Array {
  const writer = newStreamFrame(NAME, 9);
  writer.slots(RecordKind.begun, slotRangeBytes(SLOTS));
  writer.slots(RecordKind.synced, slotRangeBytes([]));
  writer.flushed(3);
  writer.slots(RecordKind.forgotten, slotRangeBytes([5]));
  return sealStreamFrame(writer, 0xffff_fffe, 7);
}

/** All records, in words. */
function records(bytes: Uint8Array): string[] {
  const reader = new StreamFrameReader(bytes);
  const texts: string[] = [];
  while (reader.next())
    texts.push(`${reader.kind} ${reader.kind >= RecordKind.begun ? reader.slots.join(',') : reader.database}`);
  return texts;
}

describe('a frame', () => {
  test('is read as it was written', () => {
    const reader = new StreamFrameReader(frame());
    expect(reader.name).toEqual(NAME);
    expect([reader.number, reader.through, reader.heard, reader.isStart]).toEqual([9, 0xffff_fffe, 7, false]);
    expect(records(frame())).toEqual([`5 ${SLOTS.join(',')}`, '6 ', '3 3', '7 5']);
    expect(new StreamFrameReader(sealStreamFrame(newStreamFrame(NAME, 0, STREAM_START), -2, 0))).toMatchObject({
      isStart: true,
      through: 0xffff_fffe,
    });
  });

  test('that is cut anywhere is refused, or ends between two records', () => {
    const whole = frame();
    const counts = new Set<number>();
    for (let length = 0; length < whole.length; length += 1) {
      try {
        counts.add(records(whole.subarray(0, length)).length);
      } catch (error) {
        expect(error).toMatchObject({ code: 'UnexpectedResponse' });
      }
    }
    expect([...counts]).toEqual([0, 1, 2, 3]);
  });

  test('that was changed is refused or read, and never throws anything else', () => {
    const random = seededRandom(9);
    for (let count = 0; count < 20_000; count += 1) {
      const bytes = Buffer.from(frame());
      for (let changes = 0; changes < 3; changes += 1)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      try {
        records(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'UnexpectedResponse' });
      }
    }
  });

  test.each([
    ['another format', 0, 2],
    ['unknown flags', 1, 2],
    ['a record of an unknown kind', STREAM_HEADER_BYTES, 9],
    ['ranges that are none', STREAM_HEADER_BYTES + 4, 10],
    ['a slot that is none', STREAM_HEADER_BYTES + 8 + 11, 0x40],
  ])('with %s is refused', (_name, at, byte) => {
    const bytes = Buffer.from(frame());
    bytes[at] = byte;
    expect(() => records(bytes)).toThrow();
  });
});

test('any slots survive being ranges', () => {
  const random = seededRandom(3);
  for (let count = 0; count < 50; count += 1) {
    const share = random();
    const slots = Array.from({ length: 16_384 }, (_, slot) => slot).filter(() => random() < share);
    const bytes = slotRangeBytes(slots);
    expect(bytes.length).toBeLessThan(2 ** 16);
    expect(slotsOfBytes(bytes, 0, bytes.length)).toEqual(slots);
  }
});

describe('a reply', () => {
  const reply = {
    outcome: StreamOutcome.failed,
    attempt: 4_000_000_000,
    next: 5,
    through: 0xffff_ffff,
    deleted: 2,
    lacking: SLOTS,
    text: 'kein Platz für mehr',
  };

  test('is read as it was written', () => {
    expect(decodeStreamReply(encodeStreamReply(reply))).toEqual(reply);
    const short = { ...reply, outcome: StreamOutcome.stored, lacking: [], text: '' };
    expect(encodeStreamReply(short)).toHaveLength(STREAM_REPLY_BYTES);
    expect(decodeStreamReply(encodeStreamReply(short))).toEqual(short);
  });

  test('that is none is refused', () => {
    const bytes = Buffer.from(encodeStreamReply(reply));
    expect(() => decodeStreamReply(bytes.subarray(0, STREAM_REPLY_BYTES - 1))).toThrow('reply');
    expect(() => decodeStreamReply(bytes.subarray(0, STREAM_REPLY_BYTES + 3))).toThrow('reply');
    expect(() => decodeStreamReply(Buffer.alloc(10_000))).toThrow('reply');
    bytes[1] = 4;
    expect(() => decodeStreamReply(bytes)).toThrow('outcome');
  });
});
