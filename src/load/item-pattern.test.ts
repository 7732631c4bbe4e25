import { describe, expect, test } from 'bun:test';
import { ValueCheck, valuePattern, writeNumber, writeValueHead } from './item-pattern.ts';

const PATTERN = valuePattern(100);

function valueOf(key: number, length: number): Buffer {
  const value = Buffer.from(PATTERN.subarray(0, length));
  writeValueHead(value, 0, length, key);
  return value;
}

/** Checks `value`, handed over in parts that are `step` long. */
function check(value: Buffer, key: number, whole = true, step = value.length): boolean {
  const valueCheck = new ValueCheck(PATTERN);
  valueCheck.begin(key, whole);
  for (let at = 0; at < value.length; at += step) {
    valueCheck.take(value, at, Math.min(value.length, at + step), at);
  }
  return valueCheck.finish(value.length);
}

test('a number is padded with zeros, or loses its first digits', () => {
  const target = Buffer.alloc(8, '-');
  writeNumber(target, 1, 6, 1234);
  expect(target.toString()).toBe('-001234-');
  writeNumber(target, 1, 3, 1234);
  expect(target.toString()).toBe('-234234-');
});

test('a value begins with the number of its key and its length', () => {
  expect(valueOf(42, 30).toString()).toMatch(/^00000000004200000030[a-z]{10}$/);
  expect(valueOf(42, 15).toString()).toMatch(/^000000000042[a-z]{3}$/);
  expect(valueOf(42, 1).toString()).toBe('2');
});

describe.each([1, 2, 11, 12, 13, 19, 20, 21, 50, 100])('a value of %d bytes', (length) => {
  test('is good for its key, in parts of any length', () => {
    const value = valueOf(123_456_789_012, length);
    for (let step = 1; step <= length; step += 1) expect(check(value, 123_456_789_012, true, step)).toBeTrue();
  });

  test('is not good for another', () => {
    expect(check(valueOf(123, length), 124)).toBeFalse();
  });
});

test.each([20, 21, 50, 100])('any changed byte of a value of %d bytes is found where all is checked', (length) => {
  for (let at = 0; at < length; at += 1) {
    const value = valueOf(7, length);
    value[at]! ^= 0x10;
    expect(check(value, 7)).toBeFalse();
  }
});

test('a value that was cut, or is longer than it says, is found without a look at its rest', () => {
  expect(check(valueOf(7, 60).subarray(0, 59), 7, false)).toBeFalse();
  expect(check(Buffer.concat([valueOf(7, 60), Buffer.from('x')]), 7, false)).toBeFalse();
  expect(check(valueOf(7, 60), 7, false)).toBeTrue();
  expect(check(Buffer.alloc(0), 7)).toBeFalse();
});
