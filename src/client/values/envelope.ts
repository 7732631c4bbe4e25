/**
 * The envelope: what stands in front of a stored value that is not plain. docs/adr/0009-value-envelope.md is normative.
 *
 *     byte  0     1     2     3      4                        8
 *           0xF5  'S'   'h'   tag    payload                          not compressed
 *           0xF5  'S'   'h'   tag    length of payload, u32   payload, compressed
 *
 *     tag   high nibble: compression, low nibble: type of the payload
 *
 * 0xF5 is in no UTF-8 text, so text needs no envelope and never looks like one. Bytes that are stored as they are and happen to begin with
 * the three get an envelope of type `plain`, which says nothing but that they are what follows. Integers are little-endian. A number once used
 * is never used for something else.
 */

/** What a payload is. */
export const PayloadType = {
  /** As without an envelope: the codec's own. */
  plain: 0,
  /** JSON text in UTF-8. */
  json: 2,
  /** Bytes that are bytes to every codec. */
  bytes: 3,
} as const;
export type PayloadType = (typeof PayloadType)[keyof typeof PayloadType];

export const Compression = {
  none: 0,
  /** RFC 1951, without header or checksum. */
  deflate: 1,
  /** RFC 8878, one frame, no dictionary. */
  zstd: 2,
} as const;
export type Compression = (typeof Compression)[keyof typeof Compression];

export const ENVELOPE_BYTES = 4;
/** With the length that a compressed payload has before it. */
export const COMPRESSED_ENVELOPE_BYTES = 8;

const MAGIC_0 = 0xf5;
const MAGIC_1 = 0x53;
const MAGIC_2 = 0x68;
const AT_TAG = 3;
const AT_LENGTH = 4;
const TYPE_MASK = 0x0f;
const COMPRESSION_SHIFT = 4;

/** Whether an envelope begins at `start`. One that is cut off inside is none: these bytes were never written by a client. */
export function hasEnvelope(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    bytes[start] === MAGIC_0 &&
    end - start >= ENVELOPE_BYTES &&
    bytes[start + 1] === MAGIC_1 &&
    bytes[start + 2] === MAGIC_2
  );
}

/** Whether `bytes`, stored as they are, would be taken for an envelope, whole or cut off. */
export function looksLikeEnvelope(bytes: Uint8Array): boolean {
  return bytes[0] === MAGIC_0 && bytes[1] === MAGIC_1 && bytes[2] === MAGIC_2;
}

/** The tag of the envelope at `start`. */
export function tagAt(bytes: Uint8Array, start: number): number {
  return bytes[start + AT_TAG]!;
}

/** The type that a tag says, or null where it is none that is known. */
export function typeOfTag(tag: number): PayloadType | null {
  const type = tag & TYPE_MASK;
  return type === PayloadType.plain || type === PayloadType.json || type === PayloadType.bytes ? type : null;
}

/** The compression that a tag says, or null where it is none that is known. */
export function compressionOfTag(tag: number): Compression | null {
  const compression = tag >> COMPRESSION_SHIFT;
  return compression === Compression.none || compression === Compression.deflate || compression === Compression.zstd
    ? compression
    : null;
}

/** The length that the payload of a compressed envelope at `start` is said to have before compression. */
export function lengthAt(bytes: Uint8Array, start: number): number {
  const at = start + AT_LENGTH;
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** The envelopes of payloads that are not compressed, by type: made once and shared by all requests. */
export const PREFIXES: Readonly<Record<PayloadType, Uint8Array>> = {
  [PayloadType.plain]: prefixOf(PayloadType.plain),
  [PayloadType.json]: prefixOf(PayloadType.json),
  [PayloadType.bytes]: prefixOf(PayloadType.bytes),
};

/** The envelope of a compressed payload that had `length` bytes before. */
export function compressedPrefix(type: PayloadType, compression: Compression, length: number): Uint8Array {
  const prefix = new Uint8Array(COMPRESSED_ENVELOPE_BYTES);
  prefix.set([
    MAGIC_0,
    MAGIC_1,
    MAGIC_2,
    (compression << COMPRESSION_SHIFT) | type,
    length,
    length >>> 8,
    length >>> 16,
    length >>> 24,
  ]);
  return prefix;
}

function prefixOf(type: PayloadType): Uint8Array {
  return new Uint8Array([MAGIC_0, MAGIC_1, MAGIC_2, type]);
}
