/**
 * How far the replicas of this node's slots are, in shared memory: made once per node, written by the control thread, and read by data threads, which hold answers back until so
 * many replicas have a write.
 *
 *     Int32 words
 *     0        version    odd while the words of slots are being changed; grows by 2 with each change
 *     1        news       grows by 1 whenever a stream has confirmed more, and waiters are notified
 *     2        furthest   no replica of any stream has confirmed more than what is before this position
 *     3–15     unused
 *     16 …     one word per stream: the position of this node's change log before which its replica has confirmed every change of its slots
 *     then     two words per slot: four numbers of 16 bits, each that of a stream, plus 1, whose replica has a synced copy of the slot; 0: none
 *
 * A position counts records of the change log, modulo 2^32; a data thread that has written takes `ChangeRing.position` as its own. The number of a stream may be given to another
 * one; so who counts looks at the version before and after.
 */
import { assert } from '../base/assert.ts';
import { isBefore } from '../changes/log-position.ts';
import { SLOT_COUNT } from '../topology/slots.ts';

/** Streams from this node at one time. */
export const STREAM_COUNT_MAX = 1024;
/** Synced copies of one slot that are counted: the most replicas that a cluster keeps, and one that takes another's place. */
export const COPY_COUNT_MAX = 4;
const AT_VERSION = 0;
const AT_NEWS = 1;
const AT_FURTHEST = 2;
const STREAMS = 16;
const SLOTS: number = STREAMS + STREAM_COUNT_MAX;
const SLOT_WORDS = 2;
const NUMBER_BITS = 16;
const NUMBER_MASK = 0xffff;
const TABLE_BYTES: number = (SLOTS + SLOT_COUNT * SLOT_WORDS) * Int32Array.BYTES_PER_ELEMENT;

assert(STREAM_COUNT_MAX < NUMBER_MASK, "a stream's number has its bits");
assert(COPY_COUNT_MAX * NUMBER_BITS === SLOT_WORDS * 32, "the numbers of a slot's streams fill its words");

export class ReplicaTable {
  /** What other threads attach to. */
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.words = new Int32Array(memory);
  }

  /** A table of a node without replicas. */
  static create(): ReplicaTable {
    return new ReplicaTable(new SharedArrayBuffer(TABLE_BYTES));
  }

  /** The table of another thread's `memory`. */
  static attach(memory: SharedArrayBuffer): ReplicaTable {
    assert(memory.byteLength === TABLE_BYTES, `a table of replicas has ${TABLE_BYTES} bytes, not ${memory.byteLength}`);
    return new ReplicaTable(memory);
  }

  // Reading, by any thread.

  /** Replicas that have every change of `slot` before `position` of the change log. While the table is being changed, 0: to look again is on the reader. */
  confirmedCount(slot: number, position: number): number {
    const { words } = this;
    const version = Atomics.load(words, AT_VERSION);
    if ((version & 1) !== 0) return 0;
    let count = 0;
    for (let word = SLOTS + slot * SLOT_WORDS; word < SLOTS + (slot + 1) * SLOT_WORDS; word += 1) {
      for (let numbers = Atomics.load(words, word); numbers !== 0; numbers >>>= NUMBER_BITS) {
        const number = (numbers & NUMBER_MASK) - 1;
        if (number >= 0 && ((Atomics.load(words, STREAMS + number) - position) | 0) >= 0) count += 1;
      }
    }
    return Atomics.load(words, AT_VERSION) === version ? count : 0;
  }

  /** Replicas that have a synced copy of `slot`, however far they are. */
  copyCount(slot: number): number {
    let count = 0;
    for (let word = SLOTS + slot * SLOT_WORDS; word < SLOTS + (slot + 1) * SLOT_WORDS; word += 1) {
      const numbers = Atomics.load(this.words, word);
      if ((numbers & NUMBER_MASK) !== 0) count += 1;
      if (numbers >>> NUMBER_BITS !== 0) count += 1;
    }
    return count;
  }

  /** No replica has confirmed more than what is before this position. */
  get furthest(): number {
    return Atomics.load(this.words, AT_FURTHEST);
  }

  /** Another number than before: some replica has confirmed more, or slots have other copies. */
  get news(): number {
    return Atomics.load(this.words, AT_NEWS);
  }

  // Writing, by the control thread alone.

  /** The replica of stream number `stream` has confirmed every change before `position`. */
  confirm(stream: number, position: number): void {
    this.noteFurthest(position);
    if (Atomics.exchange(this.words, STREAMS + stream, position | 0) !== (position | 0)) this.changed();
  }

  /**
   * Puts the copies of all slots in place, and how far the streams are: `copiesOf` gives the numbers of the streams that have a synced copy; more than COPY_COUNT_MAX
   * are not counted.
   */
  setCopies(
    copiesOf: (slot: number) => readonly number[],
    confirmed: Iterable<readonly [stream: number, position: number]>,
  ): void {
    const { words } = this;
    Atomics.add(words, AT_VERSION, 1);
    for (const [stream, position] of confirmed) {
      this.noteFurthest(position);
      Atomics.store(words, STREAMS + stream, position | 0);
    }
    let numbers: readonly number[] = [];
    let low = 0;
    let high = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const next = copiesOf(slot);
      if (next !== numbers) {
        numbers = next;
        low = numberAt(numbers, 0) | (numberAt(numbers, 1) << NUMBER_BITS);
        high = numberAt(numbers, 2) | (numberAt(numbers, 3) << NUMBER_BITS);
      }
      const word = SLOTS + slot * SLOT_WORDS;
      // Most stay as they are, and to look takes less time than to write.
      if (words[word] !== low) Atomics.store(words, word, low);
      if (words[word + 1] !== high) Atomics.store(words, word + 1, high);
    }
    Atomics.add(words, AT_VERSION, 1);
    this.changed();
  }

  private noteFurthest(position: number): void {
    if (isBefore(this.furthest, position)) Atomics.store(this.words, AT_FURTHEST, position | 0);
  }

  private changed(): void {
    Atomics.add(this.words, AT_NEWS, 1);
    Atomics.notify(this.words, AT_NEWS);
  }
}

/** As a slot's words have it. */
function numberAt(numbers: readonly number[], at: number): number {
  return at < numbers.length ? numbers[at]! + 1 : 0;
}
