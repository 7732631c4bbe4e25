/**
 * A client's values on their way out: the codec's payload, compressed where that pays, behind the envelope that it needs. Text
 * below the threshold stays text: the client writes it straight into the frame.
 *
 * Guarded by bench/values.ts.
 */
import {
  type CompressionAlgorithm,
  type CompressionOptions,
  EncodedValue,
  type NamedCodec,
  type ValueCodec,
} from './codec.ts';
import { payloadCodecOf, type PayloadCodec } from './codecs.ts';
import { type ResolvedCompression, resolveCompression } from './compression-options.ts';
import { compressAside, compressSync, SYNC_BYTES_MAX } from './compression.ts';
import { Compression, compressedPrefix, looksLikeEnvelope, PayloadType, PREFIXES } from './envelope.ts';

/** The part of a client's options that is about values. */
export interface ValueOptions<V> {
  readonly codec?: NamedCodec | ValueCodec<V> | undefined;
  readonly compression?: CompressionOptions | CompressionAlgorithm | undefined;
}

export class ValueEncoder<V = unknown> {
  private readonly codec: PayloadCodec;
  private readonly compression: ResolvedCompression;
  private readonly encoded = new EncodedValue();

  /** Throws `InvalidOption`. */
  constructor(options: ValueOptions<V> = {}) {
    this.codec = payloadCodecOf(options.codec as NamedCodec | ValueCodec<never> | undefined);
    this.compression = resolveCompression(options.compression);
  }

  /**
   * What to store for `value`: one object that is used again at the next call; a promise, of an object of its own, only where a value
   * of more than SYNC_BYTES_MAX is compressed. Throws, or rejects with, `InvalidArgument` or `CodecFailed`.
   */
  encode(value: V): EncodedValue | Promise<EncodedValue> {
    const { encoded } = this;
    encoded.text = null;
    encoded.bytes = null;
    const type = this.codec.write(value, encoded);
    const { text } = encoded;
    if (this.isToBeCompressed(text, encoded.bytes)) {
      const payload = text === null ? encoded.bytes! : Buffer.from(text, 'utf8');
      return this.encodeLong(type, payload);
    }
    encoded.prefix = prefixFor(type, encoded.bytes);
    return encoded;
  }

  private isToBeCompressed(text: string | null, bytes: Uint8Array | null): boolean {
    const { compression, thresholdBytes, decompressedBytesMax } = this.compression;
    if (compression === Compression.none) return false;
    if (text === null) return bytes!.length >= thresholdBytes && bytes!.length <= decompressedBytesMax;
    if (text.length * UTF8_BYTES_PER_UNIT_MAX < thresholdBytes || text.length > decompressedBytesMax) return false;
    const length = Buffer.byteLength(text, 'utf8');
    return length >= thresholdBytes && length <= decompressedBytesMax;
  }

  private encodeLong(type: PayloadType, payload: Uint8Array): EncodedValue | Promise<EncodedValue> {
    const { compression } = this.compression;
    if (payload.length > SYNC_BYTES_MAX) {
      return compressAside(compression, payload).then((compressed) =>
        this.place(new EncodedValue(), type, payload, compressed),
      );
    }
    return this.place(this.encoded, type, payload, compressSync(compression, payload));
  }

  private place(
    target: EncodedValue,
    type: PayloadType,
    payload: Uint8Array,
    compressed: Uint8Array | null,
  ): EncodedValue {
    target.text = null;
    target.bytes = compressed ?? payload;
    target.prefix =
      compressed === null
        ? prefixFor(type, payload)
        : compressedPrefix(type, this.compression.compression, payload.length);
    return target;
  }
}

function prefixFor(type: PayloadType, bytes: Uint8Array | null): Uint8Array | null {
  if (type !== PayloadType.plain) return PREFIXES[type];
  return bytes !== null && looksLikeEnvelope(bytes) ? PREFIXES[type] : null;
}

const UTF8_BYTES_PER_UNIT_MAX = 3;
