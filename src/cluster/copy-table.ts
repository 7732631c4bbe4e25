/**
 * What a node has copies of, and how old they are at most, in shared memory: made once per node, written by the control thread, and read by data threads, which answer
 * reads from copies to clients that ask for that.
 *
 *     Int32 words
 *     0        version    odd while the words of slots are being changed; grows by 2 with each change
 *     1–31     unused
 *     32 …     as doubles, one per source: the monotonic ms as of which everything of that source is here; −Infinity: not known
 *     then     as Uint16, one per slot: 0, or the number of the source plus 1, and LEFT
 *
 * A slot's copy is whole, and follows its source, for as long as its word stays: the control thread takes the word away before it deletes anything. So who has read looks at the
 * version before and after. The doubles are aligned plain memory, as in the slot table.
 */
import { assert } from '../base/assert.ts';
import { SLOT_COUNT } from '../topology/slots.ts';

/** Nodes that slots are copied from at one time. */
export const SOURCE_COUNT_MAX = 1024;
const AT_VERSION = 0;
const HEADER_WORDS = 32;
const SLOTS_BYTE: number =
  HEADER_WORDS * Int32Array.BYTES_PER_ELEMENT + SOURCE_COUNT_MAX * Float64Array.BYTES_PER_ELEMENT;
const TABLE_BYTES: number = SLOTS_BYTE + SLOT_COUNT * Uint16Array.BYTES_PER_ELEMENT;
/** The source sends changes of the slot no more: how old the copy is nobody knows. */
const LEFT = 0x8000;
const NUMBER_MASK = 0x7fff;

assert(SOURCE_COUNT_MAX < NUMBER_MASK, "a source's number has its bits");

/** What this node has whole copies of. */
export interface CopiedSlots {
  /** Number of their source. */
  readonly source: number;
  readonly slots: readonly number[];
  /** Whether the source sends all changes of the slot. */
  readonly isFollowed: (slot: number) => boolean;
}

export interface CopySummary {
  readonly count: number;
  readonly freshAtMs: number;
}

export class CopyTable {
  /** What other threads attach to. */
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly freshAt: Float64Array;
  private readonly slots: Uint16Array;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, HEADER_WORDS);
    this.freshAt = new Float64Array(memory, HEADER_WORDS * Int32Array.BYTES_PER_ELEMENT, SOURCE_COUNT_MAX);
    this.slots = new Uint16Array(memory, SLOTS_BYTE, SLOT_COUNT);
  }

  /** A table of a node that copies nothing. */
  static create(): CopyTable {
    const table = new CopyTable(new SharedArrayBuffer(TABLE_BYTES));
    table.freshAt.fill(Number.NEGATIVE_INFINITY);
    return table;
  }

  /** The table of another thread's `memory`. */
  static attach(memory: SharedArrayBuffer): CopyTable {
    assert(memory.byteLength === TABLE_BYTES, `a table of copies has ${TABLE_BYTES} bytes, not ${memory.byteLength}`);
    return new CopyTable(memory);
  }

  // Reading, by any thread.

  /** Odd while words are being changed: nothing of the table counts then. Another number than before: they have been. */
  get version(): number {
    return Atomics.load(this.words, AT_VERSION);
  }

  /** Whether there is a whole copy of `slot`, however old. */
  has(slot: number): boolean {
    return Atomics.load(this.slots, slot) !== 0;
  }

  /** Monotonic ms as of which all of `slot` is here; −Infinity where there is no copy, or nobody knows. */
  freshAtMs(slot: number): number {
    const word = Atomics.load(this.slots, slot);
    return word === 0 || (word & LEFT) !== 0 ? Number.NEGATIVE_INFINITY : this.freshAt[(word & NUMBER_MASK) - 1]!;
  }

  /** Slots that there is a whole copy of, and the monotonic ms as of which all of them are here; for people. */
  summary(): CopySummary {
    let count = 0;
    let freshAtMs = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (!this.has(slot)) continue;
      count += 1;
      freshAtMs = Math.min(freshAtMs, this.freshAtMs(slot));
    }
    return { count, freshAtMs };
  }

  // Writing, by the control thread alone.

  setFresh(source: number, atMs: number): void {
    this.freshAt[source] = atMs;
  }

  /** These are all copies from now on. */
  setCopies(copies: Iterable<CopiedSlots>): void {
    const words = new Uint16Array(SLOT_COUNT);
    for (const { source, slots, isFollowed } of copies) {
      for (const slot of slots) words[slot] = (source + 1) | (isFollowed(slot) ? 0 : LEFT);
    }
    Atomics.add(this.words, AT_VERSION, 1);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.slots[slot] !== words[slot]) Atomics.store(this.slots, slot, words[slot]!);
    }
    Atomics.add(this.words, AT_VERSION, 1);
  }
}
