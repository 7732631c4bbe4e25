/**
 * The store: items in a log of segments, an index of buckets over it, S3-FIFO eviction; all in shared memory, used by any number of
 * threads at once (`layout.ts` draws it, `api.ts` is the contract). This class is one thread's access: it holds only views and cursors.
 * Here are the operations on one key; those on all of it are in whole-store.ts.
 *
 * Each operation on one key: hash it, lock its bucket, find it, do the work, unlock. What needs memory is made sure of before the lock is
 * taken; where that turns out not to be enough, the lock is let go, room is made, and the operation starts over. Nothing under a lock
 * throws or waits. Guarded by bench/hot-paths.ts.
 */
import { assert } from '../base/assert.ts';
import type { ValueSink } from '../base/value-sink.ts';
import type { StoreApi } from './api.ts';
import { ChangeOperation } from './change-ring.ts';
import { itemBytes, layoutFlags } from './item.ts';
import { isExpiryAllowed } from './lookup.ts';
import { COUNTER_HITS, COUNTER_MISSES, ITEM_EXPIRY, ITEM_RAW, Queue } from './layout.ts';
import type { StoreHandle } from './memory.ts';
import { NO_SEGMENT } from './segment-pool.ts';
import { assembleStoreParts, createStoreMemory, type StoreConfig, type StoreParts } from './store-parts.ts';
import {
  type ItemInfo,
  type ItemSnapshot,
  type Key,
  NO_EXPIRY,
  WriteCondition,
  type WriteOptions,
  WriteResult,
} from './types.ts';
import { WholeStore } from './whole-store.ts';

export class Store extends WholeStore implements StoreApi {
  private constructor(parts: StoreParts) {
    super(parts);
  }

  /** Makes an empty store and returns thread 0's access to it. */
  static create(config: StoreConfig): Store {
    return new Store(assembleStoreParts(createStoreMemory(config), 0));
  }

  /** Another thread's access to a store: `thread` from 1 on, or `janitorRow`, `controlRow` or `diskRow`. */
  static attach(handle: StoreHandle, thread: number): Store {
    return new Store(assembleStoreParts(handle, thread));
  }

  get(key: Key, sink: ValueSink, nowMs: number): boolean {
    const { index, memory } = this.parts;
    this.lookup.address(key);
    for (;;) {
      index.lock(this.lookup.hash);
      if (!this.lookup.findLive(key, nowMs)) {
        index.unlock();
        memory.count(COUNTER_MISSES, 1);
        return false;
      }
      if (this.lookup.copyOut(sink)) {
        if (this.countsUse) index.touch();
        index.unlock();
        memory.count(COUNTER_HITS, 1);
        return true;
      }
      const length = index.item.valueLength;
      index.unlock();
      sink.makeRoom(length);
    }
  }

  inspect(key: Key, info: ItemInfo, touch: boolean, nowMs: number): boolean {
    const { index, memory } = this.parts;
    this.lookup.address(key);
    index.lock(this.lookup.hash);
    const found = this.lookup.findLive(key, nowMs);
    if (found) {
      this.lookup.describe(info);
      if (touch) index.touch();
    }
    index.unlock();
    memory.count(found ? COUNTER_HITS : COUNTER_MISSES, 1);
    return found;
  }

  has(key: Key, nowMs: number): boolean {
    return this.lookup.exists(key, nowMs);
  }

  read(key: Key, snapshot: ItemSnapshot, nowMs: number): boolean {
    const { index } = this.parts;
    this.lookup.address(key);
    for (;;) {
      index.lock(this.lookup.hash);
      snapshot.found = this.lookup.findLive(key, nowMs);
      snapshot.version = index.version;
      if (!snapshot.found) break;
      const item = index.item;
      snapshot.length = item.valueLength;
      snapshot.expiresAtMs = item.expiresAtMs;
      snapshot.raw = (item.flags & ITEM_RAW) !== 0;
      snapshot.frequency = index.frequency;
      if (snapshot.length <= snapshot.bytes.length) {
        this.writer.copyValue(item, snapshot.bytes, 0);
        if (this.countsUse) index.touch();
        break;
      }
      index.unlock();
      snapshot.bytes = Buffer.alloc(Math.max(snapshot.length, snapshot.bytes.length * 2));
    }
    index.unlock();
    return snapshot.found;
  }

  set(key: Key, value: Uint8Array, start: number, length: number, options: WriteOptions, nowMs: number): WriteResult {
    const { index, log } = this.parts;
    const { writer } = this;
    this.lookup.address(key);
    assert(length <= this.valueBytesMax, 'the caller checks the length of values');
    const mayExpire = options.expiresAtMs !== NO_EXPIRY || options.keepExpiry;
    const flagsMax = layoutFlags(key.length, length, key.namespace, mayExpire) | (options.raw ? ITEM_RAW : 0);
    const bytes = itemBytes(flagsMax, key.length, length);
    if (bytes > log.inlineBytesMax) return this.setLarge(key, value, start, length, options, nowMs);
    let queue: Queue = Queue.small;
    for (;;) {
      const reserved = writer.reserve(queue, bytes, nowMs);
      const outcome = this.prepareWrite(key, options, nowMs);
      if (outcome !== WriteResult.stored) return outcome;
      const { storedExpiresAtMs, oldFound } = options;
      const flags = storedExpiresAtMs === NO_EXPIRY ? flagsMax & ~ITEM_EXPIRY : flagsMax;
      if (oldFound && writer.overwrite(flags, value, start, length, storedExpiresAtMs)) {
        if (this.countsUse) index.touch();
        writer.noteExpiry(index.item);
        this.written(ChangeOperation.written, key);
        index.unlock();
        return WriteResult.stored;
      }
      if (!reserved) {
        index.unlock();
        return WriteResult.outOfMemory;
      }
      if (queue === Queue.small && (this.belongsToMain(oldFound) || options.provenUse)) {
        queue = Queue.main;
        if (!log.hasRoom(queue, bytes)) {
          index.unlock();
          continue;
        }
      }
      if (!oldFound && !index.ensureSlot()) {
        index.unlock();
        if (!writer.reserveForIndex(nowMs)) return WriteResult.outOfMemory;
        continue;
      }
      writer.append(queue, key, flags, value, start, length, storedExpiresAtMs);
      this.link(oldFound, key);
      index.unlock();
      writer.publish(queue);
      if (!oldFound) this.parts.growth.itemAdded();
      return WriteResult.stored;
    }
  }

  delete(key: Key, oldValue: ValueSink | null, nowMs: number): boolean {
    const { index } = this.parts;
    this.lookup.address(key);
    for (;;) {
      index.lock(this.lookup.hash);
      const found = this.lookup.findToChange(key, nowMs);
      if (!found || oldValue === null || this.lookup.copyOut(oldValue)) {
        if (found) this.removeFound(key);
        index.unlock();
        return found;
      }
      const length = index.item.valueLength;
      index.unlock();
      oldValue.makeRoom(length);
    }
  }

  expire(key: Key, expiresAtMs: number, condition: number, nowMs: number): WriteResult {
    const { index, log } = this.parts;
    this.lookup.address(key);
    for (;;) {
      index.lock(this.lookup.hash);
      if (!this.lookup.findToChange(key, nowMs) || !isExpiryAllowed(index.item.expiresAtMs, expiresAtMs, condition)) {
        index.unlock();
        return WriteResult.notStored;
      }
      const item = index.item;
      if (expiresAtMs !== NO_EXPIRY && expiresAtMs <= nowMs) {
        this.removeFound(key);
        index.unlock();
        return WriteResult.stored;
      }
      if ((item.flags & ITEM_EXPIRY) !== 0) {
        this.parts.accounts.expiryChanged(item.namespace, item.expiresAtMs, expiresAtMs);
        item.expiresAtMs = expiresAtMs;
        this.writer.noteExpiry(item);
        this.written(ChangeOperation.written, key);
        index.unlock();
        return WriteResult.stored;
      }
      const queue = this.writer.queueOf(item);
      const bytes = itemBytes(item.flags | ITEM_EXPIRY, item.keyLength, item.valueLength);
      if (log.hasRoom(queue, bytes)) {
        this.writer.appendWithExpiry(queue, expiresAtMs);
        this.written(ChangeOperation.written, key);
        index.unlock();
        this.writer.publish(queue);
        return WriteResult.stored;
      }
      index.unlock();
      if (!this.writer.reserve(queue, bytes, nowMs)) return WriteResult.outOfMemory;
    }
  }

  /** A value too long for an open segment: written to its own segments first, then linked. */
  private setLarge(
    key: Key,
    value: Uint8Array,
    start: number,
    length: number,
    options: WriteOptions,
    nowMs: number,
  ): WriteResult {
    const { index } = this.parts;
    const { writer } = this;
    // Always with room for an expiry, since such an item is never copied to get some.
    const flags = layoutFlags(key.length, length, key.namespace, true) | (options.raw ? ITEM_RAW : 0);
    const head = writer.reserveLarge(itemBytes(flags, key.length, length), nowMs);
    if (head === NO_SEGMENT) return WriteResult.outOfMemory;
    writer.fillLarge(head, key, flags, value, start, length);
    let linked = false;
    try {
      for (;;) {
        const outcome = this.prepareWrite(key, options, nowMs);
        if (outcome !== WriteResult.stored) return outcome;
        if (!options.oldFound && !index.ensureSlot()) {
          index.unlock();
          if (!writer.reserveForIndex(nowMs)) return WriteResult.outOfMemory;
          continue;
        }
        writer.expireFilled(options.storedExpiresAtMs);
        const queue = this.belongsToMain(options.oldFound) || options.provenUse ? Queue.main : Queue.small;
        this.link(options.oldFound, key);
        writer.sealLarge(head, queue);
        linked = true;
        index.unlock();
        if (!options.oldFound) this.parts.growth.itemAdded();
        return WriteResult.stored;
      }
    } finally {
      if (!linked) writer.dropLarge(head);
    }
  }

  /** Locks the key's bucket and finds out whether to write: `stored` with the lock held; anything else with the lock let go. */
  private prepareWrite(key: Key, options: WriteOptions, nowMs: number): WriteResult {
    const { index } = this.parts;
    index.lock(this.lookup.hash);
    const found = this.lookup.findToChange(key, nowMs);
    options.oldFound = found;
    if (options.ifUnchangedSince !== null && options.ifUnchangedSince.version !== index.version) {
      index.unlock();
      return WriteResult.conflict;
    }
    if (options.condition !== WriteCondition.always && (options.condition === WriteCondition.ifPresent) !== found) {
      index.unlock();
      return WriteResult.notStored;
    }
    options.storedExpiresAtMs = !options.keepExpiry ? options.expiresAtMs : found ? index.item.expiresAtMs : NO_EXPIRY;
    return WriteResult.stored;
  }

  /** Whether a new item goes to the main queue: it replaces one there, or comes back soon after its eviction. */
  private belongsToMain(found: boolean): boolean {
    const { index, ghosts, hash } = this.parts;
    if (found) return this.writer.queueOf(index.item) === Queue.main;
    return ghosts !== null && ghosts.takeOut(index.bucket, hash);
  }

  private link(found: boolean, key: Key): void {
    if (found) {
      this.writer.linkInPlaceOfFound();
      if (this.countsUse) this.parts.index.touch();
    } else {
      this.writer.linkNew(this.lookup.tag);
    }
    this.written(ChangeOperation.written, key);
  }

  private removeFound(key: Key): void {
    this.parts.accounts.removed(this.parts.index);
    this.written(ChangeOperation.removed, key);
  }

  /** Under the lock: the key's value, expiry or existence changed. */
  private written(operation: ChangeOperation, key: Key): void {
    this.parts.index.bumpVersion();
    this.parts.watches.written(this.parts.hash);
    if (this.recordsWrites === null) return;
    const noted = this.recordsWrites === 'changes' ? operation : ChangeOperation.received;
    this.parts.changes.changed(noted, key.namespace, key.bytes, key.start, key.length);
  }
}
