import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { keySlot, SLOT_COUNT } from './slots.ts';

function slotOf(key: string): number {
  const bytes = Buffer.from(`<${key}>`, 'utf8');
  return keySlot(bytes, 1, bytes.length - 2);
}

/** CRC16 by its definition, a bit at a time. */
function plainCrc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}

describe('the slot of a key', () => {
  // What CLUSTER KEYSLOT of Redis says.
  test.each([
    ['123456789', 0x31c3],
    ['', 0],
    ['foo', 12_182],
    ['bar', 5061],
    ['hello', 866],
    ['somekey', 11_058],
    ['foo{hash_tag}', 2515],
    ['bar{hash_tag}', 2515],
  ])('%p is in slot %p', (key, slot) => {
    expect(slotOf(key)).toBe(slot % SLOT_COUNT);
  });

  test('is that of its hash tag', () => {
    expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'));
    expect(slotOf('foo{}{bar}')).toBe(plainCrc16(Buffer.from('foo{}{bar}')) % SLOT_COUNT);
    expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
    expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
  });

  test('follows from the bytes of any length, and from nothing around them', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 5000; round += 1) {
      const bytes = Buffer.from(Array.from({ length: 8 + (round % 40) }, () => Math.floor(random() * 256)));
      const start = Math.floor(random() * 8);
      const key = bytes.subarray(start, bytes.length - Math.floor(random() * 8));
      // Tags are tested beside their rule.
      const hasNoTag = key.map((byte) => (byte === 0x7b ? 0x7c : byte));
      bytes.set(hasNoTag, start);
      expect(keySlot(bytes, start, hasNoTag.length)).toBe(plainCrc16(hasNoTag) % SLOT_COUNT);
    }
  });
});
