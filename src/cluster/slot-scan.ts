/** One pass over the index for the keys of some slots, a key at a time. A key that is there throughout comes once at least. */
import { KeyBatch } from '../store/key-batch.ts';
import { scanSlots } from '../store/slot-items.ts';
import type { SlotFilter } from '../store/slot-set.ts';
import type { Store } from '../store/store.ts';

export class SlotScan {
  /** Whether all keys have come. */
  isDone = false;
  /** The key that `next` came to is `bytes[start..start+length)`, in the name space `namespace`. */
  namespace = 0;
  start = 0;
  length = 0;
  private readonly store: Store;
  private readonly slots: SlotFilter;
  private readonly batch = new KeyBatch();
  /** The next bucket, and the next key of the last one. */
  private cursor = 0;
  private batchAt = 0;
  private isLastBucket = false;

  constructor(store: Store, slots: SlotFilter) {
    this.store = store;
    this.slots = slots;
  }

  get bytes(): Uint8Array {
    return this.batch.bytes;
  }

  restart(): void {
    this.isDone = false;
    this.batch.clear();
    this.batchAt = 0;
    this.cursor = 0;
    this.isLastBucket = false;
  }

  /** Goes to the next key; or, false, to the next bucket or the end. Inside a batch of the store. */
  next(wallMs: number): boolean {
    const { batch, batchAt } = this;
    if (batchAt < batch.count) {
      this.namespace = batch.namespaces[batchAt]!;
      this.start = batch.starts[batchAt]!;
      this.length = batch.lengths[batchAt]!;
      this.batchAt += 1;
      return true;
    }
    if (this.isLastBucket) this.isDone = true;
    else {
      this.cursor = scanSlots(this.store.parts, this.cursor, this.slots, batch, wallMs);
      this.isLastBucket = this.cursor === 0;
      this.batchAt = 0;
    }
    return false;
  }
}
