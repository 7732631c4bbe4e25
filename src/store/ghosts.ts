/**
 * The ghost table of S3-FIFO: fingerprints of keys that left the small queue without a second use. A key that comes back while its
 * ghost is here goes straight to the main queue. Each bucket of the index has a ghost bucket beside it, a FIFO of six,
 * guarded by the bucket's lock.
 */
import type { KeyHash } from './hash.ts';
import {
  GHOST_BUCKET_SHIFT,
  GHOST_BUCKET_WORDS,
  GHOST_FINGERPRINT_BITS,
  GHOST_FINGERPRINT_MASK,
  GHOST_WORDS,
  WORD_SHIFT,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';

export class Ghosts {
  private readonly memory: StoreMemory;
  private readonly perSegmentShift: number;
  private words: Int32Array;
  private word = 0;

  constructor(memory: StoreMemory) {
    this.memory = memory;
    this.perSegmentShift = memory.segmentShift - GHOST_BUCKET_SHIFT;
    this.words = memory.words[0]!;
  }

  /** How many buckets one segment of ghosts serves, as a power of two. */
  get bucketsPerSegmentShift(): number {
    return this.perSegmentShift;
  }

  /** Remembers a key that was evicted from locked bucket `bucket`. */
  add(bucket: number, hash: KeyHash): void {
    if (!this.goTo(bucket)) return;
    for (let index = this.word + GHOST_WORDS - 1; index > this.word; index -= 1) {
      this.words[index] = (this.words[index]! << GHOST_FINGERPRINT_BITS) | (this.words[index - 1]! >>> GHOST_FINGERPRINT_BITS);
    }
    this.words[this.word] = (this.words[this.word]! << GHOST_FINGERPRINT_BITS) | fingerprintOf(hash);
  }

  /** Whether the key was lately evicted from locked bucket `bucket`; if so, forgets it. */
  takeOut(bucket: number, hash: KeyHash): boolean {
    if (!this.goTo(bucket)) return false;
    const fingerprint = fingerprintOf(hash);
    for (let index = this.word; index < this.word + GHOST_WORDS; index += 1) {
      const pair = this.words[index]!;
      if ((pair & GHOST_FINGERPRINT_MASK) === fingerprint) {
        this.words[index] = pair & ~GHOST_FINGERPRINT_MASK;
        return true;
      }
      if (pair >>> GHOST_FINGERPRINT_BITS === fingerprint) {
        this.words[index] = pair & GHOST_FINGERPRINT_MASK;
        return true;
      }
    }
    return false;
  }

  /** Gives the bucket that a split makes the ghosts of the one it came from: those that are not its own age away unseen. */
  copy(fromBucket: number, toBucket: number): void {
    if (!this.goTo(fromBucket)) return;
    const from = this.words;
    const fromWord = this.word;
    if (!this.goTo(toBucket)) return;
    for (let index = 0; index < GHOST_WORDS; index += 1) this.words[this.word + index] = from[fromWord + index]!;
  }

  private goTo(bucket: number): boolean {
    const segment = this.memory.control[this.memory.map.ghostDirectory + (bucket >> this.perSegmentShift)]!;
    if (segment === 0) return false;
    this.words = this.memory.words[this.memory.arenaOf(segment)]!;
    const inSegment = bucket & ((1 << this.perSegmentShift) - 1);
    this.word = (this.memory.segmentStart(segment) >> WORD_SHIFT) + inSegment * GHOST_BUCKET_WORDS;
    return true;
  }
}

/** 16 bits that are not 0. */
function fingerprintOf(hash: KeyHash): number {
  return hash.high >>> GHOST_FINGERPRINT_BITS || 1;
}
