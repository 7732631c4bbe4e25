/**
 * The shared memory of one store, as a thread sees it: the arenas, the control words and the counters. A `StoreHandle` is what
 * travels to another thread; each thread makes its own views of it.
 */
import { assert } from '../base/assert.ts';
import { KEY_SLOT_COUNT } from '../base/key-slot.ts';
import {
  ARENA_BYTES,
  ARENA_COUNT_MAX,
  ARENA_SHIFT,
  CHANGE_RING,
  COUNTER_ROW,
  ControlMap,
  LOCATION_ARENA_LOW_BITS,
  LOCATION_ARENA_SHIFT,
  LOCATION_WORD_MASK,
  META_LOCATION_HIGH_MASK,
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_BYTES_MIN,
  SEGMENT_WORDS,
  THREAD_WORDS,
  WORD_BYTES,
  WORD_SHIFT,
} from './layout.ts';
import { DATABASE_COUNT } from './types.ts';

/** What a store is made with. */
export interface StoreGeometry {
  /** Limit for items, index and ghosts together, in bytes. Rounded down to whole segments. */
  readonly memoryBytes: number;
  /** A power of two from 4 KiB to 1 GiB; 0: 1 MiB, or less where the store is small. */
  readonly segmentBytes: number;
  /** Threads that run commands. The janitor, the control thread and the disk thread have rows of their own beside them. */
  readonly threadCount: number;
  /** Of a node in a cluster: items and bytes are counted by hash slot, and the control thread may write. Off by default. */
  readonly clustered?: boolean;
  /** Of a node that keeps its data on disk: the disk thread writes what it loads. Off by default. */
  readonly kept?: boolean;
  /** Room of the change log, a power of two of at least CHANGE_LOG_BYTES_MIN; 0: there is none. By default CHANGE_LOG_BYTES in a cluster, else 0. */
  readonly changeLogBytes?: number;
}

/** The store as it travels between threads (`postMessage`, `workerData`). */
export interface StoreHandle {
  readonly arenas: readonly SharedArrayBuffer[];
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** Empty where there is no change log. */
  readonly changes: SharedArrayBuffer;
  /** Empty where hash slots are not counted. */
  readonly slotItems: SharedArrayBuffer;
  readonly slotBytes: SharedArrayBuffer;
  readonly segmentBytes: number;
  readonly segmentCount: number;
  readonly threadCount: number;
}

/** Below this many segments the unit of reclamation is too coarse: a small store gets smaller segments. */
const SEGMENT_COUNT_WANTED = 64;
/** Segments this small still hold the longest key with its header. */
const SEGMENT_BYTES_AUTO_MIN = 131_072;
export const SEGMENT_COUNT_MIN = 16;

/** Segments that a store needs for itself, and for each thread. */
const SHARED_SEGMENTS = 8;
const THREAD_SEGMENTS = 4;

/** The change log's room by default: some 200,000 changes of keys of 32 bytes. Committed as it is touched. */
export const CHANGE_LOG_BYTES: number = 8 * 2 ** 20;
/** Holds several of the longest keys. */
export const CHANGE_LOG_BYTES_MIN: number = 2 ** 18;
export const CHANGE_LOG_BYTES_MAX: number = 2 ** 30;

/** Rows beside those of the data threads: the janitor's, the control thread's, the disk thread's. */
const EXTRA_ROWS = 3;

/** The row of a store's janitor. */
export function janitorRow(handle: StoreHandle): number {
  return handle.threadCount;
}

/** The row of the thread that looks after the node and moves slots. */
export function controlRow(handle: StoreHandle): number {
  return handle.threadCount + 1;
}

/** The row of the thread that loads what is on disk, and keeps it up to date. */
export function diskRow(handle: StoreHandle): number {
  return handle.threadCount + 2;
}

/** The most threads that a store of this size may have; at least 1. */
export function threadCountMax(geometry: Omit<StoreGeometry, 'threadCount'>): number {
  const segmentCount = Math.floor(geometry.memoryBytes / segmentBytesOf(geometry));
  return Math.max(1, Math.floor((segmentCount - sharedSegments(geometry)) / THREAD_SEGMENTS));
}

/** Segments that are no data thread's; the control thread of a cluster needs as many as one, and so does the disk thread. */
function sharedSegments({ clustered, kept }: Omit<StoreGeometry, 'threadCount'>): number {
  return SHARED_SEGMENTS + (clustered === true ? THREAD_SEGMENTS : 0) + (kept === true ? THREAD_SEGMENTS : 0);
}

function segmentBytesOf({ memoryBytes, segmentBytes }: Omit<StoreGeometry, 'threadCount'>): number {
  return segmentBytes === 0 ? chooseSegmentBytes(memoryBytes) : segmentBytes;
}

/** The segment size for a store of `memoryBytes`: 1 MiB, and less below 64 MiB. */
export function chooseSegmentBytes(memoryBytes: number): number {
  let bytes = SEGMENT_BYTES_DEFAULT;
  while (bytes > SEGMENT_BYTES_AUTO_MIN && memoryBytes / bytes < SEGMENT_COUNT_WANTED) bytes /= 2;
  return bytes;
}

/** Reserves the memory of a store; the kernel commits it as it is touched. */
export function allocateStoreMemory(geometry: StoreGeometry): StoreHandle {
  const segmentBytes = segmentBytesOf(geometry);
  assert(Number.isInteger(Math.log2(segmentBytes)), 'a segment is a power of two');
  assert(segmentBytes >= SEGMENT_BYTES_MIN && segmentBytes <= ARENA_BYTES, 'a segment is 4 KiB to 1 GiB');
  const segmentCount = Math.floor(geometry.memoryBytes / segmentBytes);
  const segmentCountMin = Math.max(
    SEGMENT_COUNT_MIN,
    sharedSegments(geometry) + THREAD_SEGMENTS * geometry.threadCount,
  );
  assert(
    segmentCount >= segmentCountMin,
    `a store for ${geometry.threadCount} threads has at least ${segmentCountMin} segments`,
  );
  const arenas: SharedArrayBuffer[] = [];
  for (let left = segmentCount * segmentBytes; left > 0; left -= ARENA_BYTES) {
    arenas.push(new SharedArrayBuffer(Math.min(left, ARENA_BYTES)));
  }
  assert(arenas.length <= ARENA_COUNT_MAX, `a store has at most ${ARENA_COUNT_MAX} GiB`);
  const rows = geometry.threadCount + EXTRA_ROWS;
  const control = new SharedArrayBuffer(new ControlMap(segmentCount, rows).words * Int32Array.BYTES_PER_ELEMENT);
  const counters = new SharedArrayBuffer(rows * COUNTER_ROW * Float64Array.BYTES_PER_ELEMENT);
  const slotRows = geometry.clustered === true ? rows * KEY_SLOT_COUNT : 0;
  return {
    arenas,
    control,
    counters,
    changes: allocateChangeLog(geometry),
    slotItems: new SharedArrayBuffer(slotRows * DATABASE_COUNT * Int32Array.BYTES_PER_ELEMENT),
    slotBytes: new SharedArrayBuffer(slotRows * Float64Array.BYTES_PER_ELEMENT),
    segmentBytes,
    segmentCount,
    threadCount: geometry.threadCount,
  };
}

function allocateChangeLog({ clustered, changeLogBytes }: StoreGeometry): SharedArrayBuffer {
  const bytes = changeLogBytes ?? (clustered === true ? CHANGE_LOG_BYTES : 0);
  if (bytes === 0) return new SharedArrayBuffer(0);
  assert(Number.isInteger(Math.log2(bytes)), "the change log's room is a power of two");
  assert(bytes >= CHANGE_LOG_BYTES_MIN && bytes <= CHANGE_LOG_BYTES_MAX, 'a change log has 256 KiB to 1 GiB');
  return new SharedArrayBuffer(CHANGE_RING * WORD_BYTES + bytes);
}

export class StoreMemory {
  readonly handle: StoreHandle;
  readonly map: ControlMap;
  readonly control: Int32Array;
  readonly counters: Float64Array;
  /** Views of each arena: words for headers, buckets and ghosts, bytes for keys and values. */
  readonly words: readonly Int32Array[];
  readonly bytes: readonly Buffer[];
  readonly segmentBytes: number;
  readonly segmentCount: number;
  /** log2 of a segment's size in bytes. */
  readonly segmentShift: number;
  /** This thread's row: 0 … threadCount - 1, then `janitorRow`, `controlRow` and `diskRow`. */
  readonly thread: number;
  /** Where this thread's control words and counters begin. */
  readonly threadWord: number;
  readonly counterRow: number;
  private readonly arenaSegmentShift: number;

  constructor(handle: StoreHandle, thread: number) {
    const rows = handle.threadCount + EXTRA_ROWS;
    assert(thread >= 0 && thread < rows, 'the thread has a row');
    this.handle = handle;
    this.map = new ControlMap(handle.segmentCount, rows);
    this.control = new Int32Array(handle.control);
    this.counters = new Float64Array(handle.counters);
    this.words = handle.arenas.map((arena) => new Int32Array(arena));
    this.bytes = handle.arenas.map((arena) => Buffer.from(arena));
    this.segmentBytes = handle.segmentBytes;
    this.segmentCount = handle.segmentCount;
    this.segmentShift = Math.log2(handle.segmentBytes);
    this.arenaSegmentShift = ARENA_SHIFT - this.segmentShift;
    this.thread = thread;
    this.threadWord = this.map.threads + thread * THREAD_WORDS;
    this.counterRow = thread * COUNTER_ROW;
  }

  /** Adds to one of this thread's counters. */
  count(counter: number, delta: number): void {
    this.counters[this.counterRow + counter]! += delta;
  }

  /** A counter's sum over all threads. */
  total(counter: number): number {
    let sum = 0;
    for (let index = counter; index < this.counters.length; index += COUNTER_ROW) sum += this.counters[index]!;
    return sum;
  }

  /** Where the record of `segment` begins in the control words. */
  record(segment: number): number {
    return this.map.segments + segment * SEGMENT_WORDS;
  }

  /** The arena that holds `segment`. */
  arenaOf(segment: number): number {
    return segment >> this.arenaSegmentShift;
  }

  /** The first byte of `segment` in its arena. */
  segmentStart(segment: number): number {
    return (segment & ((1 << this.arenaSegmentShift) - 1)) << this.segmentShift;
  }

  /** The segment that word `word` of `arena` lies in. */
  segmentAt(arena: number, word: number): number {
    return (arena << this.arenaSegmentShift) | (word >> (this.segmentShift - WORD_SHIFT));
  }

  /** Fills a whole segment with zeros. */
  clearSegment(segment: number): void {
    const start = this.segmentStart(segment);
    this.bytes[this.arenaOf(segment)]!.fill(0, start, start + this.segmentBytes);
  }
}

/** The low word of the location of `word` in `arena`. */
export function locationLow(arena: number, word: number): number {
  return word | (arena << LOCATION_ARENA_SHIFT);
}

/** The high bits of a location in `arena`, in their place in a slot's second word. */
export function locationHigh(arena: number): number {
  return arena >> LOCATION_ARENA_LOW_BITS;
}

/** The arena of a slot's location. */
export function slotArena(low: number, meta: number): number {
  return (low >>> LOCATION_ARENA_SHIFT) | ((meta & META_LOCATION_HIGH_MASK) << LOCATION_ARENA_LOW_BITS);
}

/** The word in its arena of a slot's location. */
export function slotWord(low: number): number {
  return low & LOCATION_WORD_MASK;
}
