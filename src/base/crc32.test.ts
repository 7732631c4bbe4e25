import { expect, test } from 'bun:test';
import { crc32, crc32ByTable } from './crc32.ts';
import { seededRandom } from './random.ts';

test('gives the check value of the standard', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0))).toBe(0);
});

test('the table gives what the runtime gives, from any beginning', () => {
  const random = seededRandom(1);
  for (let length = 0; length < 300; length += 1) {
    const bytes = Uint8Array.from({ length }, () => random() * 256);
    const value = Math.floor(random() * 2 ** 32);
    expect(crc32ByTable(bytes)).toBe(crc32(bytes));
    expect(crc32ByTable(bytes, value)).toBe(crc32(bytes, value));
  }
});

test('goes on where it ended', () => {
  const bytes = Buffer.from('some bytes in two parts');
  expect(crc32(bytes.subarray(7), crc32(bytes.subarray(0, 7)))).toBe(crc32(bytes));
});
