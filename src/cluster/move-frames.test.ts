/** Frames of a move: what is written is read, and what is cut, changed or out of bounds is refused. */
import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { EVERY_DATABASE, type MovedItem, RecordKind } from './item-records.ts';
import {
  decodeFrameReply,
  encodeFrameReply,
  FRAME_START,
  FrameOutcome,
  MoveFrameReader,
  newMoveFrame,
} from './move-frames.ts';

function item(change: Partial<MovedItem> = {}): MovedItem {
  const keyBytes = change.keyBytes ?? Buffer.from('key');
  const valueBytes = change.valueBytes ?? Buffer.from('value');
  return {
    database: 0,
    keyBytes,
    keyStart: 0,
    keyLength: keyBytes.length,
    valueBytes,
    valueLength: valueBytes.length,
    expiresAtMs: 0,
    raw: false,
    used: false,
    ...change,
  };
}

/** All records, in words. */
function records(bytes: Uint8Array): string[] {
  const reader = new MoveFrameReader(bytes);
  const texts: string[] = [];
  while (reader.next()) {
    const key = Buffer.from(bytes.subarray(reader.keyStart, reader.keyStart + reader.keyLength)).toString('latin1');
    const value = Buffer.from(bytes.subarray(reader.valueStart, reader.valueStart + reader.pieceLength)).toString(
      'latin1',
    );
    const { kind, database, expiresAtMs, raw, used, valueLength, pieceOffset } = reader;
    if (kind === RecordKind.flushed) texts.push(`flushed ${database}`);
    else if (kind === RecordKind.removed) texts.push(`removed ${database}:${key}`);
    else texts.push(`${kind} ${database}:${key}=${value} ${expiresAtMs} ${raw} ${used} ${pieceOffset}/${valueLength}`);
  }
  return texts;
}

function frame(): Uint8Array {
  const writer = newMoveFrame(7, 3, 9, 0);
  writer.item(item({ database: 15, expiresAtMs: 1_750_000_000_123, raw: true, used: true }));
  writer.item(item({ keyBytes: Buffer.alloc(0), valueBytes: Buffer.alloc(0) }));
  writer.removed(item({ database: 2 }));
  writer.flushed(EVERY_DATABASE);
  writer.flushed(3);
  writer.piece(item({ valueBytes: Buffer.from('0123456789'), valueLength: 10 }), 4, 6);
  return writer.finish();
}

describe('a frame', () => {
  test('is read as it was written', () => {
    const reader = new MoveFrameReader(frame());
    expect([reader.move, reader.attempt, reader.number, reader.isStart]).toEqual([7, 3, 9, false]);
    expect(records(frame())).toEqual([
      '1 15:key=value 1750000000123 true true 0/5',
      '1 0:= 0 false false 0/0',
      'removed 2:key',
      'flushed 255',
      'flushed 3',
      '4 0:key=456789 0 false false 4/10',
    ]);
    expect(new MoveFrameReader(newMoveFrame(1, 1, 0, FRAME_START).finish()).isStart).toBe(true);
  });

  test('that is cut anywhere is refused, or ends between two records', () => {
    const whole = frame();
    const ends = new Set<number>();
    for (let length = 0; length < whole.length; length += 1) {
      let count = -1;
      try {
        count = records(whole.subarray(0, length)).length;
      } catch (error) {
        expect(error).toMatchObject({ code: 'UnexpectedResponse' });
      }
      if (count >= 0) ends.add(count);
    }
    expect([...ends]).toEqual([0, 1, 2, 3, 4, 5]);
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
    ['a record of an unknown kind', 16, 9],
    ['flags of a record that mean nothing', 17, 4],
    ['a database that is none', 18, 16],
    ['a record of slots, which moves have not', 16, 5],
    ['an expiry that is no point in time', 16 + 8 + 4 + 7, 0x7f],
  ])('with %s is refused', (_name, at, byte) => {
    const bytes = Buffer.from(frame());
    bytes[at] = byte;
    expect(() => records(bytes)).toThrow();
  });
});

describe('a reply', () => {
  test('is read as it was written', () => {
    for (const reply of [
      { outcome: FrameOutcome.stored, attempt: 4_000_000_000, next: 5, text: '' },
      { outcome: FrameOutcome.failed, attempt: 1, next: 0, text: 'kein Platz für mehr' },
    ]) {
      expect(decodeFrameReply(encodeFrameReply(reply))).toEqual(reply);
    }
  });

  test('that is none is refused', () => {
    const bytes = Buffer.from(encodeFrameReply({ outcome: FrameOutcome.stored, attempt: 1, next: 1, text: '' }));
    expect(() => decodeFrameReply(bytes.subarray(0, 11))).toThrow('reply');
    expect(() => decodeFrameReply(Buffer.alloc(10_000))).toThrow('reply');
    bytes[1] = 4;
    expect(() => decodeFrameReply(bytes)).toThrow('outcome');
  });
});
