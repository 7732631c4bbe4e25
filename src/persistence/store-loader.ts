/**
 * Fills an empty store with records, in their order: what a recovery does with each one that it has verified. While it goes on each database has the
 * name space of its own number, and at the end the one that the last mapping gave it. Nobody else uses the store.
 */
import { assert, unreachable } from '../base/assert.ts';
import { KEY_SLOT_COUNT, keySlot } from '../base/key-slot.ts';
import { EVERY_NAMESPACE } from '../store/change-ring.ts';
import { ANY_NAMESPACE } from '../store/iteration.ts';
import { BATCH_FIRST, BATCH_PLACES } from '../store/keys-ahead.ts';
import { Queue } from '../store/layout.ts';
import { namespaceOf, setNamespaces } from '../store/namespaces.ts';
import { removeSelected } from '../store/slot-items.ts';
import { SlotSet } from '../store/slot-set.ts';
import type { Store } from '../store/store.ts';
import { DATABASE_COUNT, Key, NO_PLACE, WriteOptions, WriteResult } from '../store/types.ts';
import { Claims } from './claims.ts';
import { RecordKind, RecordReader } from './records.ts';

export class StoreLoader {
  /** Item records whose time was over. */
  expiredCount = 0;
  /** Of the last `end` record; −1: there was none since the last `beginFile`. */
  endItemCount = -1;
  /** Item records since `beginFile`. */
  fileItemCount = 0;
  /** Of the node that wrote the files; null: it was in none. */
  cluster: string | null = null;
  readonly claims: Claims = new Claims();
  /** Slots whose items are still to be removed: by one walk for as many as can be. */
  private readonly doomed = new Uint8Array(KEY_SLOT_COUNT);
  private doomedCount = 0;
  private readonly store: Store;
  private readonly wallMs: number;
  private readonly key = new Key();
  /** Goes some records before the reader. */
  private readonly ahead = new RecordReader();
  private readonly options = new WriteOptions();
  private readonly namespaces = Uint8Array.from({ length: DATABASE_COUNT }, (_unused, database) => database);

  /** `store`: empty, through the access of the calling thread. What has expired at `wallMs` is left out. */
  constructor(store: Store, wallMs: number) {
    assert(store.stats().itemCount === 0, 'the store is empty');
    for (let database = 0; database < DATABASE_COUNT; database += 1)
      assert(namespaceOf(store.parts.memory, database) === database, 'no databases were swapped');
    this.store = store;
    this.wallMs = wallMs;
  }

  beginFile(): void {
    this.endItemCount = -1;
    this.fileItemCount = 0;
  }

  /** Applies the records of a block, which `reader` has begun with. Returns what forbids it, for people, or null. */
  apply(reader: RecordReader): string | null {
    const { store } = this;
    store.enter();
    try {
      for (;;) {
        const noted = this.noteKeys(reader);
        for (let index = 0; index < Math.max(1, noted); index += 1) {
          if (!reader.next()) return reader.problem;
          const problem = this.applyOne(reader, noted === 0 ? NO_PLACE : BATCH_FIRST + index);
          if (problem !== null) return problem;
        }
      }
    } finally {
      store.leave();
    }
  }

  /** After the last record. */
  finish(): void {
    const { memory, log } = this.store.parts;
    this.store.enter();
    this.removeDoomed();
    this.store.leave();
    setNamespaces(memory, this.namespaces);
    // This thread writes nothing any more: what it has open is for the drain to see.
    for (const queue of [Queue.small, Queue.main]) log.seal(queue);
  }

  /** Has the places of the next records' keys fetched, all at once: else each waits for memory by itself. Returns how many; 0: the next record has no key. */
  private noteKeys(reader: RecordReader): number {
    const { ahead, store } = this;
    const { keysAhead } = store;
    ahead.beginAt(reader);
    keysAhead.begin(BATCH_FIRST);
    let count = 0;
    while (count < BATCH_PLACES && ahead.next() && ahead.hasKey && ahead.keyLength <= store.keyBytesMax) {
      keysAhead.note(ahead.bytes, ahead.keyStart, ahead.keyLength, ahead.namespace, false);
      count += 1;
    }
    keysAhead.fetch(BATCH_FIRST);
    return count;
  }

  /** `place`: where `noteKeys` has noted the record's key. */
  private applyOne(reader: RecordReader, place: number): string | null {
    switch (reader.kind) {
      case RecordKind.item:
        return this.item(reader, place);
      case RecordKind.removed:
        if (reader.keyLength <= this.store.keyBytesMax) this.store.delete(this.keyOf(reader, place), null, this.wallMs);
        return null;
      case RecordKind.flushed:
        this.store.beginExclusive();
        this.store.flush(reader.namespace === EVERY_NAMESPACE ? -1 : reader.namespace, this.wallMs);
        this.store.endExclusive();
        return null;
      case RecordKind.mapping:
        for (let database = 0; database < DATABASE_COUNT; database += 1)
          this.namespaces[database] = reader.namespaceOf(database);
        return null;
      case RecordKind.cluster:
        this.cluster = reader.bytes.toString('utf8', reader.keyStart, reader.keyStart + reader.keyLength);
        return null;
      case RecordKind.claimed:
        this.claims.take(reader.note);
        return null;
      case RecordKind.cleared:
        this.claims.take({ ...reader.note, time: 0 });
        this.doom(reader.note.slots);
        return null;
      case RecordKind.emptied:
        if (reader.namespace === EVERY_NAMESPACE) this.doom(reader.note.slots);
        else this.remove(reader.namespace, new SlotSet(reader.note.slots));
        return null;
      case RecordKind.end:
        this.endItemCount = reader.itemCount;
        return null;
      default:
        return unreachable(reader.kind);
    }
  }

  private item(reader: RecordReader, place: number): string | null {
    const { store, options, wallMs } = this;
    this.fileItemCount += 1;
    if (reader.keyLength > store.keyBytesMax)
      return `it holds a key of ${reader.keyLength} bytes, and this node takes ${store.keyBytesMax} at most: give it more memory`;
    if (this.doomedCount > 0 && this.doomed[keySlot(reader.bytes, reader.keyStart, reader.keyLength)] === 1)
      this.removeDoomed();
    const key = this.keyOf(reader, place);
    if (reader.expiresAtMs !== 0 && reader.expiresAtMs <= wallMs) {
      this.expiredCount += 1;
      store.delete(key, null, wallMs);
      return null;
    }
    if (reader.valueLength > store.valueBytesMax)
      return `it holds a value of ${reader.valueLength} bytes, and this node takes ${store.valueBytesMax} at most: give it more memory`;
    options.expiresAtMs = reader.expiresAtMs;
    options.raw = reader.raw;
    options.provenUse = reader.used;
    const outcome = store.set(key, reader.bytes, reader.valueStart, reader.valueLength, options, wallMs);
    return outcome === WriteResult.stored
      ? null
      : `its items take more than the ${store.stats().memoryBytes} bytes of memory that this node has and may not evict from: give it more`;
  }

  private doom(slots: readonly number[]): void {
    for (const slot of slots) {
      if (this.doomed[slot] === 0) this.doomedCount += 1;
      this.doomed[slot] = 1;
    }
  }

  private removeDoomed(): void {
    if (this.doomedCount === 0) return;
    const slots: number[] = [];
    for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1) if (this.doomed[slot] === 1) slots.push(slot);
    this.doomed.fill(0);
    this.doomedCount = 0;
    this.remove(ANY_NAMESPACE, new SlotSet(slots));
  }

  private remove(namespace: number, slots: SlotSet): void {
    const { parts } = this.store;
    if (parts.slotCounters.isOn && parts.slotCounters.itemCountOf(slots.slots) === 0) return;
    for (let cursor = 0; ; ) {
      cursor = removeSelected(parts, cursor, { namespace, slots });
      if (cursor === 0) return;
    }
  }

  private keyOf(reader: RecordReader, place: number): Key {
    const key = this.key.assign(reader.bytes, reader.keyStart, reader.keyLength, reader.namespace);
    key.place = place;
    return key;
  }
}
