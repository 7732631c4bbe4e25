/**
 * The tail of a copy: keys that changed and are to be sent again, in order of their first change, and flushes, each in its place. Knows up to where in the
 * change log everything is in the frames.
 */
import type { ChangeRecord } from '../changes/change-log.ts';
import { EVERY_NAMESPACE } from '../store/change-ring.ts';
import { databaseOf } from '../store/namespaces.ts';
import type { SlotFilter } from '../store/slot-set.ts';
import type { Store } from '../store/store.ts';
import { KEY_BYTES_MAX } from '../store/types.ts';
import { keySlot } from '../topology/slots.ts';
import { ChangedKeys } from './changed-keys.ts';
import { EVERY_DATABASE } from './item-records.ts';
import type { ItemShipper } from './item-shipper.ts';

export class ItemTail {
  private readonly store: Store;
  private readonly shipper: ItemShipper;
  private readonly slots: SlotFilter | null;
  private readonly keys = new ChangedKeys();
  private readonly takenKey: Buffer = Buffer.alloc(KEY_BYTES_MAX);
  /** The change of the key that is being written; null where none is. */
  private inHand: number | null = null;

  /** `slots`: a key that waited is passed over where its slot is none of these any more; null: there are always the same ones. */
  constructor(store: Store, shipper: ItemShipper, slots: SlotFilter | null = null) {
    this.store = store;
    this.shipper = shipper;
    this.slots = slots;
  }

  /** Keys that wait. */
  get count(): number {
    return this.keys.count;
  }

  /** How much of their room they take, 0 to 1 or a little above. */
  get share(): number {
    return this.keys.share;
  }

  /** The sequence number of the oldest change that is not wholly in the frames; null where there is none. */
  get oldest(): number | null {
    return this.inHand ?? this.keys.oldest;
  }

  /** The key of `record` was changed. */
  add({ namespace, bytes, length, sequence }: ChangeRecord): void {
    this.keys.add(namespace, bytes, length, sequence);
  }

  /** Sends the key that waits longest, or begins to. There is one, and no value is in pieces. Returns bytes. */
  ship(wallMs: number): number {
    const { keys, slots, takenKey } = this;
    this.inHand = keys.oldest;
    const length = keys.take(takenKey);
    if (slots !== null && !slots.has(keySlot(takenKey, 0, length))) {
      this.inHand = null;
      return 0;
    }
    const bytes = this.shipper.ship(keys.namespace, takenKey, 0, length, 'tell', wallMs);
    this.settle();
    return bytes;
  }

  /** Goes on with the value in pieces, whether it is of a changed key or of another. Returns bytes. */
  shipPiece(): number {
    const bytes = this.shipper.sendPiece();
    this.settle();
    return bytes;
  }

  /** The flush that `record` tells of, at once. What waits is looked up later, so it need not go first. */
  shipFlush({ namespace, sequence }: ChangeRecord): void {
    // The pieces that are still to come would bring back a value that the flush deleted; where it is another database's, it is sent anew.
    const interrupted = this.shipper.interrupt();
    if (interrupted !== null) {
      const { keyBytes } = interrupted;
      this.keys.putBack(interrupted.namespace, keyBytes, keyBytes.length, this.inHand ?? this.oldest ?? sequence);
    }
    this.inHand = null;
    const isAll = namespace === EVERY_NAMESPACE;
    this.shipper.flushed(isAll ? EVERY_DATABASE : databaseOf(this.store.parts.memory, namespace));
  }

  clear(): void {
    this.keys.clear();
    this.inHand = null;
  }

  private settle(): void {
    if (!this.shipper.isInPieces) this.inHand = null;
  }
}
