/**
 * Stored values on their way in: the envelope is taken off, the payload decompressed, and the codec makes the value of it. What is stored
 * may come from anybody, so nothing in it is trusted.
 *
 * Guarded by bench/values.ts.
 */
import { ShoalError } from '../../base/errors.ts';
import type { NamedCodec, ValueCodec } from './codec.ts';
import { copyOf, payloadCodecOf, type PayloadCodec } from './codecs.ts';
import type { ValueOptions } from './encoder.ts';
import { Compression, ENVELOPE_BYTES, hasEnvelope, PayloadType, tagAt } from './envelope.ts';

export class ValueDecoder<V = unknown> {
  private readonly codec: PayloadCodec;

  /** Throws `InvalidOption`. */
  constructor(options: ValueOptions<V> = {}) {
    this.codec = payloadCodecOf(options.codec as NamedCodec | ValueCodec<never> | undefined);
  }

  /** The value in `bytes` from `start` to `end`; it keeps no view of them. Throws `CodecFailed`. */
  decode(bytes: Buffer, start: number, end: number): V {
    if (!hasEnvelope(bytes, start, end)) return this.codec.read(PayloadType.plain, bytes, start, end) as V;
    const tag = tagAt(bytes, start);
    const type = typeOf(tag);
    return this.codec.read(type, bytes, start + ENVELOPE_BYTES, end) as V;
  }

  /** A copy, which the caller owns, of the payload in `bytes` from `start` to `end`. Throws `CodecFailed`. */
  payloadOf(bytes: Buffer, start: number, end: number): Uint8Array {
    if (!hasEnvelope(bytes, start, end)) return copyOf(bytes, start, end);
    typeOf(tagAt(bytes, start));
    return copyOf(bytes, start + ENVELOPE_BYTES, end);
  }
}

/** Throws where this client knows no such tag. */
function typeOf(tag: number): PayloadType {
  const type = tag & TYPE_MASK;
  const known = type === PayloadType.plain || type === PayloadType.json || type === PayloadType.bytes;
  if (!known || tag >> COMPRESSION_SHIFT !== Compression.none) {
    throw new ShoalError(
      'CodecFailed',
      `what is stored has the tag 0x${tag.toString(16).padStart(2, '0')}, which this client does not know; a newer one may read it`,
    );
  }
  return type;
}

const TYPE_MASK = 0x0f;
const COMPRESSION_SHIFT = 4;
