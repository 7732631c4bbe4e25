import { describe, expect, test } from 'bun:test';
import { quoteWord, splitLine } from './words.ts';

/** The words as latin1 text, or the problem. */
function split(line: string, encoding: 'utf8' | 'latin1' = 'utf8'): readonly string[] | string {
  const { words, problem } = splitLine(Buffer.from(line, encoding));
  return words === null ? problem : words.map((word) => Buffer.from(word).toString('latin1'));
}

describe('words', () => {
  test.each([
    ['', []],
    ['   ', []],
    ['get key', ['get', 'key']],
    ['  get \t key  \r', ['get', 'key']],
    ['set k "a b"', ['set', 'k', 'a b']],
    ['set k ""', ['set', 'k', '']],
    ["set k ''", ['set', 'k', '']],
    ['set k "a\\nb\\r\\t\\a\\b\\\\\\""', ['set', 'k', 'a\nb\r\t\x07\b\\"']],
    ['set k "\\x00\\xFF\\xfe"', ['set', 'k', '\x00\xff\xfe']],
    ['set k "\\xZZ\\q"', ['set', 'k', 'xZZq']],
    ["set k 'a\\nb\\'c\"'", ['set', 'k', 'a\\nb\'c"']],
    ['set k a\\nb', ['set', 'k', 'a\\nb']],
    ['set k a"b c"', ['set', 'k', 'ab c']],
    ['set k é', ['set', 'k', 'Ã©']],
  ])('%p', (line, words) => {
    expect(split(line)).toEqual(words);
  });

  test('any byte outside quotes is itself', () => {
    expect(split('set \xff\xfe \x80', 'latin1')).toEqual(['set', '\xff\xfe', '\x80']);
  });

  test.each([
    ['set k "a', 'a double quote is not closed'],
    ["set k 'a", 'a single quote is not closed'],
    ['set k "a\\"', 'a double quote is not closed'],
    ['set k "a\\', 'a double quote is not closed'],
    ['set k "a"b', 'a blank is missing behind a closing quote'],
  ])('%p is refused', (line, problem) => {
    expect(split(line)).toBe(problem);
  });
});

test('a quoted word is split into itself', () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const alphabet = ['a', ' ', '"', "'", '\\', '\n', '\t', '\u0000', '\u001b', 'é', '漢', '\u200b', 'x', '4'];
  for (let round = 0; round < 2000; round += 1) {
    const word = Array.from({ length: random(12) }, () => alphabet[random(alphabet.length)] ?? '').join('');
    const { words } = splitLine(Buffer.from(`set ${quoteWord(word)} end`));
    expect(words?.map((bytes) => Buffer.from(bytes).toString())).toEqual(['set', word, 'end']);
  }
});
