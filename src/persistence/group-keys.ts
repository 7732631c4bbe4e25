/**
 * The keys of a group of changes, each once, in the order of their first change: what makes a group as long as there are different keys, and not as there
 * are writes. Keys stand one behind the other in a buffer; a table of their places, with open addressing, finds those that are there.
 * Its hash is the index's, keyed by chance, so nobody can choose keys that collide. Nothing is allocated by a change.
 */
import { equalBytes } from '../base/bytes.ts';
import type { KeyHash } from '../store/hash.ts';
import { KEY_BYTES_MAX } from '../store/types.ts';

/** Keys that a group may have, and bytes of them. */
const KEY_COUNT_MAX = 8192;
const KEY_BYTES: number = 1024 * 1024;
/** At most half of it is taken. */
const TABLE_PLACES: number = KEY_COUNT_MAX * 2;

export class GroupKeys {
  readonly bytes: Buffer = Buffer.allocUnsafe(KEY_BYTES);
  readonly starts: Int32Array = new Int32Array(KEY_COUNT_MAX);
  readonly lengths: Int32Array = new Int32Array(KEY_COUNT_MAX);
  readonly namespaces: Uint8Array = new Uint8Array(KEY_COUNT_MAX);
  count = 0;
  private used = 0;
  private readonly hash: KeyHash;
  /** 0: nothing; else the number of a key, plus 1. */
  private readonly table = new Int16Array(TABLE_PLACES);

  constructor(hash: KeyHash) {
    this.hash = hash;
  }

  /** Whether there is no room for another key. */
  get isFull(): boolean {
    return this.count === KEY_COUNT_MAX || this.used + KEY_BYTES_MAX > KEY_BYTES;
  }

  /** Adds the key `bytes[0..length)`, unless it is there. Not when full. */
  add(namespace: number, bytes: Uint8Array, length: number): void {
    const { table } = this;
    this.hash.update(bytes, 0, length, namespace);
    let place = this.hash.low & (TABLE_PLACES - 1);
    for (;;) {
      const number = table[place]! - 1;
      if (number === -1) break;
      const isSame =
        this.lengths[number] === length &&
        this.namespaces[number] === namespace &&
        equalBytes(this.bytes, this.starts[number]!, bytes, 0, length);
      if (isSame) return;
      place = (place + 1) & (TABLE_PLACES - 1);
    }
    const number = this.count;
    this.starts[number] = this.used;
    this.lengths[number] = length;
    this.namespaces[number] = namespace;
    this.bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), this.used);
    this.used += length;
    this.count = number + 1;
    table[place] = number + 1;
  }

  clear(): void {
    if (this.count > 0) this.table.fill(0);
    this.count = 0;
    this.used = 0;
  }
}
