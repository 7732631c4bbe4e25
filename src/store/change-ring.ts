/**
 * Where each change to the store is noted for those who follow it: a bounded ring of records in shared memory. A record says which key
 * changed, not what its value is: who reads it looks the key up then, so a key that was written a hundred times is sent once.
 *
 * Any thread appends, under the lock of the changed key's bucket and then, for the few words of a record, the log's own lock, which is the
 * innermost of all. So records of one key stand in the order of its changes, and who reads a record and then locks the key's bucket
 * sees that change or a later one. Sequence numbers are dense. Writers never wait for a consumer: one that is a whole ring behind
 * is marked as lost before anything that it has not read is overwritten.
 *
 * A consumer names the hash slots that it follows, or all; what nobody follows is not recorded, and while there is no consumer a change costs
 * one load. What changes the keys of all slots at once (a flush, SWAPDB) is recorded for every consumer. `ChangeLog` in
 * src/changes is the consumers' side. Guarded by bench/store.ts; the figures are in docs/adr/0018-change-log.md.
 */
import { keySlot } from '../base/key-slot.ts';
import {
  CHANGE_CONSUMER_COUNT,
  CHANGE_CONSUMER_WORDS,
  CHANGE_CONSUMERS,
  CHANGE_EVERY_SLOT,
  CHANGE_HEAD,
  CHANGE_LIMIT,
  CHANGE_LOCK,
  CHANGE_LOST_COUNT,
  CHANGE_RING,
  CHANGE_SEQUENCE,
  CHANGE_SLOT_CONSUMERS_MASK,
  CHANGE_SLOT_WRITERS_WAIT,
  CHANGE_SLOTS,
  CONSUMER_CURSOR,
  CONSUMER_STATE,
  CONTROL_CHANGE_CONSUMERS,
  ConsumerState,
  RECORD_HEADER_WORDS,
  RECORD_KEY,
  RECORD_NAMESPACE_SHIFT,
  RECORD_OPERATION_SHIFT,
  RECORD_SEQUENCE,
  RECORD_SKIP,
  RECORD_UNIT_WORDS,
  WORD_BYTES,
  WORD_SHIFT,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import { lockBit } from './spin-lock.ts';

/** What happened to a key. A number once used is never used for something else; 0 is RECORD_SKIP. */
export const ChangeOperation = {
  /** It has a new value or another expiry. */
  written: 1,
  /** Somebody deleted it. */
  removed: 2,
  /** Its time was over and it was removed. */
  expired: 3,
  /** It was removed to make room. */
  evicted: 4,
  /** All keys of the record's name space, or of all for EVERY_NAMESPACE, are gone. The record has no key. */
  flushed: 5,
  /** Two databases exchanged their contents. The record has no key. */
  swapped: 6,
  // What follows is for who keeps the store on disk, and nobody else reads it.
  /** The key came from another node with its slot, or went by that node's word: that is no change of this node's. */
  received: 7,
  /** All items of some slots were given up. In place of a key there is a note (slot-notes.ts), as in what follows. */
  slotsCleared: 8,
  /** What `flushed` concerns of the slots that this node serves, in a cluster. */
  slotsFlushed: 9,
  /** This node is the owner of some slots now, and has all that is in them. */
  slotsClaimed: 10,
} as const;
export type ChangeOperation = (typeof ChangeOperation)[keyof typeof ChangeOperation];

/** The name space of a record about all of them. */
export const EVERY_NAMESPACE = 0xff;
/** The hash slot of a record that is about no single key. */
export const NO_KEY_SLOT = 0xffff;

const NO_BYTES = new Uint8Array(0);
/** Keys longer than this are copied by the runtime, shorter ones by a loop over words. */
const KEY_LOOP_BYTES_MAX = 128;
const nativeCopy = Buffer.prototype.copy;

export class ChangeRing {
  readonly words: Int32Array;
  /** Words of the ring; 0: this store has no change log. */
  readonly ringWords: number;
  /**
   * A mark behind the last record of a client's change that this thread noted (`ChangeConsumer.end`). It changes with each, and with nothing else: what is
   * removed because its time is over or for want of room is nobody's request.
   */
  requestedEnd = 0;
  /** Set by who wants to know which records those are: the sequence number of each is put here. */
  requested: number[] | null = null;
  private readonly bytes: Buffer;
  private readonly control: Int32Array;

  constructor(memory: StoreMemory) {
    const { changes } = memory.handle;
    this.control = memory.control;
    this.words = new Int32Array(changes);
    this.bytes = Buffer.from(changes);
    this.ringWords = Math.max(0, this.words.length - CHANGE_RING);
  }

  /** A mark behind all records of the log, other threads' too. */
  get end(): number {
    return this.words.length === 0 ? 0 : Atomics.load(this.words, CHANGE_SEQUENCE);
  }

  /** Notes a change of the key in `bytes[start..start+length)`. Its bucket is locked. */
  changed(operation: ChangeOperation, namespace: number, bytes: Uint8Array, start: number, length: number): void {
    if (Atomics.load(this.control, CONTROL_CHANGE_CONSUMERS) === 0) return;
    if (this.words[CHANGE_EVERY_SLOT] === 0) {
      const followers = this.words[CHANGE_SLOTS + keySlot(bytes, start, length)]! & CHANGE_SLOT_CONSUMERS_MASK;
      if (followers === 0) return;
    }
    this.append(operation, namespace, bytes, start, length);
  }

  /** Notes a change of all keys of a name space. Inside an exclusive section, after the change. */
  changedAll(operation: ChangeOperation, namespace: number): void {
    if (Atomics.load(this.control, CONTROL_CHANGE_CONSUMERS) === 0) return;
    this.append(operation, namespace, NO_BYTES, 0, 0);
  }

  /** Notes something about whole slots, for who keeps the store on disk; `body`: `encodeSlotNote`. */
  changedSlots(operation: ChangeOperation, namespace: number, body: Uint8Array): void {
    if (Atomics.load(this.control, CONTROL_CHANGE_CONSUMERS) === 0) return;
    this.append(operation, namespace, body, 0, body.length);
  }

  /** Whether those who write to `slot` are to wait a while: a move of it cannot keep up with them. */
  writersWait(slot: number): boolean {
    return this.ringWords !== 0 && (Atomics.load(this.words, CHANGE_SLOTS + slot) & CHANGE_SLOT_WRITERS_WAIT) !== 0;
  }

  /** The number of the next record: who has written takes it for a position behind what was written. 0 where there is no change log. */
  get position(): number {
    return this.ringWords === 0 ? 0 : Atomics.load(this.words, CHANGE_SEQUENCE);
  }

  private append(
    operation: ChangeOperation,
    namespace: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    const { words, ringWords } = this;
    const size = recordWords(length);
    lockBit(words, CHANGE_HEAD, CHANGE_LOCK);
    let head = words[CHANGE_HEAD]! & ~CHANGE_LOCK;
    let place = head & (ringWords - 1);
    // A record is never cut in two.
    const skipped = place + size > ringWords ? ringWords - place : 0;
    const end = (head + skipped + size) | 0;
    if (((end - words[CHANGE_LIMIT]!) | 0) > 0) this.passBy(end);
    if (skipped > 0) {
      words[CHANGE_RING + place + RECORD_KEY] = RECORD_SKIP;
      head = (head + skipped) | 0;
      place = 0;
    }
    const record = CHANGE_RING + place;
    const sequence = words[CHANGE_SEQUENCE]!;
    words[record + RECORD_SEQUENCE] = sequence;
    words[record + RECORD_KEY] = length | (operation << RECORD_OPERATION_SHIFT) | (namespace << RECORD_NAMESPACE_SHIFT);
    this.copyKey(bytes, start, length, record + RECORD_HEADER_WORDS);
    words[CHANGE_SEQUENCE] = (sequence + 1) | 0;
    if (operation !== ChangeOperation.expired && operation !== ChangeOperation.evicted) {
      this.requestedEnd = (sequence + 1) | 0;
      if (this.requested !== null) this.requested.push(sequence);
    }
    // Publishes what was written above, and lets go of the lock.
    Atomics.store(words, CHANGE_HEAD, end);
  }

  private copyKey(bytes: Uint8Array, start: number, length: number, word: number): void {
    if (length > KEY_LOOP_BYTES_MAX) {
      nativeCopy.call(bytes, this.bytes, word << WORD_SHIFT, start, start + length);
      return;
    }
    const { words } = this;
    const wholeEnd = start + (length & ~3);
    let at = start;
    let to = word;
    for (; at < wholeEnd; at += 4, to += 1) {
      words[to] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    }
    let last = 0;
    for (let shift = 0; at < start + length; at += 1, shift += 8) last |= bytes[at]! << shift;
    if ((length & 3) !== 0) words[to] = last;
  }

  /** Marks as lost who has not read what a record up to `end` overwrites, and notes how far the others let the head go. */
  private passBy(end: number): void {
    const { words, ringWords } = this;
    let room = ringWords >> 1;
    for (let consumer = 0; consumer < CHANGE_CONSUMER_COUNT; consumer += 1) {
      const row = CHANGE_CONSUMERS + consumer * CHANGE_CONSUMER_WORDS;
      if (Atomics.load(words, row + CONSUMER_STATE) !== ConsumerState.reading) continue;
      const behind = (end - Atomics.load(words, row + CONSUMER_CURSOR)) | 0;
      if (behind > ringWords) {
        Atomics.store(words, row + CONSUMER_STATE, ConsumerState.lost);
        Atomics.add(words, CHANGE_LOST_COUNT, 1);
      } else room = Math.min(room, ringWords - behind);
    }
    words[CHANGE_LIMIT] = (end + room) | 0;
  }
}

/** Words of a record of a key of `length` bytes. */
export function recordWords(length: number): number {
  const words = RECORD_HEADER_WORDS + ((length + WORD_BYTES - 1) >> WORD_SHIFT);
  return (words + RECORD_UNIT_WORDS - 1) & -RECORD_UNIT_WORDS;
}
