import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { placementHash } from './hash-tag.ts';
import { murmur3 } from './murmur3.ts';

function hashOf(text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  return murmur3(bytes, 0, bytes.length, 0);
}

function placementOf(text: string): number {
  const bytes = Buffer.from(`<${text}>`, 'utf8');
  return placementHash(bytes, 1, bytes.length - 2);
}

describe('what decides where a key goes', () => {
  // The examples of the Redis Cluster specification, and the corners between them.
  test.each([
    ['{user1000}.following', 'user1000'],
    ['{user1000}.followers', 'user1000'],
    ['foo{bar}{zap}', 'bar'],
    ['foo{{bar}}zap', '{bar'],
    ['foo{}{bar}', 'foo{}{bar}'],
    ['', ''],
    ['plain', 'plain'],
    ['{', '{'],
    ['}{', '}{'],
    ['{}', '{}'],
    ['{a', '{a'],
    ['a}', 'a}'],
    ['}a{b}', 'b'],
    ['{a}', 'a'],
    ['a{b}c}', 'b'],
    ['{ü}x', 'ü'],
  ])('of %p is %p', (key, part) => {
    expect(placementOf(key)).toBe(hashOf(part));
  });

  test('is what a search with indexOf finds', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 20_000; round += 1) {
      // Dense braces and rare ones, in keys of a few words of four bytes.
      const letters = round % 2 === 0 ? '{}ab' : '{}abcdefghijklmnop\u007f\u007a\u00fb';
      const letter = (): string => letters[Math.floor(random() * letters.length)]!;
      const key = Array.from({ length: Math.floor(random() * 20) }, letter).join('');
      const open = key.indexOf('{');
      const close = open < 0 ? -1 : key.indexOf('}', open + 1);
      expect(placementOf(key)).toBe(hashOf(close > open + 1 ? key.slice(open + 1, close) : key));
    }
  });

  test('never lies behind the key', () => {
    const bytes = Buffer.from('{ab}cd');
    expect(placementHash(bytes, 0, 3)).toBe(hashOf('{ab'));
    expect(placementHash(bytes, 1, 5)).toBe(hashOf('ab}cd'));
  });
});
