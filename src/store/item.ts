/**
 * Items in the log: sizes, and reading a header. The layout is drawn in layout.ts.
 *
 * `ItemView` is one thread's cursor on an item: it is set to a place and then tells what stands there. It is used again and again, so that
 * looking at an item makes no object. Key bytes and layout flags of an item never change while it is in the index; value, expiry,
 * RAW and DEAD change under its bucket's lock only.
 */
import { equalBytes } from '../base/bytes.ts';
import {
  ITEM_COMPACT_KEY_MASK,
  ITEM_COMPACT_KEY_MAX,
  ITEM_COMPACT_VALUE_MAX,
  ITEM_COMPACT_VALUE_SHIFT,
  ITEM_NAMESPACE,
  ITEM_EXPIRY,
  ITEM_EXPIRY_WORDS,
  ITEM_EXTENDED,
  ITEM_KEY_SHIFT,
  WORD_BYTES,
  WORD_SHIFT,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import type { Key } from './types.ts';

const TWO_TO_32 = 4_294_967_296;
/** Keys longer than this are compared by the runtime's memory compare, shorter ones by a loop. */
const KEY_LOOP_BYTES_MAX = 64;
/** Copies up to this long cost less as a loop than as a call into the runtime. */
const COPY_LOOP_BYTES_MAX = 24;
const nativeCopy = Buffer.prototype.copy;

/** The layout flags of an item with this key and value; `hasExpiry` asks for room for an expiry. */
export function layoutFlags(keyLength: number, valueLength: number, namespace: number, hasExpiry: boolean): number {
  return (
    (keyLength > ITEM_COMPACT_KEY_MAX || valueLength > ITEM_COMPACT_VALUE_MAX ? ITEM_EXTENDED : 0) |
    (hasExpiry ? ITEM_EXPIRY : 0) |
    (namespace === 0 ? 0 : ITEM_NAMESPACE)
  );
}

/** Words before the key of an item with these flags. */
export function headerWords(flags: number): number {
  return 1 + (flags & ITEM_EXTENDED) + (flags & ITEM_EXPIRY ? ITEM_EXPIRY_WORDS : 0) + (flags & ITEM_NAMESPACE ? 1 : 0);
}

/** Bytes that an item takes in the log, padding included. */
export function itemBytes(flags: number, keyLength: number, valueLength: number): number {
  return (headerWords(flags) * WORD_BYTES + keyLength + valueLength + WORD_BYTES - 1) & -WORD_BYTES;
}

/** Copies bytes; a loop for short ones, where a call into the runtime costs more. */
export function copyBytes(from: Uint8Array, start: number, to: Uint8Array, toStart: number, length: number): void {
  if (length <= COPY_LOOP_BYTES_MAX) {
    for (let offset = 0; offset < length; offset += 1) to[toStart + offset] = from[start + offset]!;
  } else {
    nativeCopy.call(from, to, toStart, start, start + length);
  }
}

export class ItemView {
  words: Int32Array;
  bytes: Buffer;
  arena = 0;
  /** The item's first word in `words`. */
  word = 0;
  flags = 0;
  keyLength = 0;
  valueLength = 0;
  /** The byte of `bytes` at which the key begins. */
  keyStart = 0;
  private readonly memory: StoreMemory;

  constructor(memory: StoreMemory) {
    this.memory = memory;
    this.words = memory.words[0]!;
    this.bytes = memory.bytes[0]!;
  }

  /** Looks at the item whose first word is `word` of `arena`. */
  at(arena: number, word: number): void {
    this.arena = arena;
    this.word = word;
    const words = this.memory.words[arena]!;
    this.words = words;
    this.bytes = this.memory.bytes[arena]!;
    const header = words[word]!;
    this.flags = header & 0xff;
    if ((header & ITEM_EXTENDED) === 0) {
      this.keyLength = (header >>> ITEM_KEY_SHIFT) & ITEM_COMPACT_KEY_MASK;
      this.valueLength = header >>> ITEM_COMPACT_VALUE_SHIFT;
    } else {
      this.keyLength = header >>> ITEM_KEY_SHIFT;
      this.valueLength = words[word + 1]!;
    }
    this.keyStart = (word + headerWords(header)) << WORD_SHIFT;
  }

  /** Bytes that the item takes in the log. */
  get size(): number {
    return itemBytes(this.flags, this.keyLength, this.valueLength);
  }

  get valueStart(): number {
    return this.keyStart + this.keyLength;
  }

  get namespace(): number {
    return this.flags & ITEM_NAMESPACE ? this.words[(this.keyStart >> WORD_SHIFT) - 1]! : 0;
  }

  /** Expiry in ms, or 0 where there is none. */
  get expiresAtMs(): number {
    if ((this.flags & ITEM_EXPIRY) === 0) return 0;
    const word = this.word + 1 + (this.flags & ITEM_EXTENDED);
    return (this.words[word]! >>> 0) + this.words[word + 1]! * TWO_TO_32;
  }

  /** Only where the item has room for an expiry. */
  set expiresAtMs(atMs: number) {
    const word = this.word + 1 + (this.flags & ITEM_EXTENDED);
    this.words[word] = (atMs % TWO_TO_32) | 0;
    this.words[word + 1] = Math.floor(atMs / TWO_TO_32);
  }

  isExpired(nowMs: number): boolean {
    if ((this.flags & ITEM_EXPIRY) === 0) return false;
    const expiresAtMs = this.expiresAtMs;
    return expiresAtMs !== 0 && expiresAtMs <= nowMs;
  }

  hasKey(key: Key): boolean {
    if (this.keyLength !== key.length || this.namespace !== key.namespace) return false;
    if (key.length > KEY_LOOP_BYTES_MAX) {
      return this.bytes.compare(key.bytes, key.start, key.start + key.length, this.keyStart, this.valueStart) === 0;
    }
    return equalBytes(this.bytes, this.keyStart, key.bytes, key.start, key.length);
  }

  /** Sets or clears flags in the header. */
  setFlag(flag: number, on: boolean): void {
    this.flags = on ? this.flags | flag : this.flags & ~flag;
    this.words[this.word] = on ? this.words[this.word]! | flag : this.words[this.word]! & ~flag;
  }

  /** Writes the header of an item of these flags and lengths, and looks at it. */
  writeHeader(arena: number, word: number, flags: number, keyLength: number, valueLength: number): void {
    const words = this.memory.words[arena]!;
    if (flags & ITEM_EXTENDED) {
      words[word + 1] = valueLength;
      words[word] = flags | (keyLength << ITEM_KEY_SHIFT);
    } else {
      words[word] = flags | (keyLength << ITEM_KEY_SHIFT) | (valueLength << ITEM_COMPACT_VALUE_SHIFT);
    }
    this.at(arena, word);
  }

  /** After `writeHeader`, in an item with room for it. */
  writeNamespace(namespace: number): void {
    if (this.flags & ITEM_NAMESPACE) this.words[(this.keyStart >> WORD_SHIFT) - 1] = namespace;
  }
}
