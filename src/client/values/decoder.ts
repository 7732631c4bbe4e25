/**
 * Stored values on their way in: the envelope is taken off, the payload decompressed, and the codec makes the value of it. What is stored
 * may come from anybody, so nothing in it is trusted: a length is checked before any memory is taken for it.
 *
 * Guarded by bench/values.ts.
 */
import { ShoalError } from '../../base/errors.ts';
import type { NamedCodec, ValueCodec } from './codec.ts';
import { copyOf, payloadCodecOf, type PayloadCodec } from './codecs.ts';
import { resolveCompression } from './compression-options.ts';
import { decompress } from './compression.ts';
import type { ValueOptions } from './encoder.ts';
import {
  COMPRESSED_ENVELOPE_BYTES,
  Compression,
  compressionOfTag,
  ENVELOPE_BYTES,
  hasEnvelope,
  lengthAt,
  PayloadType,
  tagAt,
  typeOfTag,
} from './envelope.ts';

export class ValueDecoder<V = unknown> {
  private readonly codec: PayloadCodec;
  private readonly decompressedBytesMax: number;

  /** Throws `InvalidOption`. */
  constructor(options: ValueOptions<V> = {}) {
    this.codec = payloadCodecOf(options.codec as NamedCodec | ValueCodec<never> | undefined);
    this.decompressedBytesMax = resolveCompression(options.compression).decompressedBytesMax;
  }

  /** The value in `bytes` from `start` to `end`; it keeps no view of them, unless a codec of the user's does. Throws `CodecFailed`. */
  decode(bytes: Buffer, start: number, end: number): V {
    if (!hasEnvelope(bytes, start, end)) return this.codec.read(PayloadType.plain, bytes, start, end, 'shared') as V;
    const tag = tagAt(bytes, start);
    const type = checkedType(tag);
    if (compressionOfTag(tag) === Compression.none) {
      return this.codec.read(type, bytes, start + ENVELOPE_BYTES, end, 'shared') as V;
    }
    const payload = this.decompressed(tag, bytes, start, end);
    return this.codec.read(type, payload, 0, payload.length, 'owned') as V;
  }

  /** The payload in `bytes` from `start` to `end`, in memory that the caller owns. Throws `CodecFailed`. */
  payloadOf(bytes: Buffer, start: number, end: number): Uint8Array {
    if (!hasEnvelope(bytes, start, end)) return copyOf(bytes, start, end);
    const tag = tagAt(bytes, start);
    checkedType(tag);
    if (compressionOfTag(tag) === Compression.none) return copyOf(bytes, start + ENVELOPE_BYTES, end);
    const { buffer, byteOffset, length } = this.decompressed(tag, bytes, start, end);
    return new Uint8Array(buffer, byteOffset, length);
  }

  private decompressed(tag: number, bytes: Buffer, start: number, end: number): Buffer {
    const compression = compressionOfTag(tag);
    if (compression === null) throw unknownTag(tag);
    if (end - start < COMPRESSED_ENVELOPE_BYTES) throw failed('what is stored is cut off in its envelope');
    const length = lengthAt(bytes, start);
    if (length > this.decompressedBytesMax) {
      throw failed(
        `what is stored says that it is ${length} bytes once decompressed; compression.decompressedBytesMax is ${this.decompressedBytesMax}`,
      );
    }
    // Never written: what is empty gets no shorter.
    if (length === 0) throw failed('what is stored says that it is empty, and is compressed all the same');
    return decompress(compression, bytes.subarray(start + COMPRESSED_ENVELOPE_BYTES, end), length);
  }
}

/** The type that a tag says; throws where this client knows no such tag. */
function checkedType(tag: number): PayloadType {
  const type = typeOfTag(tag);
  if (type === null || compressionOfTag(tag) === null) throw unknownTag(tag);
  return type;
}

function unknownTag(tag: number): ShoalError {
  const shown = `0x${tag.toString(16).padStart(2, '0')}`;
  return failed(`what is stored has the tag ${shown}, which this client does not know; a newer one may read it`);
}

function failed(message: string): ShoalError {
  return new ShoalError('CodecFailed', message);
}
