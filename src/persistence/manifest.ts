/**
 * The file MANIFEST says which files a data set consists of, so that one that is missing is an error and not an empty start; little-endian:
 *
 *      0  "SHOALSET"
 *      8  format               u32
 *     12  crc32 of all others  u32
 *     16  id of the data set   16 bytes
 *     32  key of item versions 2 × i32 (docs/adr/0007-item-versions.md)
 *     40  snapshot             u32, its number; 0: none
 *     44  first log            u32, its number; 0: there are no logs
 *     48  last log             u32
 *
 * The state is that of the snapshot, or nothing, and then of the logs from the first to the last. Files of other numbers are left over.
 * The first 16 bytes stay where they are in later formats.
 */
import { crc32 } from '../base/crc32.ts';
import { DATA_SET_ID_BYTES, FORMAT } from './file-names.ts';

export const MANIFEST_BYTES = 52;
/** No data set has so many logs: each that is begun is followed by a snapshot, which stands for all before. */
export const LOG_COUNT_MAX = 1_000_000;
/** No manifest of any version is longer. */
export const MANIFEST_BYTES_MAX = 65_536;

export interface Manifest {
  readonly dataSetId: Uint8Array;
  readonly itemVersionSeed: readonly [number, number];
  /** 0: none. */
  readonly snapshot: number;
  /** 0, as `lastLog`: none. */
  readonly firstLog: number;
  readonly lastLog: number;
}

const MAGIC = Buffer.from('SHOALSET');
const FORMAT_OFFSET = 8;
const CRC_OFFSET = 12;
const ID_OFFSET = 16;
const SEED_OFFSET = ID_OFFSET + DATA_SET_ID_BYTES;
const SNAPSHOT_OFFSET = SEED_OFFSET + 8;
const FIRST_LOG_OFFSET = SNAPSHOT_OFFSET + 4;
const LAST_LOG_OFFSET = FIRST_LOG_OFFSET + 4;

export function encodeManifest({ dataSetId, itemVersionSeed, snapshot, firstLog, lastLog }: Manifest): Buffer {
  const bytes = Buffer.alloc(MANIFEST_BYTES);
  bytes.set(MAGIC);
  bytes.writeUInt32LE(FORMAT, FORMAT_OFFSET);
  bytes.set(dataSetId, ID_OFFSET);
  bytes.writeInt32LE(itemVersionSeed[0], SEED_OFFSET);
  bytes.writeInt32LE(itemVersionSeed[1], SEED_OFFSET + 4);
  bytes.writeUInt32LE(snapshot, SNAPSHOT_OFFSET);
  bytes.writeUInt32LE(firstLog, FIRST_LOG_OFFSET);
  bytes.writeUInt32LE(lastLog, LAST_LOG_OFFSET);
  bytes.writeUInt32LE(checksumOf(bytes), CRC_OFFSET);
  return bytes;
}

/** The manifest, or what is wrong with the file, as the end of a sentence that begins with its name. */
export function decodeManifest(from: Uint8Array): Manifest | string {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.length);
  if (bytes.length < ID_OFFSET) return `ends after ${bytes.length} bytes`;
  if (!bytes.subarray(0, FORMAT_OFFSET).equals(MAGIC)) return 'is no manifest of a data set of Shoal';
  if (bytes.readUInt32LE(CRC_OFFSET) !== checksumOf(bytes)) return 'is damaged: its checksum is wrong';
  const format = bytes.readUInt32LE(FORMAT_OFFSET);
  if (format > FORMAT)
    return `was written by a newer version of Shoal (format ${format}; this version knows ${FORMAT}): update this node`;
  if (format !== FORMAT || bytes.length !== MANIFEST_BYTES) return `is damaged: it has format ${format}`;
  const snapshot = bytes.readUInt32LE(SNAPSHOT_OFFSET);
  const firstLog = bytes.readUInt32LE(FIRST_LOG_OFFSET);
  const lastLog = bytes.readUInt32LE(LAST_LOG_OFFSET);
  if (lastLog < firstLog || (firstLog === 0 && lastLog !== 0) || lastLog - firstLog >= LOG_COUNT_MAX)
    return `is damaged: it names the logs ${firstLog} to ${lastLog}`;
  return {
    dataSetId: Uint8Array.from(bytes.subarray(ID_OFFSET, SEED_OFFSET)),
    itemVersionSeed: [bytes.readInt32LE(SEED_OFFSET), bytes.readInt32LE(SEED_OFFSET + 4)],
    snapshot,
    firstLog,
    lastLog,
  };
}

function checksumOf(bytes: Buffer): number {
  return crc32(bytes.subarray(ID_OFFSET), crc32(bytes.subarray(0, CRC_OFFSET)));
}
