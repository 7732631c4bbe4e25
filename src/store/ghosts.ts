/**
 * The ghost table of S3-FIFO: fingerprints of keys that left the small queue without a second use. A key that comes back while its
 * ghost is here goes straight to the main queue. Each bucket of the index has a ghost bucket beside it, a FIFO of eight,
 * guarded by the bucket's lock.
 *
 * A ghost counts for one and a half times as many evictions as there are items, whatever room there is for older ones: where items are few and long, the table
 * is far too large for them, and ghosts that never leave would send everything to the main queue. So an entry carries the time of
 * its eviction, on a clock that ticks four times in as many evictions as there are items.
 */
import type { KeyHash } from './hash.ts';
import {
  CONTROL_GHOST_EVICTIONS,
  CONTROL_GHOST_TICK,
  COUNTER_ITEMS,
  GHOST_BUCKET_SHIFT,
  GHOST_BUCKET_WORDS,
  GHOST_ENTRIES,
  GHOST_ENTRY_BITS,
  GHOST_ENTRY_MASK,
  GHOST_FINGERPRINT_MASK,
  GHOST_STAMP_MASK,
  GHOST_STAMP_SHIFT,
  WORD_SHIFT,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';

const WORD_BITS = 32;
/** Ticks of the clock in as many evictions as there are items. */
const TICKS_PER_TURNOVER = 4;
/** How long a ghost counts: one and a half turnovers, since the length of the FIFO bounds it further where the index is full. */
const GHOST_AGE_TICKS_MAX = 6;
/** The fingerprint comes from bits of the hash that the tag does not hold. */
const FINGERPRINT_SHIFT = 22;

export class Ghosts {
  private readonly memory: StoreMemory;
  private readonly control: Int32Array;
  private readonly perSegmentShift: number;
  private words: Int32Array;
  private word = 0;

  constructor(memory: StoreMemory) {
    this.memory = memory;
    this.control = memory.control;
    this.perSegmentShift = memory.segmentShift - GHOST_BUCKET_SHIFT;
    this.words = memory.words[0]!;
  }

  /** How many buckets one segment of ghosts serves, as a power of two. */
  get bucketsPerSegmentShift(): number {
    return this.perSegmentShift;
  }

  /** Remembers a key that is evicted from locked bucket `bucket`. Only the thread that drains calls this. */
  add(bucket: number, hash: KeyHash): void {
    this.advanceClock();
    if (!this.goTo(bucket)) return;
    const { words, word } = this;
    for (let index = word + GHOST_BUCKET_WORDS - 1; index > word; index -= 1) {
      words[index] = (words[index]! << GHOST_ENTRY_BITS) | (words[index - 1]! >>> (WORD_BITS - GHOST_ENTRY_BITS));
    }
    const stamp = this.control[CONTROL_GHOST_TICK]! & GHOST_STAMP_MASK;
    words[word] = (words[word]! << GHOST_ENTRY_BITS) | (stamp << GHOST_STAMP_SHIFT) | fingerprintOf(hash);
  }

  /** Whether the key was lately evicted from locked bucket `bucket`; if so, forgets it. */
  takeOut(bucket: number, hash: KeyHash): boolean {
    if (!this.goTo(bucket)) return false;
    const fingerprint = fingerprintOf(hash);
    const tick = this.control[CONTROL_GHOST_TICK]!;
    for (let entry = 0; entry < GHOST_ENTRIES; entry += 1) {
      const index = this.word + (entry >> 1);
      const shift = (entry & 1) * GHOST_ENTRY_BITS;
      const ghost = this.words[index]! >>> shift;
      if ((ghost & GHOST_FINGERPRINT_MASK) !== fingerprint) continue;
      this.words[index]! &= ~(GHOST_ENTRY_MASK << shift);
      return ((tick - (ghost >>> GHOST_STAMP_SHIFT)) & GHOST_STAMP_MASK) <= GHOST_AGE_TICKS_MAX;
    }
    return false;
  }

  /** Forgets the ghosts of the first `count` buckets: those of an empty index. */
  clear(count: number): void {
    if (this.goTo(0)) this.words.fill(0, this.word, this.word + count * GHOST_BUCKET_WORDS);
  }

  /**
   * Gives the bucket that a split makes the ghosts of the one it came from; those of keys that are not its own age away unseen. Writes
   * only what differs: memory for ghosts is not committed before something is evicted.
   */
  copy(fromBucket: number, toBucket: number): void {
    const hasSource = this.goTo(fromBucket);
    const from = this.words;
    const fromWord = this.word;
    if (!this.goTo(toBucket)) return;
    for (let index = 0; index < GHOST_BUCKET_WORDS; index += 1) {
      const ghosts = hasSource ? from[fromWord + index]! : 0;
      if (this.words[this.word + index] !== ghosts) this.words[this.word + index] = ghosts;
    }
  }

  private advanceClock(): void {
    const evictions = this.control[CONTROL_GHOST_EVICTIONS]! + 1;
    if (evictions * TICKS_PER_TURNOVER < this.memory.total(COUNTER_ITEMS)) {
      this.control[CONTROL_GHOST_EVICTIONS] = evictions;
    } else {
      this.control[CONTROL_GHOST_EVICTIONS] = 0;
      this.control[CONTROL_GHOST_TICK]! += 1;
    }
  }

  private goTo(bucket: number): boolean {
    const segment = this.control[this.memory.map.ghostDirectory + (bucket >> this.perSegmentShift)]!;
    if (segment === 0) return false;
    this.words = this.memory.words[this.memory.arenaOf(segment)]!;
    const inSegment = bucket & ((1 << this.perSegmentShift) - 1);
    this.word = (this.memory.segmentStart(segment) >> WORD_SHIFT) + inSegment * GHOST_BUCKET_WORDS;
    return true;
  }
}

/** 10 bits that are not 0. */
function fingerprintOf(hash: KeyHash): number {
  return hash.high >>> FINGERPRINT_SHIFT || 1;
}
