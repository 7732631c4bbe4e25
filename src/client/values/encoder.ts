/**
 * A client's values on their way out: the codec's payload, compressed where that pays, behind the envelope that it needs. Text
 * below the threshold stays text: the client writes it straight into the frame.
 *
 * Guarded by bench/values.ts.
 */
import {
  EncodedValue,
  type CompressionAlgorithm,
  type CompressionOptions,
  type NamedCodec,
  type ValueCodec,
} from './codec.ts';
import { payloadCodecOf, type PayloadCodec } from './codecs.ts';
import { looksLikeEnvelope, PayloadType, PREFIXES } from './envelope.ts';

/** The part of a client's options that is about values. */
export interface ValueOptions<V> {
  readonly codec?: NamedCodec | ValueCodec<V> | undefined;
  readonly compression?: CompressionOptions | CompressionAlgorithm | undefined;
}

export class ValueEncoder<V = unknown> {
  private readonly codec: PayloadCodec;
  private readonly encoded = new EncodedValue();

  /** Throws `InvalidOption`. */
  constructor(options: ValueOptions<V> = {}) {
    this.codec = payloadCodecOf(options.codec as NamedCodec | ValueCodec<never> | undefined);
  }

  /**
   * What to store for `value`: one object that is used again at the next call; a promise, of an object of its own, only where a large
   * value is compressed. Throws, or rejects with, `InvalidArgument` or `CodecFailed`.
   */
  encode(value: V): EncodedValue | Promise<EncodedValue> {
    const { encoded } = this;
    encoded.text = null;
    encoded.bytes = null;
    const type = this.codec.write(value, encoded);
    encoded.prefix = prefixFor(type, encoded.bytes);
    return encoded;
  }
}

function prefixFor(type: PayloadType, bytes: Uint8Array | null): Uint8Array | null {
  if (type !== PayloadType.plain) return PREFIXES[type];
  return bytes !== null && looksLikeEnvelope(bytes) ? PREFIXES[type] : null;
}
