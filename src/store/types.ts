/**
 * The words in which others talk to the store. One instance of each is made per thread and used again for
 * every request: nothing here is allocated by a request.
 */

/** Database 0–15: a name space of keys (`SELECT`). */
export const DATABASE_COUNT = 16;
/** Longest key in bytes: its length travels in 16 bits. */
export const KEY_BYTES_MAX = 65_535;
/** Longest value in bytes that any option may allow. */
export const VALUE_BYTES_MAX = 64 * 1024 * 1024;

/** A key that was not noted ahead of its request (keys-ahead.ts). */
export const NO_PLACE = -1;

/** A key to look up: a range of somebody else's bytes, read only during the call. */
export class Key {
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  length = 0;
  /** 0–15, as the client counts. */
  database = 0;
  /** Set by the store: what items of that database are marked with, which `swapDatabases` changes. */
  namespace = 0;
  /** Where `StoreApi.keysAhead` has noted this key, or `NO_PLACE`. */
  place: number = NO_PLACE;

  assign(bytes: Uint8Array, start: number, length: number, database: number): this {
    this.bytes = bytes;
    this.start = start;
    this.length = length;
    this.database = database;
    this.place = NO_PLACE;
    return this;
  }
}

/** An expiry of 0 is none. Times are ms since 1970 by the clock of `nowMs`. */
export const NO_EXPIRY = 0;

/** What a write did. */
export const WriteResult = {
  /** Written. */
  stored: 1,
  /** Left alone: its condition did not hold. */
  notStored: 0,
  /** Left alone: the item changed since it was read (see `WriteOptions.ifUnchangedSince`). Read again and retry. */
  conflict: -1,
  /** Left alone: no memory, and the eviction policy is `noeviction` (or nothing could be evicted). */
  outOfMemory: -2,
} as const;
export type WriteResult = (typeof WriteResult)[keyof typeof WriteResult];

export const WriteCondition = { always: 0, ifAbsent: 1, ifPresent: 2 } as const;
export type WriteCondition = (typeof WriteCondition)[keyof typeof WriteCondition];

/** `EXPIRE`'s NX, XX, GT, LT. They combine as Redis allows: XX with GT or LT. */
export const ExpireCondition = { always: 0, ifNone: 1, ifSome: 2, ifGreater: 4, ifLess: 8 } as const;

/** How a `set` is to be done; `reset` gives a plain one. */
export class WriteOptions {
  /** Expiry of the new item, or `NO_EXPIRY`. Ignored where `keepExpiry` is on. */
  expiresAtMs = 0;
  /** The expiry of the item that is replaced stays. */
  keepExpiry = false;
  condition: WriteCondition = WriteCondition.always;
  /** Marks the value as built by APPEND or SETRANGE, which Redis shows as encoding `raw`. */
  raw = false;
  /** The item was in use elsewhere and came here: where it is new, it is kept as if it had been used here. */
  provenUse = false;
  /** Out: whether a value was there before. */
  oldFound = false;
  /** Out: expiry of the stored item, or `NO_EXPIRY`. */
  storedExpiresAtMs = 0;
  /** Write only if the key is as this item was read: same value, or absent as `read` said. Null: no such check. */
  ifUnchangedSince: ItemSnapshot | null = null;

  reset(): this {
    this.expiresAtMs = 0;
    this.keepExpiry = false;
    this.condition = WriteCondition.always;
    this.raw = false;
    this.provenUse = false;
    this.oldFound = false;
    this.storedExpiresAtMs = 0;
    this.ifUnchangedSince = null;
    return this;
  }
}

/** What is known of an item without its value. Filled by `inspect`. */
export class ItemInfo {
  valueLength = 0;
  expiresAtMs = 0;
  /** Built by APPEND or SETRANGE. */
  raw = false;
  /** 0–3: reads since it came or since it was last passed over by the evictor. */
  frequency = 0;
  /** Bytes that the item takes in the log, with header and padding, plus its index slot. */
  itemBytes = 0;
}

/** A copy of an item's value and the state it was read in, for read-modify-write. Filled by `read`; grows and is used again. */
export class ItemSnapshot {
  found = false;
  bytes: Uint8Array = Buffer.alloc(1024);
  length = 0;
  expiresAtMs = 0;
  raw = false;
  /** 0–3, as in `ItemInfo`, before this read. */
  frequency = 0;
  /** The bucket's version when it was read. */
  version = 0;
}

const NO_BYTES = new Uint8Array(0);
