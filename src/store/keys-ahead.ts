/**
 * The keys of requests that are about to run. A key's bucket and item are mostly in no cache, and a look-up waits for them one after
 * the other: bucket, header, value. So the keys of a batch are looked at together first: all buckets are asked for, then all headers,
 * then all values, and the processor fetches what does not depend on each other at the same time.
 *
 * It changes nothing and decides nothing: memory is read without locks and what is read is thrown away, but for the hash of each
 * key, which does not depend on memory and which the operation then takes over. A slot that is written meanwhile leads to some
 * other place inside the arenas, or to none.
 * Guarded by bench/hot-paths.ts.
 */
import { type BucketIndex, bucketOf } from './bucket-index.ts';
import type { KeyHash } from './hash.ts';
import {
  BUCKET_SLOTS,
  BUCKET_WORDS,
  ITEM_COMPACT_VALUE_SHIFT,
  ITEM_EXTENDED,
  META_TAG_MASK,
  SLOT_META,
  SLOT_WORDS,
} from './layout.ts';
import { slotArena, slotWord, type StoreMemory } from './memory.ts';
import { namespaceOf } from './namespaces.ts';

/** Where the places of a batch's keys begin, and how many there are: what was fetched shall still be in the nearer caches when it is used. */
export const BATCH_FIRST = 0;
export const BATCH_PLACES = 16;
/** The same for the keys of one request that has many. */
export const REQUEST_FIRST: number = BATCH_FIRST + BATCH_PLACES;
export const REQUEST_PLACES = 16;

/** The same for the first requests of several connections. */
export const GROUP_FIRST: number = REQUEST_FIRST + REQUEST_PLACES;
export const GROUP_PLACES = 16;

const PLACES = GROUP_FIRST + GROUP_PLACES;
const CACHE_LINE_WORDS = 16;
/** What of an item is asked for; the rest of a longer one the processor finds by itself, because it is read in order. */
const FETCHED_WORDS_MAX = 1024;
/** The first word of an arena belongs to no item. */
const NO_ITEM = 0;

export class KeysAhead {
  private readonly memory: StoreMemory;
  private readonly index: BucketIndex;
  private readonly hash: KeyHash;
  private readonly lows = new Int32Array(PLACES);
  private readonly highs = new Int32Array(PLACES);
  private readonly namespaces = new Int32Array(PLACES);
  private readonly bucketArenas = new Int32Array(PLACES);
  private readonly buckets = new Int32Array(PLACES);
  /** The items that the keys seem to have. */
  private readonly arenas = new Int32Array(PLACES);
  private readonly words = new Int32Array(PLACES);
  private readonly valueWordsMax = new Int32Array(PLACES);
  private end = 0;
  /** Takes what was read, so that the reads are made. */
  private seen = 0;

  constructor(memory: StoreMemory, index: BucketIndex, hash: KeyHash) {
    this.memory = memory;
    this.index = index;
    this.hash = hash;
  }

  /** Forgets the keys noted in the places from `first` on: BATCH_FIRST, REQUEST_FIRST or GROUP_FIRST. */
  begin(first: number): void {
    this.end = first;
  }

  /**
   * Hashes a key into the next place, which it returns. `wantsValue`: whether its value will be read or overwritten. The caller notes no more
   * than there are places.
   */
  note(bytes: Uint8Array, start: number, length: number, database: number, wantsValue: boolean): number {
    const { hash, index } = this;
    const place = this.end;
    this.end = place + 1;
    const namespace = namespaceOf(this.memory, database);
    hash.update(bytes, start, length, namespace);
    this.lows[place] = hash.low;
    this.highs[place] = hash.high;
    this.namespaces[place] = namespace;
    const bucket = bucketOf(hash.low, index.bucketCount);
    this.bucketArenas[place] = index.arenaOf(bucket);
    this.buckets[place] = index.wordOf(bucket);
    this.valueWordsMax[place] = wantsValue ? FETCHED_WORDS_MAX : 0;
    return place;
  }

  /** Asks for the items of the keys noted since `begin(first)`. */
  fetch(first: number): void {
    const { end } = this;
    let seen = 0;
    // One short loop for each step: the shorter its body, the more of its reads are under way at once.
    for (let place = first; place < end; place += 1)
      seen ^= this.touch(this.bucketArenas[place]!, this.buckets[place]!);
    for (let place = first; place < end; place += 1) this.findItem(place);
    for (let place = first; place < end; place += 1) seen ^= this.touch(this.arenas[place]!, this.words[place]!);
    for (let place = first; place < end; place += 1) seen ^= this.fetchValue(place);
    this.seen ^= seen;
  }

  /** Gives `hash` the hash of the key noted in `place`, if it is that of a key in this name space. */
  recall(place: number, namespace: number, hash: KeyHash): boolean {
    if (this.namespaces[place] !== namespace) return false;
    hash.low = this.lows[place]!;
    hash.high = this.highs[place]!;
    return true;
  }

  private touch(arena: number, word: number): number {
    return this.memory.words[arena]![word]!;
  }

  private findItem(place: number): void {
    const { index, memory } = this;
    const tag = index.tagOf(this.lows[place]!, this.highs[place]!);
    const start = this.buckets[place]!;
    this.arenas[place] = 0;
    this.words[place] = 0;
    const words = memory.words[this.bucketArenas[place]!]!;
    for (let slot = start + BUCKET_SLOTS; slot < start + BUCKET_WORDS; slot += SLOT_WORDS) {
      const meta = words[slot + SLOT_META]!;
      if (((meta ^ tag) & META_TAG_MASK) !== 0) continue;
      const low = words[slot]!;
      const arena = slotArena(low, meta);
      const word = slotWord(low);
      if (arena >= memory.words.length || word >= memory.words[arena]!.length) continue;
      this.arenas[place] = arena;
      this.words[place] = word;
      return;
    }
  }

  private fetchValue(place: number): number {
    const start = this.words[place]!;
    if (start === NO_ITEM) return 0;
    const words = this.memory.words[this.arenas[place]!]!;
    const header = words[start]!;
    const wordCount = (header & ITEM_EXTENDED) === 0 ? (header >>> ITEM_COMPACT_VALUE_SHIFT) >> 2 : FETCHED_WORDS_MAX;
    const end = Math.min(words.length, start + Math.min(this.valueWordsMax[place]!, wordCount + CACHE_LINE_WORDS));
    let seen = 0;
    for (let word = start + CACHE_LINE_WORDS; word < end; word += CACHE_LINE_WORDS) seen ^= words[word]!;
    return seen;
  }
}
