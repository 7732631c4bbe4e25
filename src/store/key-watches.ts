/** WATCH on the keys of a store: what a key was when the watch began, and whether that is still so. */
import type { WatchHandle } from './api.ts';
import type { Lookup } from './lookup.ts';
import { Key } from './types.ts';
import type { WatchTable } from './watch-table.ts';

export class KeyWatches {
  private readonly table: WatchTable;
  private readonly lookup: Lookup;
  private readonly watchedKey = new Key();

  constructor(table: WatchTable, lookup: Lookup) {
    this.table = table;
    this.lookup = lookup;
  }

  watch(key: Key, nowMs: number): WatchHandle {
    this.lookup.address(key);
    const entry = this.table.add(this.lookup.hash);
    const version = this.table.version(entry);
    // `slice` of a Buffer would be a view of bytes that belong to the caller.
    const bytes = new Uint8Array(key.bytes.subarray(key.start, key.start + key.length));
    const existed = this.lookup.exists(key, nowMs);
    return { key: bytes, database: key.database, namespace: key.namespace, entry, version, existed };
  }

  isTouched(handle: WatchHandle, nowMs: number): boolean {
    if (this.table.version(handle.entry) !== handle.version) return true;
    const key = this.watchedKey.assign(handle.key, 0, handle.key.length, handle.database);
    const exists = this.lookup.exists(key, nowMs);
    // After SWAPDB the database holds other keys: nothing has changed only where there was no such key and is none.
    return key.namespace === handle.namespace ? handle.existed && !exists : handle.existed || exists;
  }
}
