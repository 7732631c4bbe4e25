/** A store spoken to in strings, for tests: one thread's `Store` with the scratch objects that a command handler would have. */
import { NO_ROOM, type ValueSink } from '../../src/base/value-sink.ts';
import type { Store } from '../../src/store/store.ts';
import { KeyBatch } from '../../src/store/key-batch.ts';
import { ItemInfo, ItemSnapshot, Key, WriteOptions, WriteResult } from '../../src/store/types.ts';

/** A sink that starts too small, so that every path that makes room is walked. */
export class GrowingSink implements ValueSink {
  bytes: Buffer = Buffer.alloc(8);
  length = 0;

  begin(length: number): number {
    if (length > this.bytes.length) return NO_ROOM;
    this.length = length;
    return 0;
  }

  makeRoom(length: number): void {
    this.bytes = Buffer.alloc(length);
  }

  get text(): string {
    return this.bytes.toString('latin1', 0, this.length);
  }
}

export class StoreDriver {
  readonly store: Store;
  readonly sink: GrowingSink = new GrowingSink();
  readonly options: WriteOptions = new WriteOptions();
  readonly info: ItemInfo = new ItemInfo();
  readonly snapshot: ItemSnapshot = new ItemSnapshot();
  readonly batch: KeyBatch = new KeyBatch();
  private readonly keyObject = new Key();

  constructor(store: Store) {
    this.store = store;
  }

  key(text: string, database = 0): Key {
    const bytes = Buffer.from(text, 'latin1');
    return this.keyObject.assign(bytes, 0, bytes.length, database);
  }

  get(key: string, nowMs: number, database = 0): string | null {
    return this.store.get(this.key(key, database), this.sink, nowMs) ? this.sink.text : null;
  }

  /** A plain set, or one with what `change` does to the options. */
  set(
    key: string,
    value: string,
    nowMs: number,
    change: (options: WriteOptions) => void = () => {},
    database = 0,
  ): WriteResult {
    const bytes = Buffer.from(value, 'latin1');
    change(this.options.reset());
    return this.store.set(this.key(key, database), bytes, 0, bytes.length, this.options, nowMs);
  }

  delete(key: string, nowMs: number, database = 0): boolean {
    return this.store.delete(this.key(key, database), null, nowMs);
  }

  /** Read, change, and write if nobody wrote meanwhile, until it succeeds. */
  update(key: string, nowMs: number, change: (value: string | null) => string, database = 0): WriteResult {
    for (;;) {
      const found = this.store.read(this.key(key, database), this.snapshot, nowMs);
      const before = found ? Buffer.from(this.snapshot.bytes).toString('latin1', 0, this.snapshot.length) : null;
      const result = this.set(
        key,
        change(before),
        nowMs,
        (options) => {
          options.keepExpiry = true;
          options.ifUnchangedSince = this.snapshot;
        },
        database,
      );
      if (result !== WriteResult.conflict) return result;
    }
  }

  /** All keys of a database, by a whole scan. */
  keys(nowMs: number, database = 0): string[] {
    const keys: string[] = [];
    let cursor = 0;
    do {
      cursor = this.store.scan(cursor, database, this.batch, nowMs);
      for (let index = 0; index < this.batch.count; index += 1) {
        const start = this.batch.starts[index]!;
        keys.push(Buffer.from(this.batch.bytes).toString('latin1', start, start + this.batch.lengths[index]!));
      }
    } while (cursor !== 0);
    return keys;
  }
}
