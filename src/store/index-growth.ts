/**
 * Growth of the index, one bucket at a time: bucket `s` is split into `s` and `s + 2^k`, the items that move told by one bit
 * of their tag. Whoever holds the split lock grows; others go on without waiting. Where no segment is free for new buckets the growth is
 * put off: chains get longer, nothing fails.
 */
import { assert } from '../base/assert.ts';
import type { BucketIndex } from './bucket-index.ts';
import type { Ghosts } from './ghosts.ts';
import {
  BUCKET_BYTES_SHIFT,
  BUCKET_CONTROL,
  BUCKET_LOCK,
  BUCKET_OVERFLOW_MASK,
  BUCKET_SLOTS,
  BUCKET_VERSION,
  BUCKET_WORDS,
  CONTROL_BUCKET_COUNT,
  CONTROL_GHOST_SEGMENTS,
  CONTROL_INDEX_SEGMENTS,
  CONTROL_SPLIT_LOCK,
  COUNTER_ITEMS,
  META_TAG_LOW_SHIFT,
  OVERFLOW_SLOT_COUNT,
  OVERFLOW_WORDS,
  Queue,
  SLOT_COUNT,
  SLOT_META,
  SLOT_WORDS,
  SegmentState,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import type { OverflowBuckets } from './overflow-buckets.ts';
import { DRAIN_RESERVE_SEGMENTS, NO_SEGMENT, type SegmentPool } from './segment-pool.ts';
import { lockBit, tryLock, unlock, unlockBit } from './spin-lock.ts';

/**
 * Items per bucket above which the index grows. Halfway between two doublings the buckets yet to be split hold up to twice as many as
 * those that are; with their overflow buckets that comes to 12.2 bytes an item. At 5.6 it would be 13.4, at 8 11.2 and
 * an overflow bucket for every second look-up.
 */
const ITEMS_PER_BUCKET = 6.5;
/** Splits done at once when the index is behind. */
const SPLITS_MAX = 2;
/** Segments that one growth may take: buckets and their ghosts. */
const SEGMENTS_PER_GROWTH = 2;

export class IndexGrowth {
  private readonly memory: StoreMemory;
  private readonly index: BucketIndex;
  private readonly overflow: OverflowBuckets;
  private readonly ghosts: Ghosts | null;
  private readonly pool: SegmentPool;
  /** Items that this thread added since it last looked at the load. */
  private added = 0;
  /** Whether a split was last put off for want of a segment. */
  private starved = false;
  // The slots of the bucket being split: those that stay, and those that move.
  private staying: Int32Array = new Int32Array(64);
  private stayingCount = 0;
  private moving: Int32Array = new Int32Array(64);
  private movingCount = 0;

  /** `ghosts`: null where nothing is ever evicted. */
  constructor(
    memory: StoreMemory,
    parts: {
      readonly index: BucketIndex;
      readonly overflow: OverflowBuckets;
      readonly ghosts: Ghosts | null;
      readonly pool: SegmentPool;
    },
  ) {
    this.memory = memory;
    this.index = parts.index;
    this.overflow = parts.overflow;
    this.ghosts = parts.ghosts;
    this.pool = parts.pool;
  }

  /** Makes the smallest index: the buckets of segment 0, which is never given back. */
  reset(): void {
    const control = this.memory.control;
    this.memory.clearSegment(0);
    control[this.memory.record(0)] = SegmentState.index;
    control[this.memory.map.indexDirectory] = 0;
    control.fill(0, this.memory.map.ghostDirectory, this.memory.map.ghostDirectory + this.memory.segmentCount);
    control[CONTROL_INDEX_SEGMENTS] = 1;
    control[CONTROL_GHOST_SEGMENTS] = 0;
    this.overflow.reset();
    this.pool.reset(1);
    this.addGhostSegment(0);
    this.ghosts?.clear(1 << this.index.initialShift);
    Atomics.store(control, CONTROL_BUCKET_COUNT, 1 << this.index.initialShift);
  }

  /** Segments that should be freed beside what an item needs: a full store would else never have one for the index. */
  get segmentsWanted(): number {
    return this.starved ? SEGMENTS_PER_GROWTH : 0;
  }

  /** An item was added: grows the index if its time has come. No bucket may be locked. */
  itemAdded(): void {
    this.added += 1;
    if (this.added < ITEMS_PER_BUCKET) return;
    this.added = 0;
    this.starved = false;
    for (let split = 0; split < SPLITS_MAX; split += 1) {
      if (this.memory.total(COUNTER_ITEMS) <= this.index.bucketCount * ITEMS_PER_BUCKET || !this.grow()) return;
    }
  }

  /** Adds one bucket. False where that cannot be done now. */
  private grow(): boolean {
    const control = this.memory.control;
    if (!tryLock(control, CONTROL_SPLIT_LOCK)) return false;
    const count = this.index.bucketCount;
    const grown = count < this.index.bucketCountMax && this.hasSegmentsFor(count);
    if (grown) this.split(count);
    unlock(control, CONTROL_SPLIT_LOCK);
    return grown;
  }

  private hasSegmentsFor(bucket: number): boolean {
    const perSegmentShift = this.memory.segmentShift - BUCKET_BYTES_SHIFT;
    if ((bucket & ((1 << perSegmentShift) - 1)) !== 0) return true;
    const segment = this.pool.take(SegmentState.index, Queue.none, DRAIN_RESERVE_SEGMENTS);
    this.starved = segment === NO_SEGMENT;
    if (this.starved) return false;
    this.memory.control[this.memory.map.indexDirectory + (bucket >> perSegmentShift)] = segment;
    Atomics.add(this.memory.control, CONTROL_INDEX_SEGMENTS, 1);
    this.addGhostSegment(bucket);
    return true;
  }

  /** Where memory is short, buckets go without ghosts: hits are lost, nothing else. */
  private addGhostSegment(bucket: number): void {
    if (this.ghosts === null) return;
    const entry = this.memory.map.ghostDirectory + (bucket >> this.ghosts.bucketsPerSegmentShift);
    if (this.memory.control[entry] !== 0) return;
    const segment = this.pool.takeFar(SegmentState.ghost, DRAIN_RESERVE_SEGMENTS);
    if (segment === NO_SEGMENT) return;
    this.memory.control[entry] = segment;
    Atomics.add(this.memory.control, CONTROL_GHOST_SEGMENTS, 1);
  }

  /** Splits the bucket that shares its items with new bucket `target`. */
  private split(target: number): void {
    const highBit = 31 - Math.clz32(target);
    const source = target ^ (1 << highBit);
    const moveBit = 1 << (META_TAG_LOW_SHIFT + highBit - this.index.initialShift);
    const sourceWords = this.index.wordsOf(source);
    const sourceWord = this.index.wordOf(source);
    const targetWords = this.index.wordsOf(target);
    const targetWord = this.index.wordOf(target);

    lockBit(sourceWords, sourceWord + BUCKET_CONTROL, BUCKET_LOCK);
    const chain = sourceWords[sourceWord + BUCKET_CONTROL]! & BUCKET_OVERFLOW_MASK;
    this.gather(sourceWords, sourceWord, moveBit);
    targetWords.fill(0, targetWord, targetWord + BUCKET_WORDS);
    targetWords[targetWord + BUCKET_CONTROL] = BUCKET_LOCK;
    // Two chains never need more overflow buckets than the one had whose slots they share.
    let spare = this.writeChain(sourceWords, sourceWord, this.staying, this.stayingCount, chain);
    spare = this.writeChain(targetWords, targetWord, this.moving, this.movingCount, spare);
    while (spare !== 0) {
      const next = this.nextInChain(spare);
      this.overflow.giveBack(spare);
      spare = next;
    }
    // So that who read an item before the split and writes after it sees whether it changed.
    targetWords[targetWord + BUCKET_VERSION] = sourceWords[sourceWord + BUCKET_VERSION]!;
    this.ghosts?.copy(source, target);
    Atomics.store(this.memory.control, CONTROL_BUCKET_COUNT, target + 1);
    unlockBit(targetWords, targetWord + BUCKET_CONTROL, BUCKET_LOCK);
    unlockBit(sourceWords, sourceWord + BUCKET_CONTROL, BUCKET_LOCK);
  }

  /** Sorts the slots of a locked chain into those that stay and those that move. */
  private gather(words: Int32Array, word: number, moveBit: number): void {
    this.stayingCount = 0;
    this.movingCount = 0;
    let bucketWords = words;
    let bucketWord = word;
    let end = word + BUCKET_WORDS;
    for (;;) {
      if (this.stayingCount + this.movingCount + SLOT_COUNT > this.staying.length / SLOT_WORDS) this.widen();
      for (let slot = bucketWord + BUCKET_SLOTS; slot < end; slot += SLOT_WORDS) {
        const low = bucketWords[slot]!;
        const meta = bucketWords[slot + SLOT_META]!;
        if (low === 0) continue;
        if ((meta & moveBit) !== 0) {
          this.moving[this.movingCount * SLOT_WORDS] = low;
          this.moving[this.movingCount * SLOT_WORDS + SLOT_META] = meta;
          this.movingCount += 1;
        } else {
          this.staying[this.stayingCount * SLOT_WORDS] = low;
          this.staying[this.stayingCount * SLOT_WORDS + SLOT_META] = meta;
          this.stayingCount += 1;
        }
      }
      const next = bucketWords[bucketWord + BUCKET_CONTROL]! & BUCKET_OVERFLOW_MASK;
      if (next === 0) return;
      bucketWords = this.overflow.wordsOf(next);
      bucketWord = this.overflow.wordOf(next);
      end = bucketWord + OVERFLOW_WORDS;
    }
  }

  private widen(): void {
    const staying = new Int32Array(this.staying.length * 2);
    staying.set(this.staying);
    this.staying = staying;
    const moving = new Int32Array(this.moving.length * 2);
    moving.set(this.moving);
    this.moving = moving;
  }

  /** Writes `count` slots to a bucket, going on in overflow buckets from the list `spare`; returns what is left of it. */
  private writeChain(words: Int32Array, word: number, slots: Int32Array, count: number, spare: number): number {
    let bucketWords = words;
    let bucketWord = word;
    let slotCount = SLOT_COUNT;
    let left = spare;
    let taken = 0;
    for (;;) {
      bucketWords[bucketWord + BUCKET_CONTROL]! &= BUCKET_LOCK;
      for (let slot = 0; slot < slotCount; slot += 1, taken += 1) {
        const at = bucketWord + BUCKET_SLOTS + slot * SLOT_WORDS;
        bucketWords[at] = taken < count ? slots[taken * SLOT_WORDS]! : 0;
        bucketWords[at + SLOT_META] = taken < count ? slots[taken * SLOT_WORDS + SLOT_META]! : 0;
      }
      if (taken >= count) return left;
      const next = left;
      assert(next !== 0, 'a split has enough overflow buckets');
      left = this.nextInChain(next);
      bucketWords[bucketWord + BUCKET_CONTROL]! |= next;
      bucketWords = this.overflow.wordsOf(next);
      bucketWord = this.overflow.wordOf(next);
      slotCount = OVERFLOW_SLOT_COUNT;
    }
  }

  private nextInChain(bucket: number): number {
    return this.overflow.wordsOf(bucket)[this.overflow.wordOf(bucket) + BUCKET_CONTROL]! & BUCKET_OVERFLOW_MASK;
  }
}
