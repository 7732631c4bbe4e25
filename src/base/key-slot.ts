/**
 * Keys to slots, as in Redis Cluster, so that its clients route for us: CRC16 of the key's hash tag, or of the key where it has none, modulo 16384. The CRC
 * is the one called XMODEM: polynomial 0x1021, initial value 0, no bit reversed, nothing added at the end. It stands here because the store
 * counts and moves keys by slot.
 *
 * A byte's effect on the result does not depend on the other bytes, so four bytes are looked up at once, each in the table for how many bytes
 * follow it, and the loads do not wait for each other.
 */
import { NO_TAG, tagLength, tagStart } from './key-tag.ts';

export const KEY_SLOT_COUNT = 16_384;

/** The slot of the key of `length` bytes from `start`, 0 to KEY_SLOT_COUNT - 1. Allocates nothing. */
export function keySlot(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  let crc = 0;
  let at = start;
  // As `crc16`, and the look-out for a tag is on the same bytes: most keys have none.
  for (; at + 3 < end; at += 4) {
    const first = bytes[at]!;
    const second = bytes[at + 1]!;
    const third = bytes[at + 2]!;
    const fourth = bytes[at + 3]!;
    if (first === OPEN || second === OPEN || third === OPEN || fourth === OPEN) return tagSlot(bytes, start, length);
    crc =
      TABLES[LAST_TABLE | (first ^ (crc >>> 8))]! ^
      TABLES[512 | (second ^ (crc & 0xff))]! ^
      TABLES[256 | third]! ^
      TABLES[fourth]!;
  }
  for (; at < end; at += 1) {
    if (bytes[at] === OPEN) return tagSlot(bytes, start, length);
    crc = ((crc << 8) & 0xffff) ^ TABLES[bytes[at]! ^ (crc >>> 8)]!;
  }
  return crc & (KEY_SLOT_COUNT - 1);
}

/** The slot of a key that may have a tag. */
function tagSlot(bytes: Uint8Array, start: number, length: number): number {
  const tag = tagStart(bytes, start, length);
  const crc = tag === NO_TAG ? crc16(bytes, start, length) : crc16(bytes, tag, tagLength(bytes, tag, start + length));
  return crc & (KEY_SLOT_COUNT - 1);
}

/** The CRC16 of `length` bytes from `start`. */
function crc16(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  let crc = 0;
  let at = start;
  for (; at + 3 < end; at += 4) {
    crc =
      TABLES[LAST_TABLE | (bytes[at]! ^ (crc >>> 8))]! ^
      TABLES[512 | (bytes[at + 1]! ^ (crc & 0xff))]! ^
      TABLES[256 | bytes[at + 2]!]! ^
      TABLES[bytes[at + 3]!]!;
  }
  for (; at < end; at += 1) crc = ((crc << 8) & 0xffff) ^ TABLES[bytes[at]! ^ (crc >>> 8)]!;
  return crc;
}

/** Table n, from entry n * 256: the CRC of a byte that n zeros follow. */
function makeTables(): Uint16Array {
  const tables = new Uint16Array(LAST_TABLE + 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte << 8;
    for (let table = 0; table <= LAST_TABLE; table += 256) {
      for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL;
      crc &= 0xffff;
      tables[table | byte] = crc;
    }
  }
  return tables;
}

const OPEN = 0x7b;
const POLYNOMIAL = 0x1021;
const LAST_TABLE = 768;
const TABLES: Uint16Array = makeTables();
