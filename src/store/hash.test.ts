import { expect, test } from 'bun:test';
import { KeyHash } from './hash.ts';

function hashOf(hash: KeyHash, text: string, salt = 0): [number, number] {
  const bytes = Buffer.from(text);
  hash.update(bytes, 0, bytes.length, salt);
  return [hash.low, hash.high];
}

test('depends on every byte, on the length, on the salt and on the seed, and on nothing around the key', () => {
  const hash = new KeyHash(1, 2);
  const seen = new Set<string>();
  const texts = ['', 'a', 'b', 'aa', 'ab', 'abc', 'abcd', 'abcde', 'bbcd', 'abce', '\0', '\0\0', '\0\0\0\0', 'abcd\0'];
  for (const text of texts) seen.add(hashOf(hash, text).join());
  seen.add(hashOf(hash, 'abc', 1).join());
  seen.add(hashOf(new KeyHash(1, 77), 'abc').join());
  seen.add(hashOf(new KeyHash(2, 2), 'abc').join());
  expect(seen.size).toBe(texts.length + 3);
  const buffer = Buffer.from('xxabcyy');
  hash.update(buffer, 2, 3, 0);
  expect([hash.low, hash.high]).toEqual(hashOf(hash, 'abc'));
});

test('spreads counting keys evenly: no bit leans, and buckets fill as by chance', () => {
  const hash = new KeyHash(0x1234, 0x5678);
  const count = 64_000;
  const ones = new Array<number>(64).fill(0);
  const buckets = new Int32Array(1000);
  for (let number = 0; number < count; number += 1) {
    const [low, high] = hashOf(hash, `key:${number}`);
    for (let bit = 0; bit < 32; bit += 1) {
      ones[bit]! += (low >>> bit) & 1;
      ones[32 + bit]! += (high >>> bit) & 1;
    }
    buckets[(low >>> 0) % 1000]! += 1;
  }
  for (const sum of ones) expect(Math.abs(sum / count - 0.5)).toBeLessThan(0.01);
  const chiSquare = buckets.reduce((sum, found) => sum + (found - 64) ** 2 / 64, 0);
  expect(chiSquare).toBeLessThan(1200);
});
