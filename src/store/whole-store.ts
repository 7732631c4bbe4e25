/** What one thread's access to the store does with all of it or a part, a database or hash slots; `Store` adds the operations on one key. */
import { KEY_SLOT_COUNT } from '../base/key-slot.ts';
import type { StoreStats, WatchHandle } from './api.ts';
import { ChangeOperation, EVERY_NAMESPACE } from './change-ring.ts';
import { flushKeys, flushStore } from './flush.ts';
import { ItemWriter } from './item-writer.ts';
import { type KeySelection, randomKey, scanBucket } from './iteration.ts';
import type { KeyBatch } from './key-batch.ts';
import { KeyWatches } from './key-watches.ts';
import type { KeysAhead } from './keys-ahead.ts';
import { CONTROL_EXPIRY_HELD, COUNTER_NAMESPACE_EXPIRING, COUNTER_NAMESPACE_ITEMS } from './layout.ts';
import { Lookup } from './lookup.ts';
import type { StoreHandle } from './memory.ts';
import { countOf, namespaceOf, swapNamespaces } from './namespaces.ts';
import { hiddenItemCount, keysOfSlot } from './slot-items.ts';
import { encodeSlotNote } from './slot-notes.ts';
import type { SlotFilter } from './slot-set.ts';
import { readStats, resetStats, storeKeyBytesMax, storeValueBytesMax } from './stats.ts';
import type { StoreParts } from './store-parts.ts';
import type { Key } from './types.ts';

export abstract class WholeStore {
  /** The parts, for the janitor, for moves of slots and for tests. */
  readonly parts: StoreParts;
  readonly keysAhead: KeysAhead;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  countsUse = true;
  /**
   * As what writes by this thread go to the change log; null: not at all. Those of a copy that comes from another node are no changes of this node's: but for
   * who keeps the store on disk (`received`) nobody is to hear of them.
   */
  recordsWrites: 'changes' | 'received' | null = 'changes';
  /** Whether a flush is noted slot by slot, too: for who keeps the store of a node in a cluster on disk. */
  notesFlushedSlots = false;
  visibleSlots: SlotFilter | null = null;
  protected readonly writer: ItemWriter;
  protected readonly lookup: Lookup;
  private readonly watches: KeyWatches;
  private readonly selection: { namespace: number; slots: SlotFilter | null } = { namespace: 0, slots: null };

  protected constructor(parts: StoreParts) {
    this.parts = parts;
    this.keysAhead = parts.keysAhead;
    this.writer = new ItemWriter(parts);
    this.lookup = new Lookup(parts, this.writer);
    this.watches = new KeyWatches(parts.watches, this.lookup);
    this.keyBytesMax = storeKeyBytesMax(parts.memory);
    this.valueBytesMax = storeValueBytesMax(parts.memory);
  }

  /** What another thread attaches to. */
  get handle(): StoreHandle {
    return this.parts.memory.handle;
  }

  count(database: number): number {
    const { memory, slotCounters } = this.parts;
    if (this.visibleSlots === null || !slotCounters.isOn) return countOf(memory, COUNTER_NAMESPACE_ITEMS, database);
    if (countOf(memory, COUNTER_NAMESPACE_ITEMS, database) === 0) return 0;
    return slotCounters.filteredItemCount(namespaceOf(memory, database), this.visibleSlots);
  }

  expiringCount(database: number): number {
    return countOf(this.parts.memory, COUNTER_NAMESPACE_EXPIRING, database);
  }

  slotCount(slot: number): number {
    return this.parts.slotCounters.itemCount(slot);
  }

  slotBytes(slot: number): number {
    return this.parts.slotCounters.byteCount(slot);
  }

  slotKeys(slot: number, countMax: number, batch: KeyBatch, nowMs: number): void {
    keysOfSlot(this.parts, slot, countMax, batch, nowMs);
  }

  writersWait(slot: number): boolean {
    return this.parts.changes.writersWait(slot);
  }

  swapDatabases(left: number, right: number): void {
    swapNamespaces(this.parts.memory, left, right);
    this.parts.changes.changedAll(ChangeOperation.swapped, EVERY_NAMESPACE);
  }

  flush(database: number, nowMs: number): void {
    const { parts, visibleSlots } = this;
    const namespace = database === -1 ? EVERY_NAMESPACE : namespaceOf(parts.memory, database);
    const isAll =
      database === -1 || countOf(parts.memory, COUNTER_NAMESPACE_ITEMS, database) === this.stats().itemCount;
    // What is not shown is not ours to delete: it may be what a move has brought so far.
    const hidesItems = visibleSlots !== null && hiddenItemCount(parts, visibleSlots) > 0;
    if (isAll && !hidesItems) flushStore(parts);
    else flushKeys(parts, namespace, hidesItems ? visibleSlots : null, nowMs);
    if (this.notesFlushedSlots) this.noteFlushedSlots(namespace);
    parts.changes.changedAll(ChangeOperation.flushed, namespace);
  }

  scan(cursor: number, database: number, batch: KeyBatch, nowMs: number): number {
    return scanBucket(this.parts, cursor, this.select(database), batch, nowMs);
  }

  randomKey(database: number, random01: () => number, batch: KeyBatch, nowMs: number): boolean {
    return (
      countOf(this.parts.memory, COUNTER_NAMESPACE_ITEMS, database) > 0 &&
      randomKey(this.parts, this.select(database), random01, batch, nowMs)
    );
  }

  watch(key: Key, nowMs: number): WatchHandle {
    return this.watches.watch(key, nowMs);
  }

  isTouched(handle: WatchHandle, nowMs: number): boolean {
    return this.watches.isTouched(handle, nowMs);
  }

  unwatch(handle: WatchHandle): void {
    this.parts.watches.remove(handle.entry);
  }

  enter(): void {
    this.parts.exclusive.enter();
  }

  leave(): void {
    this.parts.exclusive.leave();
  }

  beginExclusive(): void {
    this.parts.exclusive.begin();
  }

  endExclusive(): void {
    this.parts.exclusive.end();
  }

  setActiveExpiry(on: boolean): void {
    Atomics.store(this.parts.memory.control, CONTROL_EXPIRY_HELD, on ? 0 : 1);
  }

  stats(): StoreStats {
    return readStats(this.parts.memory);
  }

  resetStats(): void {
    resetStats(this.parts.memory);
  }

  private noteFlushedSlots(namespace: number): void {
    const { visibleSlots, parts } = this;
    const slots: number[] = [];
    for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1)
      if (visibleSlots === null || visibleSlots.has(slot)) slots.push(slot);
    const body = encodeSlotNote({ time: 0, flags: 0, slots });
    parts.changes.changedSlots(ChangeOperation.slotsFlushed, namespace, body);
  }

  /** The keys of `database` that are shown. One object for all calls. */
  private select(database: number): KeySelection {
    this.selection.namespace = namespaceOf(this.parts.memory, database);
    this.selection.slots = this.visibleSlots;
    return this.selection;
  }
}
