/** Payloads made shorter, where that pays, and long again. */
import { unreachable } from '../../base/assert.ts';
import { ShoalError } from '../../base/errors.ts';
import { Compression, COMPRESSED_ENVELOPE_BYTES } from './envelope.ts';
import { deflate, deflateSync, HAS_ZSTD, inflateSync, unzstdSync, zstdAside, zstdSync } from './zlib-runtime.ts';
import { decodeZstd } from './zstd-decoder.ts';

/** Longer ones are compressed by another thread: in this one they would hold up everything else for more than a millisecond or two. */
export const SYNC_BYTES_MAX: number = 256 * 1024;

/** `bytes` compressed, or null where that saves too little. */
export function compressSync(compression: Compression, bytes: Uint8Array): Uint8Array | null {
  if (!isPromising(compression, bytes)) return null;
  try {
    return worthwhile(compression === Compression.zstd ? zstdSync(bytes) : deflateSync(bytes), bytes);
  } catch (cause) {
    throw failed('the value cannot be compressed', cause);
  }
}

/** The same, by another thread. `bytes` must not change meanwhile. */
export async function compressAside(compression: Compression, bytes: Uint8Array): Promise<Uint8Array | null> {
  if (!isPromising(compression, bytes)) return null;
  try {
    return worthwhile(await (compression === Compression.zstd ? zstdAside(bytes) : deflate(bytes)), bytes);
  } catch (cause) {
    throw failed('the value cannot be compressed', cause);
  }
}

/** What `bytes` were, which is `length` bytes, in memory of its own. Throws `CodecFailed` where it is anything else. */
export function decompress(compression: Compression, bytes: Uint8Array, length: number): Buffer {
  let payload: Buffer;
  try {
    payload = decompressAtMost(compression, bytes, length);
  } catch (cause) {
    throw failed('what is stored cannot be decompressed', cause);
  }
  if (payload.length === length) return payload;
  throw failed(`what is stored is ${payload.length} bytes once decompressed, and says that it is ${length}`);
}

function decompressAtMost(compression: Compression, bytes: Uint8Array, length: number): Buffer {
  switch (compression) {
    case Compression.deflate:
      return inflateSync(bytes, length);
    case Compression.zstd:
      return HAS_ZSTD ? unzstdSync(bytes, length) : decodeZstd(bytes, length);
    case Compression.none:
      throw new Error('it is not compressed');
    default:
      return unreachable(compression);
  }
}

/**
 * Whether a large value is worth to be tried: deflate takes long to find out that pictures and the like do not get smaller, so it is asked about samples
 * first. Zstd finds out by itself, at once.
 */
function isPromising(compression: Compression, bytes: Uint8Array): boolean {
  if (compression !== Compression.deflate || bytes.length < SAMPLED_BYTES_MIN) return true;
  const sample = new Uint8Array(SAMPLE_COUNT * SAMPLE_BYTES);
  const step = Math.floor((bytes.length - SAMPLE_BYTES) / (SAMPLE_COUNT - 1));
  for (let index = 0; index < SAMPLE_COUNT; index += 1) {
    sample.set(bytes.subarray(index * step, index * step + SAMPLE_BYTES), index * SAMPLE_BYTES);
  }
  return worthwhile(deflateSync(sample), sample) !== null;
}

function worthwhile(compressed: Uint8Array, bytes: Uint8Array): Uint8Array | null {
  return compressed.length + COMPRESSED_ENVELOPE_BYTES <= bytes.length * KEPT_SHARE_MAX ? compressed : null;
}

function failed(message: string, ...causes: readonly unknown[]): ShoalError {
  if (causes.length === 0) return new ShoalError('CodecFailed', message);
  const [cause] = causes;
  return new ShoalError('CodecFailed', `${message}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}

/** It must save a tenth: reading costs time as well. */
const KEPT_SHARE_MAX = 0.9;
const SAMPLED_BYTES_MIN = 64 * 1024;
const SAMPLE_COUNT = 4;
const SAMPLE_BYTES = 4 * 1024;
