/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78): the checksum of what is kept or sent as a whole. It finds every error of up to
 * 32 bits that lie together; it is no protection against who means harm.
 */

/** The CRC32C of `length` bytes from `start`, 0 to 2^32 - 1; of the bytes behind those that gave `before`, where it is given. */
export function crc32c(bytes: Uint8Array, start: number, length: number, before = 0): number {
  const end = start + length;
  let crc = ~before;
  for (let at = start; at < end; at += 1) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

const POLYNOMIAL = 0x82f63b78;

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
  return crc;
});
