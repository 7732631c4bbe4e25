/**
 * HalfSipHash-2-4 with a 64-bit key and a 64-bit result (Aumasson and Bernstein): two rounds for each word of 32 bits and
 * four to finish each half of the result, for bytes whose hash others may see. 32-bit operations only, so that it runs without
 * allocation. The index of the store has a faster variant of its own (store/hash.ts), which nobody sees; the rounds stand
 * in both, because a function cannot give back four numbers without an object.
 */
export class HalfSipHash {
  /** The halves of the last result. */
  low = 0;
  high = 0;
  private readonly keyLow: number;
  private readonly keyHigh: number;

  constructor(keyLow: number, keyHigh: number) {
    this.keyLow = keyLow | 0;
    this.keyHigh = keyHigh | 0;
  }

  /** Hashes `length` bytes into `low` and `high`, as signed numbers of 32 bits. */
  update(bytes: Uint8Array, start: number, length: number): void {
    let v0 = this.keyLow;
    let v1 = this.keyHigh ^ 0xee;
    let v2 = 0x6c796765 ^ this.keyLow;
    let v3 = 0x74656462 ^ this.keyHigh;
    const end = start + length;
    const wholeEnd = end - (length & 3);
    // After the last word come the rounds that finish: four for each half.
    let offset = start;
    let last = false;
    while (!last) {
      let word = 0;
      last = offset === wholeEnd;
      if (last) {
        word = length << 24;
        for (let shift = 0; offset < end; offset += 1, shift += 8) word |= bytes[offset]! << shift;
      } else {
        word = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
        offset += 4;
      }
      v3 ^= word;
      for (let round = 0; round < WORD_ROUNDS; round += 1) {
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
      }
      v0 ^= word;
    }
    v2 ^= 0xee;
    for (let round = 0; round < 2 * FINAL_ROUNDS; round += 1) {
      if (round === FINAL_ROUNDS) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
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
    }
    this.high = v1 ^ v3;
  }
}

const WORD_ROUNDS = 2;
const FINAL_ROUNDS = 4;
