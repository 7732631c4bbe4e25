import { expect, test } from 'bun:test';
import { addFloats, FLOAT_BYTES_MAX, FloatFault } from './long-double.ts';

function sum(left: string, right: string): string | FloatFault {
  const leftBytes = Buffer.from(` ${left} `, 'latin1');
  const rightBytes = Buffer.from(` ${right} `, 'latin1');
  return addFloats(leftBytes, 1, left.length, rightBytes, 1, right.length);
}

test('decimal fractions add up as people expect', () => {
  expect(sum('10.5', '0.1')).toBe('10.6');
  expect(sum('3', '1.1')).toBe('4.1');
  expect(sum('3.0', '1.1')).toBe('4.1');
  expect(sum('0.1', '0.2')).toBe('0.3');
  expect(sum('5.0e3', '2.0e2')).toBe('5200');
  expect(sum('1', '-1.1')).toBe('-0.1');
  expect(sum('1.23', '-1.23')).toBe('0');
});

test('integers stay integers', () => {
  expect(sum('1', '1')).toBe('2');
  expect(sum('-5', '3')).toBe('-2');
  expect(sum('9007199254740991', '1')).toBe('9007199254740992');
  expect(sum('9223372036854775806', '1')).toBe('9223372036854775807');
});

test('a significand has 64 bits, rounded to nearest and ties to even', () => {
  expect(sum('18446744073709551615', '0')).toBe('18446744073709551615');
  expect(sum('18446744073709551616', '1')).toBe('18446744073709551616');
  expect(sum('18446744073709551616', '3')).toBe('18446744073709551620');
  expect(sum('0x1p64', '1')).toBe('18446744073709551616');
});

test('17 decimals are printed, without trailing zeros and without minus zero', () => {
  expect(sum('0', '0.00000000000000001')).toBe('0.00000000000000001');
  expect(sum('0', '-0.000000000000000001')).toBe('0');
  expect(sum('-0.0', '-0.0')).toBe('0');
  expect(sum('1e-400', '1.50')).toBe('1.5');
});

test('what is no number, and what has no sum', () => {
  for (const text of [
    '',
    ' 1',
    '1 ',
    'abc',
    '1.2.3',
    '.',
    '1e',
    'nan',
    '0x',
    '1\0',
    '1e5000',
    '1e-5000',
    '9'.repeat(FLOAT_BYTES_MAX + 1),
  ]) {
    expect([text, sum(text, '1')]).toEqual([text, FloatFault.notFloat]);
    expect([text, sum('inf', text)]).toEqual([text, FloatFault.notFloat]);
  }
  expect(sum('inf', '1')).toBe(FloatFault.notFinite);
  expect(sum('1', '-Infinity')).toBe(FloatFault.notFinite);
  expect(sum('inf', '-inf')).toBe(FloatFault.notFinite);
  expect(sum('1.18e4932', '1.18e4932')).toBe(FloatFault.notFinite);
});
