import { expect, test } from 'bun:test';
import { crc32c } from './crc32c.ts';

/** The first is the usual check value, the others are of RFC 3720, appendix B.4. */
test.each([
  [Buffer.from('123456789'), 0xe3069283],
  [Buffer.alloc(32), 0x8a9136aa],
  [Buffer.alloc(32, 0xff), 0x62a8ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
  [Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c],
  [Buffer.alloc(0), 0],
])('the CRC32C of %p', (bytes, expected) => {
  expect(crc32c(bytes, 0, bytes.length)).toBe(expected);
  for (let split = 0; split <= bytes.length; split += 1) {
    const first = crc32c(bytes, 0, split);
    expect(crc32c(bytes, split, bytes.length - split, first)).toBe(expected);
  }
});
