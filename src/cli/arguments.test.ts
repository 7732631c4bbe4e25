import { describe, expect, test } from 'bun:test';
import { ShoalError } from '../base/errors.ts';
import { checkWords, parseArguments, valueOf } from './arguments.ts';

const OPTIONS = { node: 'values', timeout: 'value', json: 'switch' } as const;

function parsed(...args: readonly string[]): object {
  const { help, words, switches, values } = parseArguments(args, OPTIONS);
  return { help, words, switches: [...switches], values: Object.fromEntries(values) };
}

const NOTHING = { help: false, words: [], switches: [], values: {} };

describe('arguments', () => {
  test.each([
    [[], {}],
    [['a', 'b'], { words: ['a', 'b'] }],
    [['a', '--json', 'b'], { words: ['a', 'b'], switches: ['json'] }],
    [['--timeout', '1s', '--timeout=2s'], { values: { timeout: ['2s'] } }],
    [['--node', 'a', '--node=b'], { values: { node: ['a', 'b'] } }],
    [['--timeout='], { values: { timeout: [''] } }],
    [['--timeout', '-1'], { values: { timeout: ['-1'] } }],
    [['-'], { words: ['-'] }],
    [['-5', '-.5'], { words: ['-5', '-.5'] }],
    [['--', '--json', '-h', '--'], { words: ['--json', '-h', '--'] }],
    [[''], { words: [''] }],
    [['a', '-h'], { words: ['a'], switches: ['help'], help: true }],
    [['--help'], { switches: ['help'], help: true }],
  ])('%p', (args: string[], expected: object) => {
    expect(parsed(...args)).toEqual({ ...NOTHING, ...expected });
  });

  test.each([
    [['--jsn'], '--jsn is not an option; did you mean --json?'],
    [['--hepl'], '--hepl is not an option; did you mean --help?'],
    [['--xyzzy=1'], '--xyzzy is not an option; a word that begins with a dash goes behind --'],
    [['-x'], '-x is not an option; a word that begins with a dash goes behind --'],
    [['--toString'], '--toString is not an option; a word that begins with a dash goes behind --'],
    [['--timeout'], '--timeout needs a value'],
    [['--timeout', '--json'], '--timeout needs a value'],
    [['--json=yes'], '--json takes no value'],
  ])('%p is refused', (args, message) => {
    expect(() => parseArguments(args, OPTIONS)).toThrow(new ShoalError('InvalidOption', message));
  });

  test('the value that counts is the last one', () => {
    const given = parseArguments(['--node', 'a', '--node', 'b'], OPTIONS);
    expect(valueOf(given, 'node')).toBe('b');
    expect(valueOf(given, 'timeout')).toBeUndefined();
  });
});

describe('words', () => {
  const limits = { min: 2, max: 2 };
  test('as many as there must be', () => {
    expect(() => checkWords(['a', ''], ['KEY', 'VALUE'], limits)).not.toThrow();
  });

  test.each([
    [[], 'KEY is missing'],
    [['a'], 'VALUE is missing'],
    [
      ['a', 'b', 'c'],
      '"c" is one word too many: this command takes KEY and VALUE only; put a text with spaces in quotes',
    ],
  ])('%p is refused', (words, message) => {
    expect(() => checkWords(words, ['KEY', 'VALUE'], limits)).toThrow(new ShoalError('InvalidOption', message));
  });
});
