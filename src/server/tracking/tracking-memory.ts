/**
 * What the threads of a node know together of clients that cache (docs/adr/0025-client-caches.md): who follows the change log for all of them, and
 * for each thread which keys its clients may hold.
 *
 *     Int32 words
 *     0        lock         held by who opens, reads or closes the follower of the change log
 *     1        follower     its number in the change log + 1; 0: nobody follows
 *     2        position     sequence number of the record that it reads next
 *     3        clients      that track, on all threads
 *     4        overruns     how often records were overwritten that the follower had not read
 *     16 …     16 words per thread: clients that track, those of them that broadcast, keys in its table, KiB of its table,
 *              whether a word that everything has changed is on its way to it
 *     then     one filter per thread: FILTER_BUCKETS counters of a byte, of how many keys of its table have that hash
 *
 * The lock is taken while no lock of the store is held; within it, the change log's. Nobody waits for anything while holding it.
 *
 * A thread alone writes its words, but for the last one, and its filter. A counter that has come to 255 stays there until the table is empty. So a filter may say of a key that it is held
 * which is not; the reverse never happens: a key is counted before the client's read looks it up.
 */
import { lock, unlock } from '../../store/spin-lock.ts';

const AT_LOCK = 0;
const AT_FOLLOWER = 1;
const AT_POSITION = 2;
const AT_CLIENTS = 3;
const AT_OVERRUNS = 4;
const HEADER_WORDS = 16;

const THREAD_CLIENTS = 0;
const THREAD_BROADCASTERS = 1;
const THREAD_KEYS = 2;
const THREAD_KIB = 3;
const THREAD_TOLD_ALL = 4;
const THREAD_WORDS = 16;

const FILTER_BITS = 20;
// By a shift: what `**` gives is a double, and a double is a slow index.
const FILTER_BUCKETS = 1 << FILTER_BITS;
const COUNT_MAX = 255;
const NOBODY = 0;

export class TrackingMemory {
  readonly buffer: SharedArrayBuffer;
  readonly threadCount: number;
  private readonly words: Int32Array;
  private readonly filters: Uint8Array;

  constructor(buffer: SharedArrayBuffer, threadCount: number) {
    this.buffer = buffer;
    this.threadCount = threadCount;
    const filtersAt = headerBytes(threadCount);
    this.words = new Int32Array(buffer, 0, filtersAt / Int32Array.BYTES_PER_ELEMENT);
    this.filters = new Uint8Array(buffer, filtersAt);
  }

  /** Memory that nobody has touched is not there: a node whose clients do not track has none of the filters. */
  static create(threadCount: number): TrackingMemory {
    const bytes = headerBytes(threadCount) + threadCount * FILTER_BUCKETS;
    return new TrackingMemory(new SharedArrayBuffer(bytes), threadCount);
  }

  // The follower.

  lock(): void {
    lock(this.words, AT_LOCK);
  }

  unlock(): void {
    unlock(this.words, AT_LOCK);
  }

  /** Number of the follower in the change log; null: nobody follows. It changes under the lock alone. */
  get follower(): number | null {
    const number = Atomics.load(this.words, AT_FOLLOWER);
    return number === NOBODY ? null : number - 1;
  }

  set follower(number: number | null) {
    Atomics.store(this.words, AT_FOLLOWER, number === null ? NOBODY : number + 1);
  }

  /** Records before it were handed out. */
  get position(): number {
    return Atomics.load(this.words, AT_POSITION);
  }

  set position(sequence: number) {
    Atomics.store(this.words, AT_POSITION, sequence);
  }

  /** Clients that track, on all threads. */
  get clientCount(): number {
    return Atomics.load(this.words, AT_CLIENTS);
  }

  /** How often everybody was told to forget everything, because the change log was overrun. */
  get overrunCount(): number {
    return Atomics.load(this.words, AT_OVERRUNS);
  }

  countOverrun(): void {
    Atomics.add(this.words, AT_OVERRUNS, 1);
  }

  // One thread's.

  addClients(thread: number, change: number): void {
    Atomics.add(this.words, AT_CLIENTS, change);
    Atomics.add(this.words, wordOf(thread, THREAD_CLIENTS), change);
  }

  addBroadcasters(thread: number, change: number): void {
    Atomics.add(this.words, wordOf(thread, THREAD_BROADCASTERS), change);
  }

  hasClients(thread: number): boolean {
    return Atomics.load(this.words, wordOf(thread, THREAD_CLIENTS)) > 0;
  }

  /** Whether clients of `thread` want to hear of keys whether they have read them or not. */
  hasBroadcasters(thread: number): boolean {
    return Atomics.load(this.words, wordOf(thread, THREAD_BROADCASTERS)) > 0;
  }

  /** Notes how large the table of `thread` is. */
  setTableSize(thread: number, keyCount: number, bytes: number): void {
    Atomics.store(this.words, wordOf(thread, THREAD_KEYS), keyCount);
    Atomics.store(this.words, wordOf(thread, THREAD_KIB), Math.floor(bytes / 1024));
  }

  /** Keys in the tables of all threads. */
  get keyCount(): number {
    return this.sum(THREAD_KEYS);
  }

  /** Bytes of the tables of all threads, about. */
  get tableBytes(): number {
    return this.sum(THREAD_KIB) * 1024;
  }

  /** Notes that `thread` is being told that everything has changed. False where it is already. */
  tellAll(thread: number): boolean {
    return Atomics.exchange(this.words, wordOf(thread, THREAD_TOLD_ALL), 1) === 0;
  }

  /** `thread` has heard it, and does so now. */
  heardAll(thread: number): void {
    Atomics.store(this.words, wordOf(thread, THREAD_TOLD_ALL), 0);
  }

  // Filters.

  /** Counts one more key with this hash in the table of `thread`. False: the counter is at its end, and stays there until `clearFilter`. */
  countKey(thread: number, hash: number): boolean {
    const at = filterIndex(thread, hash);
    const count = this.filters[at]!;
    if (count < COUNT_MAX) Atomics.store(this.filters, at, count + 1);
    return count + 1 < COUNT_MAX;
  }

  uncountKey(thread: number, hash: number): void {
    const at = filterIndex(thread, hash);
    const count = this.filters[at]!;
    if (count < COUNT_MAX) Atomics.store(this.filters, at, count - 1);
  }

  /** Whether the table of `thread` may have a key with this hash; false: it has none. As of the last atomic access of the caller: that of a change log's head, or of a lock. */
  mayHold(thread: number, hash: number): boolean {
    return this.filters[filterIndex(thread, hash)] !== 0;
  }

  /** The table of `thread` is empty. */
  clearFilter(thread: number): void {
    this.filters.fill(0, thread * FILTER_BUCKETS, (thread + 1) * FILTER_BUCKETS);
  }

  private sum(word: number): number {
    let sum = 0;
    for (let thread = 0; thread < this.threadCount; thread += 1) sum += Atomics.load(this.words, wordOf(thread, word));
    return sum;
  }
}

/** A hash of a key for the filters (the steps of MurmurHash3). Keys chosen to meet in one counter cost the node needless mail and nothing else. */
export function trackingHash(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  const wholeEnd = end - (length & 3);
  let hash = length;
  let offset = start;
  for (; offset < wholeEnd; offset += 4) {
    const word = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
    hash = mix(hash, word);
  }
  let rest = 0;
  for (; offset < end; offset += 1) rest = (rest << 8) | bytes[offset]!;
  hash = mix(hash, rest);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51);
  const mixed = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function filterIndex(thread: number, hash: number): number {
  return (thread << FILTER_BITS) | (hash & (FILTER_BUCKETS - 1));
}

function wordOf(thread: number, word: number): number {
  return HEADER_WORDS + thread * THREAD_WORDS + word;
}

function headerBytes(threadCount: number): number {
  return (HEADER_WORDS + threadCount * THREAD_WORDS) * Int32Array.BYTES_PER_ELEMENT;
}
