/**
 * Blocks: what records are written and read in, and what is checked as a whole. After its header a log or snapshot is a row of them, little-endian:
 *
 *      0  "SBLK"
 *      4  crc32 of the bytes 8–31, begun with the file's checksum + offset / 8   u32
 *      8  length of the payload         u32
 *     12  crc32 of the payload          u32
 *     16  records in it                 u32
 *     20  0                             u32
 *     24  synced to                     f64
 *     32  payload: whole records, then zeros up to a multiple of 8
 *
 * The header's checksum makes its length worth believing, and binds the block to its place in its file: no bytes of a value, nor of another file or
 * place, pass for a block. `synced to`: all of the file before this offset was known to survive a loss of power when the block was written; by it a
 * block that was never written whole is told from one that was damaged later (damage.ts). A block without records says only that.
 *
 * A block has up to about BLOCK_PAYLOAD_BYTES, but for one that holds a single longer record.
 */
import { crc32 } from '../base/crc32.ts';
import { RECORD_BYTES_MAX } from './records.ts';

export const BLOCK_HEADER_BYTES = 32;
export const BLOCK_ALIGNMENT = 8;
/** A block is written when its payload holds so much. */
export const BLOCK_PAYLOAD_BYTES: number = 256 * 1024;
/** No payload is longer: a full one that got the longest record on top would have been written first. */
export const BLOCK_PAYLOAD_BYTES_MAX: number = Math.max(RECORD_BYTES_MAX, 2 * BLOCK_PAYLOAD_BYTES);
export const BLOCK_MAGIC: Uint8Array = Buffer.from('SBLK');

const MAGIC_WORD = Buffer.from('SBLK').readUInt32LE(0);
const CRC_OFFSET = 4;
const CHECKED_OFFSET = 8;
const LENGTH_OFFSET = 8;
const PAYLOAD_CRC_OFFSET = 12;
const COUNT_OFFSET = 16;
const ZERO_OFFSET = 20;
const SYNCED_OFFSET = 24;

export interface BlockHeader {
  readonly payloadLength: number;
  readonly payloadCrc: number;
  readonly recordCount: number;
  readonly syncedTo: number;
}

/** Bytes of the file that a block takes. */
export function blockBytes(payloadLength: number): number {
  return BLOCK_HEADER_BYTES + ((payloadLength + BLOCK_ALIGNMENT - 1) & -BLOCK_ALIGNMENT);
}

/** Writes the header of the block whose payload stands in `bytes` from BLOCK_HEADER_BYTES on, and zeros behind it; returns the block's length. */
export function sealBlock(
  bytes: Buffer,
  payloadLength: number,
  block: {
    readonly recordCount: number;
    readonly syncedTo: number;
    readonly fileSeed: number;
    readonly offset: number;
  },
): number {
  const end = BLOCK_HEADER_BYTES + payloadLength;
  const length = blockBytes(payloadLength);
  bytes.fill(0, end, length);
  bytes.writeUInt32LE(MAGIC_WORD, 0);
  bytes.writeUInt32LE(payloadLength, LENGTH_OFFSET);
  bytes.writeUInt32LE(crc32(bytes.subarray(BLOCK_HEADER_BYTES, end)), PAYLOAD_CRC_OFFSET);
  bytes.writeUInt32LE(block.recordCount, COUNT_OFFSET);
  bytes.writeUInt32LE(0, ZERO_OFFSET);
  bytes.writeDoubleLE(block.syncedTo, SYNCED_OFFSET);
  bytes.writeUInt32LE(headerCrc(bytes, 0, block.fileSeed, block.offset), CRC_OFFSET);
  return length;
}

/** The header at `start` of `bytes`, of a block at `offset` of the file; null where there is none. There are BLOCK_HEADER_BYTES bytes. */
export function readBlockHeader(bytes: Buffer, start: number, fileSeed: number, offset: number): BlockHeader | null {
  if (bytes.readUInt32LE(start) !== MAGIC_WORD) return null;
  if (bytes.readUInt32LE(start + CRC_OFFSET) !== headerCrc(bytes, start, fileSeed, offset)) return null;
  const payloadLength = bytes.readUInt32LE(start + LENGTH_OFFSET);
  if (payloadLength > BLOCK_PAYLOAD_BYTES_MAX) return null;
  return {
    payloadLength,
    payloadCrc: bytes.readUInt32LE(start + PAYLOAD_CRC_OFFSET),
    recordCount: bytes.readUInt32LE(start + COUNT_OFFSET),
    syncedTo: bytes.readDoubleLE(start + SYNCED_OFFSET),
  };
}

/** Whether the payload that stands at `start` of `bytes` is the one that the header is of. */
export function isPayloadWhole(bytes: Buffer, start: number, { payloadLength, payloadCrc }: BlockHeader): boolean {
  return crc32(bytes.subarray(start, start + payloadLength)) === payloadCrc;
}

function headerCrc(bytes: Buffer, start: number, fileSeed: number, offset: number): number {
  const begun = (fileSeed + offset / BLOCK_ALIGNMENT) >>> 0;
  return crc32(bytes.subarray(start + CHECKED_OFFSET, start + BLOCK_HEADER_BYTES), begun);
}
