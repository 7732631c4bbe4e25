/**
 * How values become bytes, as users choose it and as the client's parts say it to each other. docs/adr/0009-value-envelope.md has
 * the layout and the whole matrix of who writes what and who reads it how.
 */

/** The codecs that the client brings; `typed` is the default. */
export type NamedCodec = 'typed' | 'json' | 'string' | 'bytes';

/** A codec of the user's. What it throws is the `cause` of a `CodecFailed`. */
export interface ValueCodec<V> {
  /** Bytes are sent as they are, and read until the call that stores them settles: return fresh ones each time. */
  encode(value: V): string | Uint8Array;
  /** `bytes` is often a view of the receive buffer, valid during this call only: copy what shall stay. */
  decode(bytes: Uint8Array): V;
}

/**
 * `auto`: zstd where the runtime has it (Bun; Node from 22.15 on), deflate elsewhere. Every client reads both. `zstd` fails
 * with `InvalidOption` where the runtime lacks it.
 */
export type CompressionAlgorithm = 'auto' | 'zstd' | 'deflate' | 'none';

export interface CompressionOptions {
  /** `auto` by default. */
  readonly algorithm?: CompressionAlgorithm;
  /** Values of so many bytes or more are compressed, where that saves a tenth of them: 64 or more; 4096 by default. */
  readonly thresholdBytes?: number;
  /** Longest value before compression, written or read: 1 byte to 1 GiB; 64 MiB by default. A longer one is neither compressed nor decompressed. */
  readonly decompressedBytesMax?: number;
}

/** What a value is set with: `prefix`, if any, and then either `text` as UTF-8 or `bytes`; the other is null. */
export class EncodedValue {
  prefix: Uint8Array | null = null;
  text: string | null = null;
  /** The caller's own, or fresh; in no case written to again by the encoder. */
  bytes: Uint8Array | null = null;
}
