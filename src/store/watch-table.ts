/**
 * WATCH for keys that any thread may write: a table of watched hashes, each with a version that every write to it bumps. While nothing is
 * watched a write costs one load. Two keys of the same 64-bit hash share an entry; where the table is full, a watch counts every
 * write: both only make a transaction retry in vain.
 */
import type { KeyHash } from './hash.ts';
import {
  CONTROL_WATCH_ANY_VERSION,
  CONTROL_WATCH_COUNT,
  CONTROL_WATCH_LOCK,
  WATCH_CAPACITY,
  WATCH_ENTRY_WORDS,
  WATCH_HASH_HIGH,
  WATCH_HASH_LOW,
  WATCH_REFERENCES,
  WATCH_VERSION,
} from './layout.ts';
import type { StoreMemory } from './memory.ts';
import { lock, unlock } from './spin-lock.ts';

/** Entries that a hash may stand in, from its own place on. */
const PROBES_MAX = 16;
/** No entry: the watch counts every write. */
export const ANY_WRITE = -1;

export class WatchTable {
  private readonly control: Int32Array;
  private readonly start: number;

  constructor(memory: StoreMemory) {
    this.control = memory.control;
    this.start = memory.map.watches;
  }

  /** Begins a watch; returns its entry, for `version` and `remove`. */
  add(hash: KeyHash): number {
    const control = this.control;
    lock(control, CONTROL_WATCH_LOCK);
    let free = ANY_WRITE;
    let found = ANY_WRITE;
    for (let probe = 0; probe < PROBES_MAX && found === ANY_WRITE; probe += 1) {
      const entry = this.entryAt(hash, probe);
      if (control[entry + WATCH_REFERENCES] === 0) {
        if (free === ANY_WRITE) free = entry;
      } else if (control[entry + WATCH_HASH_LOW] === hash.low && control[entry + WATCH_HASH_HIGH] === hash.high)
        found = entry;
    }
    if (found === ANY_WRITE && free !== ANY_WRITE) {
      found = free;
      control[found + WATCH_HASH_LOW] = hash.low;
      control[found + WATCH_HASH_HIGH] = hash.high;
    }
    if (found !== ANY_WRITE) control[found + WATCH_REFERENCES]! += 1;
    Atomics.add(control, CONTROL_WATCH_COUNT, 1);
    unlock(control, CONTROL_WATCH_LOCK);
    return found;
  }

  remove(entry: number): void {
    lock(this.control, CONTROL_WATCH_LOCK);
    if (entry !== ANY_WRITE) this.control[entry + WATCH_REFERENCES]! -= 1;
    Atomics.sub(this.control, CONTROL_WATCH_COUNT, 1);
    unlock(this.control, CONTROL_WATCH_LOCK);
  }

  version(entry: number): number {
    return Atomics.load(this.control, entry === ANY_WRITE ? CONTROL_WATCH_ANY_VERSION : entry + WATCH_VERSION);
  }

  /** Tells the watches of a key that it was written. Under its bucket's lock. */
  written(hash: KeyHash): void {
    const control = this.control;
    if (Atomics.load(control, CONTROL_WATCH_COUNT) === 0) return;
    Atomics.add(control, CONTROL_WATCH_ANY_VERSION, 1);
    for (let probe = 0; probe < PROBES_MAX; probe += 1) {
      const entry = this.entryAt(hash, probe);
      if (control[entry + WATCH_HASH_LOW] === hash.low && control[entry + WATCH_HASH_HIGH] === hash.high) {
        Atomics.add(control, entry + WATCH_VERSION, 1);
      }
    }
  }

  private entryAt(hash: KeyHash, probe: number): number {
    return this.start + ((hash.high + probe) & (WATCH_CAPACITY - 1)) * WATCH_ENTRY_WORDS;
  }
}
