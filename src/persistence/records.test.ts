import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { EVERY_NAMESPACE } from '../store/change-ring.ts';
import { ItemSnapshot } from '../store/types.ts';
import {
  itemRecordBytes,
  RecordKind,
  RecordReader,
  writeEnd,
  writeFlushed,
  writeItem,
  writeMapping,
  writeRemoved,
} from './records.ts';

const KEY = Buffer.from('key');
const MAPPING = [1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

function item(value: string | Buffer, change: Partial<ItemSnapshot> = {}): ItemSnapshot {
  const snapshot = new ItemSnapshot();
  snapshot.bytes = Buffer.from(value);
  snapshot.length = snapshot.bytes.length;
  return Object.assign(snapshot, change);
}

function written(write: (to: Buffer, at: number) => number): Buffer {
  const to = Buffer.alloc(1024, 0xee);
  // Not at the beginning, and nothing behind it is touched.
  const end = write(to, 5);
  expect(to[4]).toBe(0xee);
  expect(to[end]).toBe(0xee);
  return to.subarray(5, end);
}

/** Every kind of record, and its bytes as docs/DATA-FILES.md draws them. */
const RECORDS: readonly (readonly [string, (to: Buffer, at: number) => number, string])[] = [
  ['an item', (to, at) => writeItem(to, at, 3, KEY, 0, 3, item('value')), '01 00 03 0300 05000000 6b6579 76616c7565'],
  [
    'one with all flags',
    (to, at) => writeItem(to, at, 0, KEY, 1, 2, item('', { raw: true, frequency: 2, expiresAtMs: 1_700_000_000_000 })),
    '01 07 00 0200 00000000 00008056febc7842 6579',
  ],
  ['a removed key', (to, at) => writeRemoved(to, at, 15, KEY, 0, 3), '02 00 0f 0300 6b6579'],
  ['a flushed name space', (to, at) => writeFlushed(to, at, 2), '03 00 02 0000'],
  ['a flush of all', (to, at) => writeFlushed(to, at, EVERY_NAMESPACE), '03 00 ff 0000'],
  ['a mapping', (to, at) => writeMapping(to, at, MAPPING), '04 00 00 0000 0100 0203 0405 0607 0809 0a0b 0c0d 0e0f'],
  ['the end of a snapshot', (to, at) => writeEnd(to, at, 1000), '05 00 00 0000 0000000000408f40'],
];

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

test.each(RECORDS)('%s', (_name, write, bytes) => {
  expect(written(write)).toEqual(hex(bytes));
});

test('all are read as they were written, one after the other', () => {
  const bytes = Buffer.concat(RECORDS.map(([, , text]) => hex(text)));
  const reader = new RecordReader();
  reader.begin(bytes, 0, bytes.length);
  const next = (): RecordReader => {
    expect(reader.next()).toBeTrue();
    return reader;
  };
  expect(next()).toMatchObject({ kind: RecordKind.item, namespace: 3, valueLength: 5, expiresAtMs: 0, raw: false });
  expect(bytes.toString('latin1', reader.keyStart, reader.keyStart + reader.keyLength)).toBe('key');
  expect(bytes.toString('latin1', reader.valueStart, reader.valueStart + reader.valueLength)).toBe('value');
  expect(next()).toMatchObject({ namespace: 0, expiresAtMs: 1_700_000_000_000, raw: true, used: true, valueLength: 0 });
  expect(next()).toMatchObject({ kind: RecordKind.removed, namespace: 15, keyLength: 3 });
  expect(next()).toMatchObject({ kind: RecordKind.flushed, namespace: 2 });
  expect(next()).toMatchObject({ kind: RecordKind.flushed, namespace: EVERY_NAMESPACE });
  next();
  expect(MAPPING.map((_unused, database) => reader.namespaceOf(database))).toEqual(MAPPING);
  expect(next()).toMatchObject({ kind: RecordKind.end, itemCount: 1000 });
  expect(reader.recordEnd).toBe(bytes.length);
  expect(reader.next()).toBeFalse();
  expect(reader.problem).toBeNull();
});

test('a stated size is at least that of the record', () => {
  const record = written((to, at) => writeItem(to, at, 3, KEY, 0, 3, item('value', { expiresAtMs: 5 })));
  expect(itemRecordBytes(3, 5)).toBeGreaterThanOrEqual(record.length);
});

describe('what is no record', () => {
  test.each([
    ['of unknown kind', '0a 00 00 0000'],
    ['of kind 0', '00 00 00 0000'],
    ['with unknown flags', '01 08 00 0000 00000000'],
    ['with flags that its kind has not', '02 01 00 0000'],
    ['in a name space that is none', '02 00 10 0000'],
    ['a flush of a name space that is none', '03 00 10 0000'],
    ['a flush with a key', '03 00 00 0100 6b'],
    ['a value that ends too soon', '01 00 00 0100 05000000 6b 7661'],
    ['a value of more than can be', '01 00 00 0000 01000004'],
    ['an expiry of 0', '01 02 00 0000 00000000 0000000000000000'],
    ['an expiry that is no number', '01 02 00 0000 00000000 000000000000f87f'],
    ['an expiry of half a millisecond', '01 02 00 0000 00000000 000000000000e03f'],
    ['a mapping that names one twice', '04 00 00 0000 0000 0203 0405 0607 0809 0a0b 0c0d 0e0f'],
    ['a mapping that names what is none', '04 00 00 0000 0120 0203 0405 0607 0809 0a0b 0c0d 0e0f'],
  ])('%s: is told', (_name, bytes) => {
    const reader = new RecordReader();
    reader.begin(hex(bytes), 0, hex(bytes).length);
    expect(reader.next()).toBeFalse();
    expect(reader.problem).toBeString();
  });

  test('one that is cut at any byte is told, and nothing behind the end is read', () => {
    for (const [, , text] of RECORDS) {
      const whole = hex(text);
      for (let length = 1; length < whole.length; length += 1) {
        const reader = new RecordReader();
        reader.begin(Buffer.concat([whole.subarray(0, length), Buffer.alloc(100, 0xff)]), 0, length);
        expect(reader.next()).toBeFalse();
        expect(reader.problem).toBeString();
      }
    }
  });

  test('any bytes are read without going beyond their end', () => {
    const random = seededRandom(3);
    const reader = new RecordReader();
    for (let run = 0; run < 20_000; run += 1) {
      const bytes = Buffer.from(
        Array.from({ length: Math.floor(random() * 60) }, () => random() * (random() < 0.7 ? 6 : 256)),
      );
      reader.begin(bytes, 0, bytes.length);
      while (reader.next()) expect(reader.recordEnd).toBeLessThanOrEqual(bytes.length);
    }
  });
});
