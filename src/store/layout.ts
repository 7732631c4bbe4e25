/**
 * The layout of the store's shared memory: every offset, width and mask. No other file indexes raw memory by a literal.
 *
 * Memory is ARENAS of at most 1 GiB (`SharedArrayBuffer`s, committed by the kernel as they are touched), cut into SEGMENTS
 * (1 MiB unless the store is small). A segment holds items, buckets, overflow buckets or ghosts; so the limit on memory is
 * one number, the count of segments.
 *
 *   item, 4-byte aligned, anywhere in a segment after its first 8 bytes
 *     compact   | flags 8 | key length 8 | value length 16 |
 *     extended  | flags 8 | key length 24 || value length 32 |
 *               [ expiry, ms since 1970, low 32 || high 32 ]   by flag EXPIRY; 0 = none
 *               [ name space 32 ]                              by flag NAMESPACE; absent = name space 0
 *               key bytes, value bytes, 0-3 bytes of padding
 *
 *   bucket, 64 bytes, one cache line
 *     | lock 1, overflow bucket 31 || version 32 |  then 7 slots of 8 bytes:
 *     | location, low 32 || tag 26 (hash low 18, hash high 8), frequency 2, location, high 4 |
 *     A location counts in words of 4 bytes over all arenas: bits 0-27 are the word in its arena, the 8 above the arena.
 *     It is never 0 (segments begin with 8 unused bytes), so a location of 0 is an empty slot.
 *
 *   overflow bucket, 32 bytes: where a full bucket goes on
 *     | unused 1, overflow bucket 31 || unused 32 |  then 3 slots
 *
 *   ghost bucket, 16 bytes, one for each bucket: 8 entries of 16 bits, two a word, newest first:
 *     | time of eviction 6, fingerprint 10 |   a fingerprint of 0 is none
 *
 *   control    the words shared by all threads: see below
 *
 *   change log, one block of words of its own (change-ring.ts)
 *     header, a row for each consumer, a word for each hash slot, then the ring of records, 8-byte aligned:
 *     | sequence 32 || key length 16, operation 8, name space 8 || key bytes, 0-7 bytes of padding |
 *
 *   kept hash slots, in the control words: a bit for each (kept-slots.ts)
 *
 *   counters of hash slots, where they are kept: a row per thread in each of two blocks (slot-counters.ts)
 *     items      Int32   name space * slots + slot
 *     bytes      Float64 slot
 */
import { assert } from '../base/assert.ts';
import { KEY_SLOT_COUNT } from '../base/key-slot.ts';

export const WORD_BYTES = 4;
export const WORD_SHIFT = 2;

// Arenas and locations.
export const ARENA_SHIFT = 30;
export const ARENA_BYTES: number = 2 ** ARENA_SHIFT;
export const ARENA_COUNT_MAX = 256;
/** A location's low word: the bits that are the word in its arena. */
export const LOCATION_WORD_MASK = 0x0fff_ffff;
export const LOCATION_ARENA_SHIFT = 28;
/** Bits of the arena's number that the low word holds; the rest stands in the slot's second word. */
export const LOCATION_ARENA_LOW_BITS: number = 32 - LOCATION_ARENA_SHIFT;

// Segments.
export const SEGMENT_BYTES_DEFAULT: number = 2 ** 20;
export const SEGMENT_BYTES_MIN = 4096;
/** Unused bytes at the start of each segment, so that no item has location 0. */
export const SEGMENT_PREFIX_BYTES = 8;

// Items.
export const ITEM_EXTENDED = 0x01;
export const ITEM_EXPIRY = 0x02;
export const ITEM_NAMESPACE = 0x04;
/** Built by APPEND or SETRANGE. */
export const ITEM_RAW = 0x08;
/** No longer in the index. Written under the lock of the bucket that let go of it; a hint that saves the walk a look-up. */
export const ITEM_DEAD = 0x10;
/** The flags that decide where key and value stand. */
export const ITEM_LAYOUT_FLAGS: number = ITEM_EXTENDED | ITEM_EXPIRY | ITEM_NAMESPACE;
export const ITEM_KEY_SHIFT = 8;
export const ITEM_COMPACT_KEY_MASK = 0xff;
export const ITEM_COMPACT_KEY_MAX = 0xff;
export const ITEM_COMPACT_VALUE_SHIFT = 16;
export const ITEM_COMPACT_VALUE_MAX = 0xffff;
export const ITEM_EXPIRY_WORDS = 2;

// Buckets.
export const BUCKET_BYTES = 64;
export const BUCKET_BYTES_SHIFT = 6;
export const BUCKET_WORDS = 16;
export const BUCKET_CONTROL = 0;
export const BUCKET_VERSION = 1;
export const BUCKET_SLOTS = 2;
export const SLOT_COUNT = 7;
export const SLOT_WORDS = 2;
/** A slot begins with the location's low word; the second word holds tag, frequency and the rest of the location. */
export const SLOT_META = 1;
export const OVERFLOW_BYTES_SHIFT = 5;
export const OVERFLOW_WORDS = 8;
export const OVERFLOW_SLOT_COUNT = 3;
export const BUCKET_LOCK = 0x8000_0000 | 0;
export const BUCKET_OVERFLOW_MASK = 0x7fff_ffff;

// A slot's second word.
export const META_LOCATION_HIGH_MASK = 0xf;
export const META_FREQUENCY_SHIFT = 4;
export const META_FREQUENCY_MASK = 0x30;
export const FREQUENCY_MAX = 3;
export const META_TAG_MASK = ~0x3f;
export const META_TAG_HIGH_SHIFT = 6;
export const META_TAG_HIGH_BITS = 8;
export const META_TAG_LOW_SHIFT = 14;
export const META_TAG_LOW_BITS = 18;

// Ghosts.
export const GHOST_BUCKET_SHIFT = 4;
export const GHOST_BUCKET_WORDS = 4;
/** S3-FIFO wants about as many ghosts as items, and a bucket has 6.5. */
export const GHOST_ENTRIES = 8;
export const GHOST_ENTRY_BITS = 16;
export const GHOST_ENTRY_MASK = 0xffff;
export const GHOST_FINGERPRINT_MASK = 0x3ff;
export const GHOST_STAMP_SHIFT = 10;
export const GHOST_STAMP_MASK = 0x3f;

// Control words: one Int32Array.
const CACHE_LINE_WORDS = 16;
export const CONTROL_BUCKET_COUNT: number = 0 * CACHE_LINE_WORDS;
export const CONTROL_SPLIT_LOCK: number = 1 * CACHE_LINE_WORDS;
export const CONTROL_INDEX_SEGMENTS: number = CONTROL_SPLIT_LOCK + 1;
export const CONTROL_GHOST_SEGMENTS: number = CONTROL_SPLIT_LOCK + 2;
export const CONTROL_POOL_LOCK: number = 2 * CACHE_LINE_WORDS;
export const CONTROL_DRAIN_LOCK: number = 3 * CACHE_LINE_WORDS;
export const CONTROL_OVERFLOW_LOCK: number = 4 * CACHE_LINE_WORDS;
export const CONTROL_OVERFLOW_NEXT: number = CONTROL_OVERFLOW_LOCK + 1;
export const CONTROL_OVERFLOW_FREE: number = CONTROL_OVERFLOW_LOCK + 2;
export const CONTROL_EXCLUSIVE: number = 5 * CACHE_LINE_WORDS;
export const CONTROL_JANITOR_WAKE: number = 6 * CACHE_LINE_WORDS;
export const CONTROL_JANITOR_STOP: number = CONTROL_JANITOR_WAKE + 1;
/** 1: what has expired is removed only when somebody asks for it. */
export const CONTROL_EXPIRY_HELD: number = CONTROL_JANITOR_WAKE + 2;
/** How many hash slots are kept for another node: at 0 no bit of theirs is looked at. */
export const CONTROL_KEPT_COUNT: number = CONTROL_JANITOR_WAKE + 3;
export const CONTROL_WATCH_LOCK: number = 7 * CACHE_LINE_WORDS;
export const CONTROL_WATCH_COUNT: number = 8 * CACHE_LINE_WORDS;
/** Writes seen while a watch found no entry of its own. */
export const CONTROL_WATCH_ANY_VERSION: number = CONTROL_WATCH_COUNT + 1;
// Guarded by the pool's lock:
export const CONTROL_FREE_HEAD: number = CONTROL_POOL_LOCK + 1;
export const CONTROL_FREE_COUNT: number = CONTROL_POOL_LOCK + 2;
export const CONTROL_FREE_COUNT_LEAST: number = CONTROL_POOL_LOCK + 3;
/** Segments that nobody has had since the store was made or emptied: from the first of these two up to before the second. */
export const CONTROL_FRESH_FIRST: number = CONTROL_POOL_LOCK + 4;
export const CONTROL_FRESH_END: number = CONTROL_POOL_LOCK + 5;
/** Segments owned by each queue, the open ones too; indexed by queue. */
export const CONTROL_QUEUE_COUNT: number = CONTROL_POOL_LOCK + 6;
export const CONTROL_QUEUE_HEAD: number = CONTROL_QUEUE_COUNT + 3;
export const CONTROL_QUEUE_TAIL: number = CONTROL_QUEUE_HEAD + 3;
/** Where the search for segments that are mostly dead goes on. */
export const CONTROL_DRAIN_HAND: number = CONTROL_DRAIN_LOCK + 1;
/** The ghosts' clock: ticks, and evictions since the last one. */
export const CONTROL_GHOST_TICK: number = CONTROL_DRAIN_LOCK + 3;
export const CONTROL_GHOST_EVICTIONS: number = CONTROL_DRAIN_LOCK + 4;
/** Where the search for segments with expired items goes on. */
export const CONTROL_EXPIRY_HAND: number = CONTROL_DRAIN_LOCK + 2;
/** How many consumers the change log has: at 0 nothing is recorded. Beside the watches, where each write looks anyway. */
export const CONTROL_CHANGE_CONSUMERS: number = CONTROL_WATCH_COUNT + 2;
export const CONTROL_HASH_SEED: number = 9 * CACHE_LINE_WORDS;
export const CONTROL_EVICTION: number = CONTROL_HASH_SEED + 2;
/** The name space of each database: SWAPDB exchanges two. */
export const CONTROL_NAMESPACES: number = 10 * CACHE_LINE_WORDS;
export const CONTROL_FIXED_WORDS: number = 11 * CACHE_LINE_WORDS;

// Per thread: one cache line of control words.
export const THREAD_WORDS: number = CACHE_LINE_WORDS;
/** 1 while the thread is inside a batch of commands. */
export const THREAD_INSIDE = 0;
/** Open segment of each queue (0: none) and the byte in it where the next item goes; indexed by queue. */
export const THREAD_OPEN_SEGMENT = 1;
export const THREAD_OPEN_BYTES = 4;

// Per segment: one record of control words.
export const SEGMENT_WORDS = 8;
export const SEGMENT_STATE = 0;
export const SEGMENT_QUEUE = 1;
/** Bytes in use, the prefix included; 0 while open (see THREAD_OPEN_BYTES). A large item's head: the whole item's bytes. */
export const SEGMENT_USED = 2;
/** Bytes of dead items. */
export const SEGMENT_DEAD = 3;
export const SEGMENT_NEXT = 4;
/** Lower bound of the expiries in it, in ticks (see expiry.ts). */
export const SEGMENT_EXPIRY = 5;
/** The segment in which a large item goes on; 0: it ends here. */
export const SEGMENT_CONTINUED = 6;
export const SEGMENT_PREVIOUS = 7;

export const SegmentState = {
  free: 0,
  open: 1,
  sealed: 2,
  large: 3,
  continuation: 4,
  index: 5,
  overflow: 6,
  ghost: 7,
} as const;
export const Queue = { none: 0, small: 1, main: 2 } as const;
export type Queue = (typeof Queue)[keyof typeof Queue];

// Watch table: a fixed count of entries.
export const WATCH_ENTRY_WORDS = 4;
export const WATCH_HASH_LOW = 0;
export const WATCH_HASH_HIGH = 1;
export const WATCH_REFERENCES = 2;
export const WATCH_VERSION = 3;
export const WATCH_CAPACITY = 4096;

// Kept hash slots: 32 to a word.
export const KEPT_WORD_SHIFT = 5;
export const KEPT_BIT_MASK = 31;
export const KEPT_WORDS: number = KEY_SLOT_COUNT >> KEPT_WORD_SHIFT;

/** Where the variable parts of the control words begin, for a store of so many segments and threads. */
export class ControlMap {
  readonly threads: number;
  readonly segments: number;
  readonly indexDirectory: number;
  readonly overflowDirectory: number;
  readonly ghostDirectory: number;
  readonly watches: number;
  readonly keptSlots: number;
  readonly words: number;

  constructor(segmentCount: number, threadRowCount: number) {
    this.threads = CONTROL_FIXED_WORDS;
    this.segments = this.threads + threadRowCount * THREAD_WORDS;
    this.indexDirectory = this.segments + segmentCount * SEGMENT_WORDS;
    this.overflowDirectory = this.indexDirectory + segmentCount;
    this.ghostDirectory = this.overflowDirectory + segmentCount;
    this.watches = this.ghostDirectory + segmentCount;
    this.keptSlots = this.watches + WATCH_CAPACITY * WATCH_ENTRY_WORDS;
    this.words = this.keptSlots + KEPT_WORDS;
  }
}

// Counters: one row of doubles per thread, written by that thread alone and summed by readers.
export const COUNTER_ROW = 64;
export const COUNTER_HITS = 0;
export const COUNTER_MISSES = 1;
export const COUNTER_EXPIRED = 2;
export const COUNTER_EVICTED = 3;
export const COUNTER_ITEMS = 4;
export const COUNTER_LIVE_BYTES = 5;
export const COUNTER_DEAD_BYTES = 6;
/** Items of each name space, then those of them that have an expiry. */
export const COUNTER_NAMESPACE_ITEMS = 16;
export const COUNTER_NAMESPACE_EXPIRING = 32;

// Change log: one Int32Array. Positions in the ring count words since the store was made, modulo 2^32.
/** Where the next record goes, an even position; its lowest bit is the lock, so that one store publishes a record and lets go. */
export const CHANGE_HEAD = 0;
export const CHANGE_LOCK = 1;
/** Guarded by the lock: the number of the next record. */
export const CHANGE_SEQUENCE: number = CHANGE_HEAD + 1;
/** Guarded by the lock: no consumer has fallen off while the head is at or before this position. */
export const CHANGE_LIMIT: number = CHANGE_HEAD + 2;
/** How often a consumer fell off, since the store was made. */
export const CHANGE_LOST_COUNT: number = CHANGE_HEAD + 3;
/** Bit c: consumer c wants the changes of all hash slots. */
export const CHANGE_EVERY_SLOT: number = 1 * CACHE_LINE_WORDS;
export const CHANGE_CONSUMERS: number = 2 * CACHE_LINE_WORDS;
export const CHANGE_CONSUMER_COUNT = 16;
export const CHANGE_CONSUMER_WORDS: number = CACHE_LINE_WORDS;
export const CONSUMER_STATE = 0;
/** The position of the next record that it reads. */
export const CONSUMER_CURSOR = 1;
export const ConsumerState = { free: 0, reading: 1, lost: 2 } as const;
/** A word for each hash slot: bit c says that consumer c wants its changes. */
export const CHANGE_SLOTS: number = CHANGE_CONSUMERS + CHANGE_CONSUMER_COUNT * CHANGE_CONSUMER_WORDS;
export const CHANGE_SLOT_CONSUMERS_MASK: number = (1 << CHANGE_CONSUMER_COUNT) - 1;
/** Of a hash slot's word: those who write there are to wait. */
export const CHANGE_SLOT_WRITERS_WAIT: number = 1 << CHANGE_CONSUMER_COUNT;
export const CHANGE_RING: number = CHANGE_SLOTS + KEY_SLOT_COUNT;

/** A record of the change log, in words. */
export const RECORD_SEQUENCE = 0;
export const RECORD_KEY = 1;
export const RECORD_HEADER_WORDS = 2;
/** A record has a multiple of so many words. */
export const RECORD_UNIT_WORDS = 2;
/** Parts of RECORD_KEY. */
export const RECORD_KEY_LENGTH_MASK = 0xffff;
export const RECORD_OPERATION_SHIFT = 16;
export const RECORD_OPERATION_MASK = 0xff;
export const RECORD_NAMESPACE_SHIFT = 24;
/** In place of a record: the ring goes on at its start. */
export const RECORD_SKIP = 0;

assert(BUCKET_SLOTS + SLOT_COUNT * SLOT_WORDS === BUCKET_WORDS, 'slots fill the bucket');
assert(BUCKET_WORDS * WORD_BYTES === BUCKET_BYTES && 1 << BUCKET_BYTES_SHIFT === BUCKET_BYTES, 'bucket sizes agree');
assert(BUCKET_SLOTS + OVERFLOW_SLOT_COUNT * SLOT_WORDS === OVERFLOW_WORDS, 'slots fill the overflow bucket');
assert(OVERFLOW_WORDS * WORD_BYTES === 1 << OVERFLOW_BYTES_SHIFT, 'overflow bucket sizes agree');
assert(META_TAG_LOW_SHIFT + META_TAG_LOW_BITS === 32, 'the tag reaches the top bit');
assert(META_TAG_HIGH_SHIFT + META_TAG_HIGH_BITS === META_TAG_LOW_SHIFT, 'the two parts of the tag touch');
assert(ARENA_BYTES / WORD_BYTES === LOCATION_WORD_MASK + 1, 'a word of an arena fits a location');
assert(CONTROL_QUEUE_TAIL + 3 <= CONTROL_DRAIN_LOCK, 'the words of the pool stay on its cache line');
assert(GHOST_ENTRIES * GHOST_ENTRY_BITS === GHOST_BUCKET_WORDS * 32, 'the ghosts fill their bucket');
assert(GHOST_STAMP_SHIFT + 6 === GHOST_ENTRY_BITS, 'a ghost is stamp and fingerprint');
assert(THREAD_OPEN_BYTES + 3 <= THREAD_WORDS, 'a thread fits its row');
assert(COUNTER_NAMESPACE_EXPIRING + 16 <= COUNTER_ROW, 'the counters fit their row');
assert(CONTROL_CHANGE_CONSUMERS < CONTROL_HASH_SEED, 'the words of the watches stay on their cache line');
assert(CHANGE_RING % RECORD_UNIT_WORDS === 0 && RECORD_UNIT_WORDS > CHANGE_LOCK, 'a position has a bit for the lock');
assert(CHANGE_SLOT_CONSUMERS_MASK < CHANGE_SLOT_WRITERS_WAIT, 'the bits of a hash slot do not overlap');
