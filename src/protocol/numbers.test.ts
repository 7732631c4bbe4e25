import { expect, test } from 'bun:test';
import {
  BEYOND_SAFE,
  integerLength,
  isNotInteger,
  NOT_INTEGER,
  parseBigInteger,
  parseInteger,
  writeInteger,
} from './numbers.ts';

const INTEGERS: readonly (readonly [text: string, value: number])[] = [
  ['0', 0],
  ['7', 7],
  ['10', 10],
  ['-1', -1],
  ['999999999999999', 999_999_999_999_999],
  ['1000000000000000', 1_000_000_000_000_000],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ['-9007199254740991', Number.MIN_SAFE_INTEGER],
  ['9007199254740992', BEYOND_SAFE],
  ['-9007199254740992', BEYOND_SAFE],
  ['9007199254740993', BEYOND_SAFE],
  ['123456789012345678', BEYOND_SAFE],
  ['9223372036854775807', BEYOND_SAFE],
  ['-9223372036854775808', BEYOND_SAFE],
  ['9223372036854775808', NOT_INTEGER],
  ['-9223372036854775809', NOT_INTEGER],
  ['9999999999999999999', NOT_INTEGER],
  ['12345678901234567890', NOT_INTEGER],
  ['-12345678901234567890', NOT_INTEGER],
  ['100000000000000000000', NOT_INTEGER],
  ['', NOT_INTEGER],
  ['-', NOT_INTEGER],
  ['+1', NOT_INTEGER],
  ['-0', NOT_INTEGER],
  ['00', NOT_INTEGER],
  ['01', NOT_INTEGER],
  ['-01', NOT_INTEGER],
  [' 1', NOT_INTEGER],
  ['1 ', NOT_INTEGER],
  ['1\r', NOT_INTEGER],
  ['1.0', NOT_INTEGER],
  ['1e3', NOT_INTEGER],
  ['0x10', NOT_INTEGER],
  ['--1', NOT_INTEGER],
  ['1-', NOT_INTEGER],
  ['123456789012345a', NOT_INTEGER],
  ['123456789012345678a', NOT_INTEGER],
  ['/', NOT_INTEGER],
  [':', NOT_INTEGER],
];

test('integers are read as Redis reads them, wherever they stand', () => {
  for (const [text, value] of INTEGERS) {
    const bytes = Buffer.from(`9${text}9`);
    expect([text, parseInteger(bytes, 1, text.length)]).toEqual([text, value]);
  }
});

test('the same texts as bigints', () => {
  for (const [text, value] of INTEGERS) {
    const big = parseBigInteger(Buffer.from(`9${text}9`), 1, text.length);
    expect([text, big]).toEqual([text, isNotInteger(value) ? null : BigInt(text)]);
  }
});

test('integers are written as their decimal text', () => {
  const values = [
    0,
    1,
    9,
    10,
    42,
    99,
    100,
    12_345,
    2 ** 31 - 1,
    2 ** 31,
    4_294_967_296,
    1_000_000_000,
    999_999_999,
    1_000_000_001,
    5_000_000_000,
    Number.MAX_SAFE_INTEGER,
  ];
  for (let power = 1; power < Number.MAX_SAFE_INTEGER; power *= 10)
    values.push(power - 1, power, power + 1, 7 * power + 3);
  const bytes = Buffer.alloc(32);
  for (const magnitude of values.filter(Number.isSafeInteger)) {
    for (const value of [magnitude, -magnitude]) {
      const text = String(value);
      const end = writeInteger(bytes, 3, value);
      expect(bytes.toString('latin1', 3, end)).toBe(text);
      expect([value, integerLength(value)]).toEqual([value, text.length]);
    }
  }
});

test('what is written is read back', () => {
  const bytes = Buffer.alloc(32);
  let value = 1;
  for (let step = 0; step < 20_000; step += 1) {
    value = (value * 48_271) % 2_147_483_647;
    const integer = (step % 2 === 0 ? 1 : -1) * value * (step % 5 === 0 ? 4_000_000 : 1);
    expect(parseInteger(bytes, 0, writeInteger(bytes, 0, integer))).toBe(integer);
  }
});
