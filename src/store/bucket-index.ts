/**
 * The index: buckets of seven slots under a lock each, found by linear hashing (Litwin 1980). It grows one bucket at a time, so no
 * request ever waits for a rehash; it does not shrink. A bucket that is full goes on in overflow buckets.
 *
 * Bucket `b` lives in segment `indexDirectory[b / buckets per segment]`. A slot holds 18 bits of the hash's low word, from the first
 * bit that the smallest index does not use, so a split reads no item to know which of them move.
 *
 * Lock order: bucket, then overflow list, then pool. A thread holds one bucket's lock at a time, except a split, which holds
 * the new bucket's too before anyone can find it.
 */
import { assert } from '../base/assert.ts';
import type { KeyHash } from './hash.ts';
import { ItemView } from './item.ts';
import {
  BUCKET_BYTES_SHIFT,
  BUCKET_CONTROL,
  BUCKET_LOCK,
  BUCKET_OVERFLOW_MASK,
  BUCKET_SLOTS,
  BUCKET_VERSION,
  BUCKET_WORDS,
  CONTROL_BUCKET_COUNT,
  FREQUENCY_MAX,
  META_FREQUENCY_MASK,
  META_FREQUENCY_SHIFT,
  META_LOCATION_HIGH_MASK,
  META_TAG_HIGH_BITS,
  META_TAG_HIGH_SHIFT,
  META_TAG_LOW_BITS,
  META_TAG_LOW_SHIFT,
  META_TAG_MASK,
  OVERFLOW_WORDS,
  SLOT_META,
  SLOT_WORDS,
  WORD_SHIFT,
} from './layout.ts';
import { locationHigh, locationLow, slotArena, slotWord, type StoreMemory } from './memory.ts';
import type { OverflowBuckets } from './overflow-buckets.ts';
import { lockBit, unlockBit } from './spin-lock.ts';
import type { Key } from './types.ts';

/** No slot: a place that `find` did not find. */
const NO_SLOT = -1;

export class BucketIndex {
  /** The item that `find` found. */
  readonly item: ItemView;
  /** The number and place of the locked bucket. */
  bucket = 0;
  private words: Int32Array;
  private bucketWord = 0;
  /** Where the found slot is. */
  private slotWords: Int32Array;
  private slot = NO_SLOT;
  /** The first empty slot that `find` passed. */
  private emptyWords: Int32Array;
  private emptySlot = NO_SLOT;
  /** The last bucket of the chain that `find` went through. */
  private lastWords: Int32Array;
  private lastBucketWord = 0;
  /** Where the slots of the bucket end that `nextSlot` is in. */
  private slotsEnd = 0;
  private readonly memory: StoreMemory;
  private readonly overflow: OverflowBuckets;
  private readonly bucketsPerSegmentShift: number;

  constructor(memory: StoreMemory, overflow: OverflowBuckets) {
    this.memory = memory;
    this.overflow = overflow;
    this.item = new ItemView(memory);
    this.bucketsPerSegmentShift = memory.segmentShift - BUCKET_BYTES_SHIFT;
    const words = memory.words[0]!;
    this.words = words;
    this.slotWords = words;
    this.emptyWords = words;
    this.lastWords = words;
  }

  get bucketCount(): number {
    return Atomics.load(this.memory.control, CONTROL_BUCKET_COUNT);
  }

  /** log2 of the smallest index's buckets: one segment. */
  get initialShift(): number {
    return this.bucketsPerSegmentShift;
  }

  /** The most buckets that the tags can tell apart. */
  get bucketCountMax(): number {
    return 2 ** Math.min(30, this.bucketsPerSegmentShift + META_TAG_LOW_BITS);
  }

  /** The tag of a hash, in its place in a slot's second word. */
  tagOf(low: number, high: number): number {
    return (
      ((low >>> this.bucketsPerSegmentShift) << META_TAG_LOW_SHIFT) |
      ((high & ((1 << META_TAG_HIGH_BITS) - 1)) << META_TAG_HIGH_SHIFT)
    );
  }

  /** Locks the bucket of this hash. */
  lock(hash: KeyHash): void {
    for (;;) {
      const count = this.bucketCount;
      const bucket = bucketOf(hash.low, count);
      this.lockBucket(bucket);
      // A split since the count was read may have moved the key to another bucket.
      const countNow = this.bucketCount;
      if (countNow === count || bucketOf(hash.low, countNow) === bucket) return;
      this.unlock();
    }
  }

  /** Locks bucket number `bucket`, which exists. */
  lockBucket(bucket: number): void {
    this.bucket = bucket;
    this.goTo(bucket);
    lockBit(this.words, this.bucketWord + BUCKET_CONTROL, BUCKET_LOCK);
  }

  unlock(): void {
    unlockBit(this.words, this.bucketWord + BUCKET_CONTROL, BUCKET_LOCK);
  }

  /** Counts writes to the bucket's keys; changes are made under its lock. */
  get version(): number {
    return this.words[this.bucketWord + BUCKET_VERSION]!;
  }

  bumpVersion(): void {
    this.words[this.bucketWord + BUCKET_VERSION]! += 1;
  }

  /** Looks for the key in the locked bucket; on success `item` is on it. */
  find(key: Key, tag: number): boolean {
    let words = this.words;
    let bucketWord = this.bucketWord;
    let end = bucketWord + BUCKET_WORDS;
    this.emptySlot = NO_SLOT;
    for (;;) {
      for (let slot = bucketWord + BUCKET_SLOTS; slot < end; slot += SLOT_WORDS) {
        const low = words[slot]!;
        const meta = words[slot + SLOT_META]!;
        if (low === 0) {
          if (this.emptySlot === NO_SLOT) {
            this.emptySlot = slot;
            this.emptyWords = words;
          }
        } else if (((meta ^ tag) & META_TAG_MASK) === 0) {
          this.item.at(slotArena(low, meta), slotWord(low));
          if (this.item.hasKey(key)) {
            this.slot = slot;
            this.slotWords = words;
            return true;
          }
        }
      }
      const next = words[bucketWord + BUCKET_CONTROL]! & BUCKET_OVERFLOW_MASK;
      if (next === 0) break;
      words = this.overflow.wordsOf(next);
      bucketWord = this.overflow.wordOf(next);
      end = bucketWord + OVERFLOW_WORDS;
    }
    this.lastWords = words;
    this.lastBucketWord = bucketWord;
    this.slot = NO_SLOT;
    return false;
  }

  /** Looks in the locked bucket for the slot that points at `word` of `arena`; on success `item` is on it. */
  findLocation(arena: number, word: number): boolean {
    const wanted = locationLow(arena, word);
    const wantedHigh = locationHigh(arena);
    for (this.startSlots(); this.nextSlot(); ) {
      if (
        this.slotWords[this.slot] === wanted &&
        (this.slotWords[this.slot + SLOT_META]! & META_LOCATION_HIGH_MASK) === wantedHigh
      ) {
        this.item.at(arena, word);
        return true;
      }
    }
    return false;
  }

  /** Walks the locked bucket's items: `startSlots`, then `nextSlot` until false; `item` is on each. */
  startSlots(): void {
    this.slotWords = this.words;
    this.slot = this.bucketWord + BUCKET_SLOTS - SLOT_WORDS;
    this.lastBucketWord = this.bucketWord;
    this.slotsEnd = this.bucketWord + BUCKET_WORDS;
  }

  /** The next slot in use; without looking at its item: call `viewSlot` for that. */
  nextSlot(): boolean {
    for (;;) {
      this.slot += SLOT_WORDS;
      if (this.slot === this.slotsEnd) {
        const next = this.slotWords[this.lastBucketWord + BUCKET_CONTROL]! & BUCKET_OVERFLOW_MASK;
        if (next === 0) return false;
        this.slotWords = this.overflow.wordsOf(next);
        this.lastBucketWord = this.overflow.wordOf(next);
        this.slot = this.lastBucketWord + BUCKET_SLOTS;
        this.slotsEnd = this.lastBucketWord + OVERFLOW_WORDS;
      }
      if (this.slotWords[this.slot] !== 0) return true;
    }
  }

  /** Puts `item` on the item of the slot that `nextSlot` came to. */
  viewSlot(): void {
    const low = this.slotWords[this.slot]!;
    this.item.at(slotArena(low, this.slotWords[this.slot + SLOT_META]!), slotWord(low));
  }

  /** Whether `insert` has a place after a `find` that failed; else an overflow bucket is added, false where there is no memory for one. */
  ensureSlot(): boolean {
    if (this.emptySlot !== NO_SLOT) return true;
    const added = this.overflow.take();
    if (added === 0) return false;
    this.lastWords[this.lastBucketWord + BUCKET_CONTROL]! |= added;
    this.emptyWords = this.overflow.wordsOf(added);
    this.emptySlot = this.overflow.wordOf(added) + BUCKET_SLOTS;
    return true;
  }

  /** Points the empty slot at a new item. After `ensureSlot`. */
  insert(tag: number, arena: number, word: number): void {
    this.emptyWords[this.emptySlot + SLOT_META] = tag | locationHigh(arena);
    this.emptyWords[this.emptySlot] = locationLow(arena, word);
  }

  /** Points the found slot at another place; tag and frequency stay. */
  relocate(arena: number, word: number): void {
    this.slotWords[this.slot + SLOT_META] =
      (this.slotWords[this.slot + SLOT_META]! & ~META_LOCATION_HIGH_MASK) | locationHigh(arena);
    this.slotWords[this.slot] = locationLow(arena, word);
  }

  /** Empties the found slot. */
  remove(): void {
    this.slotWords[this.slot] = 0;
    this.slotWords[this.slot + SLOT_META] = 0;
  }

  /** 0-3: uses of the found item since it came or was last passed over. */
  get frequency(): number {
    return (this.slotWords[this.slot + SLOT_META]! & META_FREQUENCY_MASK) >> META_FREQUENCY_SHIFT;
  }

  set frequency(value: number) {
    const meta = this.slotWords[this.slot + SLOT_META]! & ~META_FREQUENCY_MASK;
    this.slotWords[this.slot + SLOT_META] = meta | (value << META_FREQUENCY_SHIFT);
  }

  /** Counts a use of the found item. */
  touch(): void {
    const meta = this.slotWords[this.slot + SLOT_META]!;
    if ((meta & META_FREQUENCY_MASK) !== FREQUENCY_MAX << META_FREQUENCY_SHIFT) {
      this.slotWords[this.slot + SLOT_META] = meta + (1 << META_FREQUENCY_SHIFT);
    }
  }

  /** Whether bucket number `bucket` looks empty. Without a lock, so a hint. */
  looksEmpty(bucket: number): boolean {
    this.goTo(bucket);
    if ((this.words[this.bucketWord + BUCKET_CONTROL]! & BUCKET_OVERFLOW_MASK) !== 0) return false;
    for (let slot = BUCKET_SLOTS; slot < BUCKET_WORDS; slot += SLOT_WORDS) {
      if (this.words[this.bucketWord + slot] !== 0) return false;
    }
    return true;
  }

  /** The arena that bucket number `bucket` is in. */
  arenaOf(bucket: number): number {
    return this.memory.arenaOf(this.segmentOf(bucket));
  }

  /** The arena words of bucket number `bucket`. */
  wordsOf(bucket: number): Int32Array {
    return this.memory.words[this.arenaOf(bucket)]!;
  }

  /** Where bucket number `bucket` begins in `wordsOf(bucket)`. */
  wordOf(bucket: number): number {
    const inSegment = bucket & ((1 << this.bucketsPerSegmentShift) - 1);
    return (this.memory.segmentStart(this.segmentOf(bucket)) >> WORD_SHIFT) + inSegment * BUCKET_WORDS;
  }

  private segmentOf(bucket: number): number {
    return this.memory.control[this.memory.map.indexDirectory + (bucket >> this.bucketsPerSegmentShift)]!;
  }

  private goTo(bucket: number): void {
    const { memory, bucketsPerSegmentShift } = this;
    const segment = memory.control[memory.map.indexDirectory + (bucket >> bucketsPerSegmentShift)]!;
    const inSegment = bucket & ((1 << bucketsPerSegmentShift) - 1);
    this.words = memory.words[memory.arenaOf(segment)]!;
    this.bucketWord = (memory.segmentStart(segment) >> WORD_SHIFT) + inSegment * BUCKET_WORDS;
  }
}

/** The bucket of a hash in an index of `count` buckets. */
export function bucketOf(hashLow: number, count: number): number {
  const mask = -1 >>> Math.clz32(count - 1);
  const bucket = hashLow & mask;
  return bucket < count ? bucket : hashLow & (mask >>> 1);
}

assert(bucketOf(7, 8) === 7 && bucketOf(7, 7) === 3 && bucketOf(-1, 1024) === 1023, 'linear hashing');
