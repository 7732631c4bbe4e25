/** Stores the records of items that another node sends, as they are: value, expiry, kind of value. */
import { ANY_NAMESPACE } from '../store/iteration.ts';
import { namespaceOf } from '../store/namespaces.ts';
import type { Store } from '../store/store.ts';
import { DATABASE_COUNT, Key, NO_EXPIRY, WriteOptions, WriteResult } from '../store/types.ts';
import { EVERY_DATABASE, RecordKind, type RecordReader } from './item-records.ts';
import { PartialValue } from './partial-value.ts';

export class ItemReceiver {
  /** Items stored so far; one that came again counts again. */
  items = 0;
  private readonly store: Store;
  private readonly key = new Key();
  private readonly options = new WriteOptions();
  private readonly partial = new PartialValue();
  /** What items of each database are marked with, as it began. */
  private namespaces: readonly number[] = [];

  /** `store`: the control thread's access. */
  constructor(store: Store) {
    this.store = store;
  }

  /** A copy begins. */
  begin(): void {
    this.partial.clear();
    this.namespaces = this.currentNamespaces();
  }

  /** Whether databases were exchanged here since, and with them what was stored, which was not meant. */
  get areDatabasesOthers(): boolean {
    return this.currentNamespaces().some((namespace, database) => namespace !== this.namespaces[database]);
  }

  /** The name space of the keys that a flush of `database` concerns. */
  namespaceOf(database: number): number {
    return database === EVERY_DATABASE ? ANY_NAMESPACE : namespaceOf(this.store.parts.memory, database);
  }

  /** A record that is not stored: pieces that came before it are of no value that will be whole. */
  passOver(): void {
    this.partial.clear();
  }

  /**
   * Stores the item, piece or removal that `record` stands at. Inside a batch of the store. Returns why that cannot be, for people, or null. Throws a
   * ShoalError where a piece does not follow the one before.
   */
  take(record: RecordReader, wallMs: number): string | null {
    const { store } = this;
    if (record.kind !== RecordKind.piece) this.partial.clear();
    if (record.keyLength > store.keyBytesMax || record.valueLength > store.valueBytesMax)
      return `no room for a key of ${record.keyLength} bytes with a value of ${record.valueLength}: give this node more memory`;
    this.key.assign(record.keyBytes, record.keyStart, record.keyLength, record.database);
    if (record.kind === RecordKind.removed) {
      store.delete(this.key, null, wallMs);
      return null;
    }
    if (record.kind !== RecordKind.piece) return this.write(record, record.valueBytes, record.valueStart, wallMs);
    if (!this.partial.add(record)) return null;
    const problem = this.write(record, this.partial.bytes, 0, wallMs);
    this.partial.clear();
    return problem;
  }

  private write(record: RecordReader, valueBytes: Uint8Array, valueStart: number, wallMs: number): string | null {
    const options = this.options.reset();
    options.expiresAtMs = record.expiresAtMs === 0 ? NO_EXPIRY : record.expiresAtMs;
    options.raw = record.raw;
    options.provenUse = record.used;
    const result = this.store.set(this.key, valueBytes, valueStart, record.valueLength, options, wallMs);
    if (result === WriteResult.outOfMemory) return 'the target has no memory left, and may not evict';
    this.items += 1;
    return null;
  }

  private currentNamespaces(): number[] {
    const { memory } = this.store.parts;
    return Array.from({ length: DATABASE_COUNT }, (_, database) => namespaceOf(memory, database));
  }
}
