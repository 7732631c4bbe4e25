/**
 * The change log as its consumers see it (src/store/change-ring.ts has the writers' side and the layout): who follows changes takes a consumer,
 * names the hash slots, or all, and reads records at its own pace. Moves of slots, replicas, the disk and clients' caches do so, each
 * with a cursor of its own.
 *
 * What a record means: this key was changed; look it up to know how it is now. What a consumer may rely on:
 *  - A change after `open` returned is in the log, if its key's slot was followed then. So who opens a consumer, then copies all items, then
 *    reads records and copies the keys that they name, has missed nothing.
 *  - Records are in the order of the changes for each key, and exact for what concerns all keys: a flush stands behind every change that it undid.
 *  - Removal of expired and evicted items is recorded too. An item travels with its expiry, so that would seem needless; but a client that
 *    deletes a key which is not there any more is told so, nothing is recorded, and a copy that had stayed elsewhere would come back.
 *  - Items that come with a slot from elsewhere, or are given up because it went there, are recorded for those alone who read `everything`: that is no
 *    change of their values, but who keeps the store on disk must know.
 *  - A consumer that is a whole ring behind reads `lost`, once and for all: it must `skipToEnd`, or `close` and open again, and start with a full copy.
 */
import { assert } from '../base/assert.ts';
import { keySlot } from '../base/key-slot.ts';
import { ChangeOperation, NO_KEY_SLOT, recordWords } from '../store/change-ring.ts';
import {
  CHANGE_CONSUMER_COUNT,
  CHANGE_CONSUMER_WORDS,
  CHANGE_CONSUMERS,
  CHANGE_EVERY_SLOT,
  CHANGE_HEAD,
  CHANGE_LOCK,
  CHANGE_LOST_COUNT,
  CHANGE_RING,
  CHANGE_SEQUENCE,
  CHANGE_SLOT_WRITERS_WAIT,
  CHANGE_SLOTS,
  CONSUMER_CURSOR,
  CONSUMER_STATE,
  CONTROL_CHANGE_CONSUMERS,
  ConsumerState,
  RECORD_HEADER_WORDS,
  RECORD_KEY,
  RECORD_KEY_LENGTH_MASK,
  RECORD_NAMESPACE_SHIFT,
  RECORD_OPERATION_MASK,
  RECORD_OPERATION_SHIFT,
  RECORD_SEQUENCE,
  RECORD_SKIP,
  WORD_SHIFT,
} from '../store/layout.ts';
import type { StoreHandle } from '../store/memory.ts';
import { lockBit, unlockBit } from '../store/spin-lock.ts';
import { KEY_BYTES_MAX } from '../store/types.ts';

/** A change as it was read. One object is filled again and again. */
export class ChangeRecord {
  /** Grows by 1 with each record of the log, modulo 2^32. */
  sequence = 0;
  operation: ChangeOperation | 0 = 0;
  /** What items of the key's database are marked with (namespaces.ts in src/store), or EVERY_NAMESPACE. */
  namespace = 0;
  /** The key's hash slot, or NO_KEY_SLOT. */
  slot = 0;
  /** The key is `bytes[0..length)`, until the next read. */
  readonly bytes: Buffer = Buffer.alloc(KEY_BYTES_MAX);
  length = 0;
}

/** What a read came to. */
export const ChangeReading = {
  /** Nothing new. */
  none: 0,
  record: 1,
  /** Records that this consumer had not read are overwritten. */
  lost: 2,
} as const;
export type ChangeReading = (typeof ChangeReading)[keyof typeof ChangeReading];

/** `changes`: of this node's keys. `everything`: also what came and went with slots, and notes about whole slots. */
export type ConsumerReads = 'changes' | 'everything';

/** One follower of the log. One thread uses it, or several in turns, each with an object of its own (`ChangeLog.attach`). */
export class ChangeConsumer {
  private readonly words: Int32Array;
  private readonly bytes: Buffer;
  private readonly ringWords: number;
  /** Which of the log's consumers it is. */
  readonly number: number;
  private readonly row: number;
  private cursor: number;
  /** Where the head was when it was last looked at. */
  private knownHead: number;
  private sequence: number;
  private readonly onClose: () => void;
  private readonly readsEverything: boolean;

  constructor(
    memory: { readonly words: Int32Array; readonly bytes: Buffer },
    number: number,
    reads: ConsumerReads,
    onClose: () => void,
  ) {
    this.words = memory.words;
    this.bytes = memory.bytes;
    this.ringWords = memory.words.length - CHANGE_RING;
    this.number = number;
    this.row = CHANGE_CONSUMERS + number * CHANGE_CONSUMER_WORDS;
    this.cursor = memory.words[this.row + CONSUMER_CURSOR]!;
    this.knownHead = this.cursor;
    this.sequence = memory.words[CHANGE_SEQUENCE]!;
    this.readsEverything = reads === 'everything';
    this.onClose = onClose;
  }

  /** Reads the next record that is about a slot which this consumer follows, or about all keys. */
  read(record: ChangeRecord): ChangeReading {
    // Looked at once for many records: each look takes the line from the writers.
    if (this.cursor === this.knownHead) this.knownHead = Atomics.load(this.words, CHANGE_HEAD) & ~CHANGE_LOCK;
    while (this.cursor !== this.knownHead) {
      const place = this.cursor & (this.ringWords - 1);
      this.moveTo(this.cursor + this.copy(place, record));
      // In this order: the store of the cursor keeps the copy before it, and nothing was overwritten before a mark that is not there now.
      if (this.isLost) return ChangeReading.lost;
      if (record.operation === RECORD_SKIP) continue;
      assert(record.sequence === this.sequence, 'records have no gaps');
      this.sequence = (this.sequence + 1) | 0;
      if (record.operation >= ChangeOperation.received && !this.readsEverything) continue;
      record.slot = isAboutOneKey(record) ? keySlot(record.bytes, 0, record.length) : NO_KEY_SLOT;
      if (this.follows(record.slot)) return ChangeReading.record;
    }
    return this.isLost ? ChangeReading.lost : ChangeReading.none;
  }

  /** Whether records that this consumer had not read are overwritten. */
  get isLost(): boolean {
    return Atomics.load(this.words, this.row + CONSUMER_STATE) === ConsumerState.lost;
  }

  /** Records of the whole log that are still to be read, those that others follow included. */
  get lag(): number {
    return (Atomics.load(this.words, CHANGE_SEQUENCE) - this.sequence) >>> 0;
  }

  /** A mark behind all records that are in the log now, for `hasRead`. */
  get end(): number {
    return Atomics.load(this.words, CHANGE_SEQUENCE);
  }

  /** The sequence number of the next record to be read: all before it are. */
  get position(): number {
    return this.sequence;
  }

  /** Whether all records before `end`, as it was some time ago, are read. */
  hasRead(end: number): boolean {
    return ((this.sequence - end) | 0) >= 0;
  }

  /** How much of the ring is still to be read: at 1 this consumer is lost. */
  get lagShare(): number {
    return (((Atomics.load(this.words, CHANGE_HEAD) & ~CHANGE_LOCK) - this.cursor) >>> 0) / this.ringWords;
  }

  /** Passes over all that it has not read, and is lost no longer. Changes are recorded throughout. */
  skipToEnd(): void {
    const { words } = this;
    lockBit(words, CHANGE_HEAD, CHANGE_LOCK);
    this.moveTo(words[CHANGE_HEAD]! & ~CHANGE_LOCK);
    this.knownHead = this.cursor;
    this.sequence = words[CHANGE_SEQUENCE]!;
    Atomics.store(words, this.row + CONSUMER_STATE, ConsumerState.reading);
    unlockBit(words, CHANGE_HEAD, CHANGE_LOCK);
  }

  /** Goes on where another object for the same consumer has stopped reading, whose `position` that was. */
  resume(position: number): void {
    this.cursor = Atomics.load(this.words, this.row + CONSUMER_CURSOR);
    this.knownHead = this.cursor;
    this.sequence = position;
  }

  /** Ends it. Nothing is recorded for it any more. */
  close(): void {
    const { words } = this;
    const bit = 1 << this.number;
    if (Atomics.load(words, this.row + CONSUMER_STATE) === ConsumerState.free) return;
    lockBit(words, CHANGE_HEAD, CHANGE_LOCK);
    Atomics.and(words, CHANGE_EVERY_SLOT, ~bit);
    for (let slot = CHANGE_SLOTS; slot < CHANGE_RING; slot += 1) {
      if ((words[slot]! & bit) !== 0) Atomics.and(words, slot, ~bit);
    }
    Atomics.store(words, this.row + CONSUMER_STATE, ConsumerState.free);
    unlockBit(words, CHANGE_HEAD, CHANGE_LOCK);
    this.onClose();
  }

  private follows(slot: number): boolean {
    const bit = 1 << this.number;
    if (CHANGE_SLOTS + slot >= CHANGE_RING || (this.words[CHANGE_EVERY_SLOT]! & bit) !== 0) return true;
    return (this.words[CHANGE_SLOTS + slot]! & bit) !== 0;
  }

  private moveTo(cursor: number): void {
    this.cursor = cursor | 0;
    Atomics.store(this.words, this.row + CONSUMER_CURSOR, this.cursor);
  }

  /** Copies the record at `place` and returns its size in words. What is overwritten meanwhile gives nonsense, but no access out of bounds. */
  private copy(place: number, record: ChangeRecord): number {
    const { words } = this;
    const at = CHANGE_RING + place;
    const header = words[at + RECORD_KEY]!;
    record.operation = ((header >>> RECORD_OPERATION_SHIFT) & RECORD_OPERATION_MASK) as ChangeOperation | 0;
    if (record.operation === RECORD_SKIP) return this.ringWords - place;
    record.namespace = header >>> RECORD_NAMESPACE_SHIFT;
    record.sequence = words[at + RECORD_SEQUENCE]!;
    record.length = header & RECORD_KEY_LENGTH_MASK;
    const start = (at + RECORD_HEADER_WORDS) << WORD_SHIFT;
    this.bytes.copy(record.bytes, 0, start, start + record.length);
    return recordWords(record.length);
  }
}

/** One thread's access to a store's change log. */
export class ChangeLog {
  /** The most consumers at one time. */
  static readonly consumerCountMax: number = CHANGE_CONSUMER_COUNT;
  private readonly words: Int32Array;
  private readonly bytes: Buffer;
  private readonly control: Int32Array;

  /** `handle`: of a store that has a change log (`StoreGeometry.changeLogBytes`). */
  constructor(handle: StoreHandle) {
    assert(handle.changes.byteLength > 0, 'the store has a change log');
    this.words = new Int32Array(handle.changes);
    this.bytes = Buffer.from(handle.changes);
    this.control = new Int32Array(handle.control);
  }

  /** Begins to follow the changes of `slots`, or of all for null. Null where there are as many consumers as may be. */
  open(slots: readonly number[] | null, reads: ConsumerReads = 'changes'): ChangeConsumer | null {
    const { words } = this;
    lockBit(words, CHANGE_HEAD, CHANGE_LOCK);
    const number = this.freeConsumer();
    if (number !== -1) {
      const row = CHANGE_CONSUMERS + number * CHANGE_CONSUMER_WORDS;
      Atomics.store(words, row + CONSUMER_CURSOR, words[CHANGE_HEAD]! & ~CHANGE_LOCK);
      Atomics.store(words, row + CONSUMER_STATE, ConsumerState.reading);
    }
    const consumer = number === -1 ? null : this.attach(number, reads);
    unlockBit(words, CHANGE_HEAD, CHANGE_LOCK);
    if (consumer === null) return null;
    const bit = 1 << number;
    if (slots === null) Atomics.or(words, CHANGE_EVERY_SLOT, bit);
    else for (const slot of slots) Atomics.or(words, CHANGE_SLOTS + slot, bit);
    Atomics.add(this.control, CONTROL_CHANGE_CONSUMERS, 1);
    return consumer;
  }

  /** Another object for the consumer `number`, which `open` made: of use once it was told where to `resume`, while no other object reads. */
  attach(number: number, reads: ConsumerReads = 'changes'): ChangeConsumer {
    const { words, bytes } = this;
    return new ChangeConsumer(
      { words, bytes },
      number,
      reads,
      () => void Atomics.sub(this.control, CONTROL_CHANGE_CONSUMERS, 1),
    );
  }

  /** Makes those who write to `slots` wait, or lets them go on (`Store.writersWait`). They look; nobody wakes them. */
  setWritersWait(slots: readonly number[], wait: boolean): void {
    for (const slot of slots) {
      if (wait) Atomics.or(this.words, CHANGE_SLOTS + slot, CHANGE_SLOT_WRITERS_WAIT);
      else Atomics.and(this.words, CHANGE_SLOTS + slot, ~CHANGE_SLOT_WRITERS_WAIT);
    }
  }

  /** The sequence number of the next record: a mark behind all that are in the log now. */
  get end(): number {
    return Atomics.load(this.words, CHANGE_SEQUENCE);
  }

  /** Consumers that follow now. */
  get consumerCount(): number {
    return Atomics.load(this.control, CONTROL_CHANGE_CONSUMERS);
  }

  /** How often a consumer fell off the ring, since the store was made. */
  get lostCount(): number {
    return Atomics.load(this.words, CHANGE_LOST_COUNT);
  }

  /** Sequence of the next record: who notes it after a change waits, with it, for all up to that change. */
  get sequence(): number {
    return Atomics.load(this.words, CHANGE_SEQUENCE);
  }

  private freeConsumer(): number {
    for (let number = 0; number < CHANGE_CONSUMER_COUNT; number += 1) {
      const row = CHANGE_CONSUMERS + number * CHANGE_CONSUMER_WORDS;
      if (Atomics.load(this.words, row + CONSUMER_STATE) === ConsumerState.free) return number;
    }
    return -1;
  }
}

function isAboutOneKey({ operation }: ChangeRecord): boolean {
  return operation < ChangeOperation.flushed || operation === ChangeOperation.received;
}
