import { expect, test } from 'bun:test';
import { Command } from '../../protocol/command.ts';
import {
  BAD_OPTIONS,
  expiryPosition,
  hasOption,
  INVALID_TIME,
  parseStringOptions,
  StringOption,
  timeArgument,
} from './strings-options.ts';

function commandOf(words: readonly string[]): Command {
  const command = new Command();
  command.reset(Buffer.from(words.join('')));
  let start = 0;
  for (const word of words) {
    command.push(start, word.length);
    start += word.length;
  }
  return command;
}

test('words and the position of the time travel in one number', () => {
  const options = parseStringOptions(commandOf(['set', 'k', 'v', 'nx', 'GET', 'Ex', '10']), 3, 'set');
  expect(hasOption(options, StringOption.ifAbsent)).toBe(true);
  expect(hasOption(options, StringOption.get)).toBe(true);
  expect(hasOption(options, StringOption.seconds)).toBe(true);
  expect(hasOption(options, StringOption.milliseconds)).toBe(false);
  expect(expiryPosition(options)).toBe(6);
});

test('a position far behind is kept', () => {
  const words = ['set', 'k', 'v', ...Array.from({ length: 1_000_000 }, () => 'GET'), 'PXAT', '1'];
  const options = parseStringOptions(commandOf(words), 3, 'set');
  expect(expiryPosition(options)).toBe(1_000_004);
  expect(hasOption(options, StringOption.atMilliseconds)).toBe(true);
});

test.each(['NX', 'XX', 'GET', 'KEEPTTL'])('%s is not a word of GETEX', (word) => {
  expect(parseStringOptions(commandOf(['getex', 'k', word]), 2, 'getex')).toBe(BAD_OPTIONS);
});

const NOW_MS = 1_700_000_000_000;

test.each([
  ['10', 1000, NOW_MS, NOW_MS + 10_000],
  ['-10', 1000, NOW_MS, NOW_MS - 10_000],
  ['0', 1, 0, 0],
  ['4503599627370496', 1, NOW_MS, 4_503_599_627_370_496 + NOW_MS],
  ['9007199254740991', 1, NOW_MS, Number.MAX_SAFE_INTEGER],
  ['9223372036854775807', 1, 0, Number.MAX_SAFE_INTEGER],
  ['9223372036854775807', 1, NOW_MS, INVALID_TIME],
  ['9223370336854775807', 1, NOW_MS, Number.MAX_SAFE_INTEGER],
  ['9223370336854775808', 1, NOW_MS, INVALID_TIME],
  ['-9223372036854775808', 1, 0, -Number.MAX_SAFE_INTEGER],
  ['9223372036854775', 1000, 0, Number.MAX_SAFE_INTEGER],
  ['9223372036854776', 1000, 0, INVALID_TIME],
  ['-9223372036854775', 1000, 0, -Number.MAX_SAFE_INTEGER],
  ['-9223372036854776', 1000, 0, INVALID_TIME],
] as const)('%s × %i ms after %i', (text, unitMs, baseMs, expected) => {
  expect(timeArgument(commandOf([text]), 0, unitMs, baseMs)).toBe(expected);
});

test.each(['', 'x', '1.5', ' 1', '9223372036854775808'])('%j is no time', (text) => {
  expect(timeArgument(commandOf([text]), 0, 1, 0)).toBeNaN();
});
