/**
 * The two directions in which a zstd frame is read bit by bit (RFC 8878, 4.1): descriptions of tables forwards, everything else backwards from
 * the end of its stream, where the highest bit that is set in the last byte says where the bits begin.
 */

/** Something in a frame that no compressor writes. */
export class ZstdError extends Error {
  override readonly name = 'ZstdError';
}

/**
 * The `count` bits, 25 at most, that begin at the bit `at` of `bytes`, which go on for 4 bytes behind what is read. Bits before
 * the first byte are zeros.
 */
export function bitsAt(bytes: Uint8Array, at: number, count: number): number {
  const byte = at >> 3;
  const word = bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16) | (bytes[byte + 3]! << 24);
  return (word >>> (at & 7)) & ((1 << count) - 1);
}

/** Where the bits of the backward stream in `bytes` from `start` to `end` begin: the position above its first bit. */
export function backwardStart(bytes: Uint8Array, start: number, end: number): number {
  const last = end > start ? bytes[end - 1]! : 0;
  if (last === 0) throw new ZstdError('a stream of bits has no beginning');
  return (end - 1) * 8 + 31 - Math.clz32(last);
}

/** Reads forwards; what lies behind `end` is an error. */
export class ForwardBits {
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private position: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.position = start * 8;
    this.end = end * 8;
  }

  /** The next `count` bits, 25 at most, without passing them. */
  peek(count: number): number {
    return bitsAt(this.bytes, this.position, count);
  }

  skip(count: number): void {
    this.position += count;
    if (this.position > this.end) throw new ZstdError('a table is cut off');
  }

  read(count: number): number {
    const value = this.peek(count);
    this.skip(count);
    return value;
  }

  /** The first byte of which no bit was read. */
  get nextByte(): number {
    return (this.position + 7) >> 3;
  }
}
