/**
 * Finding the item of a key: hash, bucket, tag, and the rule that what has expired is not there. Between `address` and the end of an
 * operation nothing else may use the lookup: it remembers the key's hash and tag.
 */
import { assert } from '../base/assert.ts';
import { NO_ROOM, type ValueSink } from '../base/value-sink.ts';
import type { BucketIndex } from './bucket-index.ts';
import { ITEM_RAW } from './layout.ts';
import type { KeyHash } from './hash.ts';
import type { KeptSlots } from './kept-slots.ts';
import type { ItemAccounts } from './item-accounts.ts';
import type { ItemWriter } from './item-writer.ts';
import type { KeysAhead } from './keys-ahead.ts';
import type { StoreMemory } from './memory.ts';
import { namespaceOf } from './namespaces.ts';
import { storeKeyBytesMax } from './stats.ts';
import type { StoreParts } from './store-parts.ts';
import { ExpireCondition, type ItemInfo, type Key, NO_EXPIRY, NO_PLACE } from './types.ts';

/** What one item costs the index, its share of overflow buckets included (see index-growth.ts). */
const INDEX_BYTES_PER_ITEM = 12;

export class Lookup {
  readonly hash: KeyHash;
  /** The tag of the key's slot. */
  tag = 0;
  private readonly memory: StoreMemory;
  private readonly index: BucketIndex;
  private readonly accounts: ItemAccounts;
  private readonly writer: ItemWriter;
  private readonly keptSlots: KeptSlots;
  private readonly keysAhead: KeysAhead;
  private readonly keyBytesMax: number;

  constructor(parts: StoreParts, writer: ItemWriter) {
    this.hash = parts.hash;
    this.memory = parts.memory;
    this.index = parts.index;
    this.accounts = parts.accounts;
    this.writer = writer;
    this.keptSlots = parts.keptSlots;
    this.keysAhead = parts.keysAhead;
    this.keyBytesMax = storeKeyBytesMax(parts.memory);
  }

  /** Hashes the key: its bucket and tag are known from here on. */
  address(key: Key): void {
    assert(key.length <= this.keyBytesMax, 'the caller checks the length of keys');
    key.namespace = namespaceOf(this.memory, key.database);
    if (key.place === NO_PLACE || !this.keysAhead.recall(key.place, key.namespace, this.hash)) {
      this.hash.update(key.bytes, key.start, key.length, key.namespace);
    }
    this.tag = this.index.tagOf(this.hash.low, this.hash.high);
  }

  /** Looks the key up in its locked bucket, to read it; what has expired is not found, and removed on the way unless it is kept for another node. */
  findLive(key: Key, nowMs: number): boolean {
    if (!this.index.find(key, this.tag)) return false;
    if (!this.index.item.isExpired(nowMs)) return true;
    if (!this.keptSlots.hasItem(this.index.item)) this.accounts.expired(this.index);
    return false;
  }

  /** Looks the key up in its locked bucket, to change it; what has expired is removed on the way. */
  findToChange(key: Key, nowMs: number): boolean {
    if (!this.index.find(key, this.tag)) return false;
    if (!this.index.item.isExpired(nowMs)) return true;
    if (this.keptSlots.hasItem(this.index.item)) this.accounts.givenUp(this.index);
    else this.accounts.expired(this.index);
    // Again, so that the index knows an empty slot.
    return this.index.find(key, this.tag);
  }

  /** Whether the key is there. No bucket may be locked. */
  exists(key: Key, nowMs: number): boolean {
    this.address(key);
    this.index.lock(this.hash);
    const found = this.findLive(key, nowMs);
    this.index.unlock();
    return found;
  }

  /** Tells what is known of the found item without its value. */
  describe(info: ItemInfo): void {
    const { item } = this.index;
    info.valueLength = item.valueLength;
    info.expiresAtMs = item.expiresAtMs;
    info.raw = (item.flags & ITEM_RAW) !== 0;
    info.frequency = this.index.frequency;
    info.itemBytes = item.size + INDEX_BYTES_PER_ITEM;
  }

  /** Copies the found item's value to the sink; false where the sink has no room. */
  copyOut(sink: ValueSink): boolean {
    const { item } = this.index;
    const start = sink.begin(item.valueLength);
    if (start === NO_ROOM) return false;
    this.writer.copyValue(item, sink.bytes, start);
    return true;
  }
}

/** EXPIRE's conditions: an item without expiry counts as one that never expires. */
export function isExpiryAllowed(currentMs: number, wantedMs: number, condition: number): boolean {
  if (wantedMs === NO_EXPIRY) return currentMs !== NO_EXPIRY;
  if ((condition & ExpireCondition.ifNone) !== 0 && currentMs !== NO_EXPIRY) return false;
  if ((condition & ExpireCondition.ifSome) !== 0 && currentMs === NO_EXPIRY) return false;
  if ((condition & ExpireCondition.ifGreater) !== 0 && (currentMs === NO_EXPIRY || wantedMs <= currentMs)) return false;
  return (condition & ExpireCondition.ifLess) === 0 || currentMs === NO_EXPIRY || wantedMs < currentMs;
}
