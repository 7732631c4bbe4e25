/**
 * HalfSipHash-1-3 with a 64-bit key and two 32-bit results (Aumasson and Bernstein; the variant that Linux uses for its hash tables).
 * Keyed, so that nobody who does not know the seed can choose keys that meet in one bucket; 32-bit operations only, so that
 * it runs without allocation.
 */
export class KeyHash {
  /** The first result: chooses the bucket. */
  low = 0;
  /** The second: completes the tag, and is the ghost's fingerprint. */
  high = 0;
  private readonly seedLow: number;
  private readonly seedHigh: number;

  constructor(seedLow: number, seedHigh: number) {
    this.seedLow = seedLow | 0;
    this.seedHigh = seedHigh | 0;
  }

  /** Hashes `length` bytes and the number `salt` (a key's database) into `low` and `high`. */
  update(bytes: Uint8Array, start: number, length: number, salt: number): void {
    const seedHigh = this.seedHigh ^ salt;
    let v0 = this.seedLow;
    let v1 = seedHigh ^ 0xee;
    let v2 = 0x6c796765 ^ this.seedLow;
    let v3 = 0x74656462 ^ seedHigh;
    const end = start + length;
    const wholeEnd = end - (length & 3);
    let offset = start;
    for (; offset < wholeEnd; offset += 4) {
      const word = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    let last = length << 24;
    for (let shift = 0; offset < end; offset += 1, shift += 8) last |= bytes[offset]! << shift;
    v3 ^= last;
    // One round for the last word, three to finish the first result, one more for the second.
    for (let round = 0; round < 5; round += 1) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (round === 0) {
        v0 ^= last;
        v2 ^= 0xee;
      } else if (round === 3) this.low = v1 ^ v3;
    }
    this.high = v1 ^ v3;
  }
}
