/**
 * The compressors and decompressors that the runtime has. Deflate is in all of them; zstd in Bun and in Node from 22.15 on.
 */
import * as zlib from 'node:zlib';

type Callback = (error: Error | null, result: Buffer) => void;

interface ZstdOptions {
  readonly params?: Readonly<Record<number, number>>;
  readonly chunkSize?: number;
  readonly maxOutputLength?: number;
  readonly info?: boolean;
}

/** What `info` makes of a result; the types of the runtimes have it as the buffer alone. */
interface WithInfo {
  readonly buffer: Buffer;
  /** How much of the input was read. */
  readonly engine: { readonly bytesWritten: number };
}

/** What newer runtimes add to `node:zlib`. */
interface ZstdPart {
  zstdCompressSync(bytes: Uint8Array, options: ZstdOptions): Buffer;
  zstdCompress(bytes: Uint8Array, options: ZstdOptions, callback: Callback): void;
  zstdDecompressSync(bytes: Uint8Array, options: ZstdOptions): Buffer;
}

const zstd: ZstdPart | null = hasZstd(zlib) ? zlib : null;

export const HAS_ZSTD: boolean = zstd !== null;

export function deflateSync(bytes: Uint8Array): Buffer {
  return zlib.deflateRawSync(bytes, { level: DEFLATE_LEVEL });
}

export function deflate(bytes: Uint8Array): Promise<Buffer> {
  const options = { level: DEFLATE_LEVEL, chunkSize: LARGE_CHUNK_BYTES };
  return settled((callback) => zlib.deflateRaw(bytes, options, callback));
}

/** Throws where there is no zstd. */
export function zstdSync(bytes: Uint8Array): Buffer {
  return present().zstdCompressSync(bytes, { params: ZSTD_PARAMS });
}

/** Rejects where there is no zstd. */
export async function zstdAside(bytes: Uint8Array): Promise<Buffer> {
  const options = { params: ZSTD_PARAMS, chunkSize: LARGE_CHUNK_BYTES };
  return settled((callback) => present().zstdCompress(bytes, options, callback));
}

/** Throws where `bytes` are anything but one deflate stream of at most `length` bytes. */
export function inflateSync(bytes: Uint8Array, length: number): Buffer {
  return wholeOf(zlib.inflateRawSync(bytes, decompressOptions(bytes, length)), bytes);
}

/** Throws where `bytes` are anything but one zstd frame of at most `length` bytes, or where there is no zstd. */
export function unzstdSync(bytes: Uint8Array, length: number): Buffer {
  return wholeOf(present().zstdDecompressSync(bytes, decompressOptions(bytes, length)), bytes);
}

function decompressOptions(
  bytes: Uint8Array,
  length: number,
): { maxOutputLength: number; chunkSize: number; info: true } {
  return { maxOutputLength: length, chunkSize: chunkBytes(bytes.length, length), info: true };
}

function wholeOf(result: unknown, bytes: Uint8Array): Buffer {
  const { buffer, engine } = result as WithInfo;
  const rest = bytes.length - engine.bytesWritten;
  if (rest > 0) throw new Error(`${rest} bytes follow the end`);
  return buffer;
}

/** The whole result in one piece where what came makes it plausible, and a byte more, so that the end is seen without another piece. */
function chunkBytes(compressedLength: number, length: number): number {
  return Math.min(length + 1, Math.max(CHUNK_BYTES_MIN, compressedLength * PLAUSIBLE_RATIO));
}

function settled(start: (callback: Callback) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

function present(): ZstdPart {
  if (zstd === null) throw new Error('this runtime has no zstd');
  return zstd;
}

function hasZstd(module: object): module is ZstdPart {
  return 'zstdCompressSync' in module && 'zstdCompress' in module && 'zstdDecompressSync' in module;
}

/** Of the levels, those from which on a better ratio costs more than twice the time (docs/adr/0009-value-envelope.md). */
const DEFLATE_LEVEL = 3;
const ZSTD_LEVEL = 1;
/** ZSTD_c_compressionLevel of zstd.h; its name is not among the constants of every runtime. */
const ZSTD_PARAMS = { 100: ZSTD_LEVEL } as const;
const CHUNK_BYTES_MIN = 64 * 1024;
const LARGE_CHUNK_BYTES = 256 * 1024;
const PLAUSIBLE_RATIO = 16;
