import { describe, expect, test } from 'bun:test';
import { mix32, murmur3 } from './murmur3.ts';

/** Published with the hash and its ports. */
const VECTORS: readonly (readonly [bytes: string | readonly number[], seed: number, hash: number])[] = [
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  [[0xff, 0xff, 0xff, 0xff], 0, 0x76293b50],
  [[0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
  [[0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
  [[0x21, 0x43, 0x65], 0, 0x7e4a8634],
  [[0x21, 0x43], 0, 0xa0f7b07a],
  [[0x21], 0, 0x72661cf4],
  [[0, 0, 0, 0], 0, 0x2362f9de],
  [[0, 0, 0], 0, 0x85f0b427],
  [[0, 0], 0, 0x30f4c306],
  [[0], 0, 0x514e28b7],
  ['test', 0, 0xba6bd213],
  ['Hello, world!', 0, 0xc0363e43],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
];

describe('murmur3', () => {
  test.each(VECTORS)('of %p with seed %p', (given, seed, hash) => {
    const bytes = Buffer.from(given as string);
    expect(murmur3(bytes, 0, bytes.length, seed)).toBe(hash);
  });

  test('has the verification value of SMHasher', () => {
    const hashes = Buffer.alloc(256 * 4);
    const key = new Uint8Array(256);
    for (let length = 0; length < 256; length += 1) {
      key[length] = length;
      hashes.writeUInt32LE(murmur3(key, 0, length, 256 - length), length * 4);
    }
    expect(murmur3(hashes, 0, hashes.length, 0)).toBe(0xb0f57ee3);
  });

  test('reads the range that it is given and nothing else', () => {
    const around = Buffer.from('..Hello, world!..');
    expect(murmur3(around, 2, 13, 0)).toBe(0xc0363e43);
    around.fill('#', 0, 2).fill('#', 15);
    expect(murmur3(around, 2, 13, 0)).toBe(0xc0363e43);
  });
});

test('mix32 maps no two numbers to one', () => {
  const seen = new Set<number>();
  for (let value = 0; value < 100_000; value += 1) seen.add(mix32(Math.imul(value, 0x9e3779b9)));
  expect(seen.size).toBe(100_000);
  expect(mix32(0)).toBe(0);
  expect(mix32(1)).toBe(0x514e28b7);
});
