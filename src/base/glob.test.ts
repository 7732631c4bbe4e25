import { expect, test } from 'bun:test';
import { globMatches, isMatchAll } from './glob.ts';

function matches(pattern: string, text: string): boolean {
  const patternBytes = Buffer.from(`<${pattern}>`, 'latin1');
  const textBytes = Buffer.from(`<<${text}>`, 'latin1');
  return globMatches(patternBytes, 1, patternBytes.length - 2, textBytes, 2, textBytes.length - 3);
}

const MATCHES: readonly (readonly [pattern: string, text: string])[] = [
  ['', ''],
  ['abc', 'abc'],
  ['*', 'a'],
  ['a*', 'a'],
  ['a**', 'a'],
  ['*b', 'ab'],
  ['a*c', 'abbc'],
  ['*a*b*c*', 'xaybzc'],
  ['a*b*c', 'abcbc'],
  ['?', 'x'],
  ['h?llo', 'hello'],
  ['h[ae]llo', 'hallo'],
  ['h[^e]llo', 'hbllo'],
  ['[a-c]', 'b'],
  ['[c-a]', 'b'],
  ['[a-cx]', 'x'],
  ['\\*', '*'],
  ['\\?x', '?x'],
  ['a\\', 'a\\'],
  ['[\\]]', ']'],
  ['[\\-a]', '-'],
  ['[a', 'a'],
  ['[^', 'z'],
  ['[a-', '-'],
  ['[\\', '\\'],
  ['[a-]', 'a'],
  ['[a-]', ']'],
  ['x\xff', 'x\xff'],
  ['[a-\xff]', '\x10'],
  ['a*[0-9]', 'a-b-7'],
];

const MISMATCHES: readonly (readonly [pattern: string, text: string])[] = [
  ['*', ''],
  ['**', ''],
  ['a', ''],
  ['', 'a'],
  ['abc', 'abd'],
  ['abc', 'ab'],
  ['ab', 'abc'],
  ['?', 'xy'],
  ['h[^e]llo', 'hello'],
  ['[a-c]', 'd'],
  ['[]', 'a'],
  ['[', 'a'],
  ['[', '['],
  ['[^a', 'a'],
  ['a*c', 'abcd'],
  ['*a*b*c', 'abcab'],
  ['\\*', 'x'],
  ['[a-\xff]', 'b'],
  ['ABC', 'abc'],
];

for (const [pattern, text] of MATCHES) {
  test(`${JSON.stringify(pattern)} matches ${JSON.stringify(text)}`, () => {
    expect(matches(pattern, text)).toBe(true);
  });
}

for (const [pattern, text] of MISMATCHES) {
  test(`${JSON.stringify(pattern)} does not match ${JSON.stringify(text)}`, () => {
    expect(matches(pattern, text)).toBe(false);
  });
}

test('a pattern full of stars costs no more than pattern × text', () => {
  const pattern = Buffer.from('a*'.repeat(50) + 'b');
  const text = Buffer.from('a'.repeat(50_000));
  const startedAt = performance.now();
  expect(globMatches(pattern, 0, pattern.length, text, 0, text.length)).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

test('only a lone star matches everything', () => {
  expect(isMatchAll(Buffer.from('*'), 0, 1)).toBe(true);
  expect(isMatchAll(Buffer.from('**'), 0, 2)).toBe(false);
  expect(isMatchAll(Buffer.from('a'), 0, 1)).toBe(false);
  expect(isMatchAll(Buffer.from(''), 0, 0)).toBe(false);
});
