/**
 * The names of a data set's files, and the header that each log and snapshot begins with, little-endian:
 *
 *      0  "SHOALLOG" or "SHOALSNP"
 *      8  format             u32
 *     12  0                  u32
 *     16  id of the data set 16 bytes
 *     32  number of the file u32, as in its name
 *     36  crc32 of the bytes before, u32
 *
 * These 40 bytes stay where they are in later formats, so a damaged file and one of a newer version are told apart. The checksum stands for data set,
 * kind and number at once, and each block's checksum begins with it: no block is taken for one of another file.
 */
import { crc32 } from '../base/crc32.ts';

export const MANIFEST_NAME = 'MANIFEST';
/** Of a file that is being written: it is removed at the next start. */
export const ASIDE_ENDING = '.next';
/** What this version writes, and the newest that it reads. */
export const FORMAT = 1;
export const FILE_HEADER_BYTES = 40;
export const DATA_SET_ID_BYTES = 16;
/** The highest number of a file: ten digits. */
export const FILE_NUMBER_MAX: number = 2 ** 32 - 1;

export type FileKind = 'log' | 'snapshot';

export interface FileIdentity {
  readonly kind: FileKind;
  /** DATA_SET_ID_BYTES bytes. */
  readonly dataSetId: Uint8Array;
  /** 1 to FILE_NUMBER_MAX. */
  readonly number: number;
}

const MAGICS: Readonly<Record<FileKind, Uint8Array>> = {
  log: Buffer.from('SHOALLOG'),
  snapshot: Buffer.from('SHOALSNP'),
};
const FORMAT_OFFSET = 8;
const ID_OFFSET = 16;
const NUMBER_OFFSET = ID_OFFSET + DATA_SET_ID_BYTES;
const CRC_OFFSET = NUMBER_OFFSET + 4;
const NUMBER_DIGITS = 10;
const NAME = /^(log|snapshot)-(\d{10})\.shoal$/;

/** `log-0000000007.shoal`. */
export function fileName(kind: FileKind, number: number): string {
  return `${kind}-${String(number).padStart(NUMBER_DIGITS, '0')}.shoal`;
}

/** What a name of a log or snapshot says; null for any other name. */
export function parseFileName(name: string): { readonly kind: FileKind; readonly number: number } | null {
  const match = NAME.exec(name);
  if (match === null) return null;
  const number = Number(match[2]);
  return number === 0 || number > FILE_NUMBER_MAX ? null : { kind: match[1] as FileKind, number };
}

/** Whether the name is one that only an unfinished file has. */
export function isAsideName(name: string): boolean {
  if (!name.endsWith(ASIDE_ENDING)) return false;
  const finished = name.slice(0, -ASIDE_ENDING.length);
  return finished === MANIFEST_NAME || parseFileName(finished) !== null;
}

export function encodeFileHeader({ kind, dataSetId, number }: FileIdentity): Buffer {
  const bytes = Buffer.alloc(FILE_HEADER_BYTES);
  bytes.set(MAGICS[kind]);
  bytes.writeUInt32LE(FORMAT, FORMAT_OFFSET);
  bytes.set(dataSetId, ID_OFFSET);
  bytes.writeUInt32LE(number, NUMBER_OFFSET);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_OFFSET)), CRC_OFFSET);
  return bytes;
}

/** What the checksums of the file's blocks begin with. */
export function fileSeed(identity: FileIdentity): number {
  return encodeFileHeader(identity).readUInt32LE(CRC_OFFSET);
}

/** Which data set a file belongs to, by its header; null where that is damaged. */
export function headerDataSetId(bytes: Uint8Array): Uint8Array | null {
  if (bytes.length < FILE_HEADER_BYTES) return null;
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, FILE_HEADER_BYTES);
  if (found.readUInt32LE(CRC_OFFSET) !== crc32(found.subarray(0, CRC_OFFSET))) return null;
  return Uint8Array.from(found.subarray(ID_OFFSET, NUMBER_OFFSET));
}

/** What is wrong with the beginning of a file that should be `expected`, as the end of a sentence that begins with its name; null: nothing. */
export function fileHeaderProblem(bytes: Uint8Array, expected: FileIdentity): string | null {
  if (bytes.length < FILE_HEADER_BYTES) return `ends after ${bytes.length} bytes, in its header`;
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, FILE_HEADER_BYTES);
  if (!found.subarray(0, FORMAT_OFFSET).equals(MAGICS[expected.kind])) return `is no ${expected.kind} of Shoal`;
  if (found.readUInt32LE(CRC_OFFSET) !== crc32(found.subarray(0, CRC_OFFSET)))
    return 'is damaged: the checksum of its header is wrong';
  const format = found.readUInt32LE(FORMAT_OFFSET);
  if (format > FORMAT)
    return `was written by a newer version of Shoal (format ${format}; this version knows ${FORMAT}): update this node`;
  if (found.equals(encodeFileHeader(expected))) return null;
  if (!found.subarray(ID_OFFSET, NUMBER_OFFSET).equals(expected.dataSetId)) return 'belongs to another data set';
  const number = found.readUInt32LE(NUMBER_OFFSET);
  return number === expected.number ? `is damaged: it has format ${format}` : `is number ${number} under another name`;
}
