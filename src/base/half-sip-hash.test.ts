import { expect, test } from 'bun:test';
import { HalfSipHash } from './half-sip-hash.ts';

/** The reference results for the key 00 01 … 07 and the messages "", 00, 00 01, …, by the authors of the hash. */
const REFERENCE = [
  '218d1f59b9b83cc8',
  'be552412f8387315',
  '064f39ef7c50eb57',
  'ce0f1a45f7060679',
  'd5e78a175be52ea1',
  'cb9d7c3f2f3db580',
  'ce3e91358aa2bc25',
];

function hex(hash: HalfSipHash): string {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(hash.low, 0);
  bytes.writeInt32LE(hash.high, 4);
  return bytes.toString('hex');
}

test('gives the results of the reference', () => {
  const hash = new HalfSipHash(0x03020100, 0x07060504);
  const message = Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]);
  REFERENCE.forEach((expected, length) => {
    hash.update(message, 0, length);
    expect(hex(hash)).toBe(expected);
  });
});

test('depends on the range that is given alone, and on the key', () => {
  const hash = new HalfSipHash(1, 2);
  hash.update(Buffer.from('xxhello worldxx'), 2, 11);
  const inside = hex(hash);
  hash.update(Buffer.from('hello world'), 0, 11);
  expect(hex(hash)).toBe(inside);
  for (const [low, high] of [
    [1, 3],
    [2, 2],
    [2, 1],
  ] as const) {
    const other = new HalfSipHash(low, high);
    other.update(Buffer.from('hello world'), 0, 11);
    expect(hex(other)).not.toBe(inside);
  }
});

test('any changed bit changes it, and so does a byte of zero at the end', () => {
  const hash = new HalfSipHash(1, 2);
  const seen = new Set<string>();
  const message = Buffer.alloc(37, 0x5a);
  for (let length = 0; length <= 37; length += 1) {
    hash.update(message, 0, length);
    seen.add(hex(hash));
    hash.update(Buffer.concat([message.subarray(0, length), Buffer.alloc(1)]), 0, length + 1);
    seen.add(hex(hash));
  }
  for (let bit = 0; bit < 37 * 8; bit += 1) {
    message[bit >> 3]! ^= 1 << (bit & 7);
    hash.update(message, 0, 37);
    seen.add(hex(hash));
    message[bit >> 3]! ^= 1 << (bit & 7);
  }
  expect(seen.size).toBe(38 * 2 + 37 * 8);
});
