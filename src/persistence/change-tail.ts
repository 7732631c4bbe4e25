/**
 * What changed in a store, as records for a file: follows the change log, and writes the keys that it names as they are when it is their turn. A key that
 * was changed many times since the last group is written once. Where two keys change one after the other, both are written in one group or in that
 * order; a flush and SWAPDB stand in their place among the groups, so what a file says after any of its groups is each key as it was then or later.
 *
 * Of a node in a cluster there are notes about whole slots, too. A claim stands behind all keys that changed before it, because it says that these are all there.
 */
import { type ChangeConsumer, type ChangeLog, ChangeReading, ChangeRecord } from '../changes/change-log.ts';
import { assert } from '../base/assert.ts';
import { ShoalError } from '../base/errors.ts';
import { ChangeOperation, EVERY_NAMESPACE } from '../store/change-ring.ts';
import { KeyHash } from '../store/hash.ts';
import { CONTROL_HASH_SEED, CONTROL_NAMESPACES } from '../store/layout.ts';
import { databaseOf } from '../store/namespaces.ts';
import { decodeSlotNote } from '../store/slot-notes.ts';
import type { Store } from '../store/store.ts';
import { DATABASE_COUNT, ItemSnapshot, Key } from '../store/types.ts';
import type { BlockWriter } from './block-writer.ts';
import { type ClaimTable, Claims } from './claims.ts';
import { GroupKeys } from './group-keys.ts';
import { RecordKind } from './records.ts';

/** Records of the change log that one group reads at most. */
const GROUP_CHANGES_MAX: number = 64 * 1024;
/** Keys that are looked up before the store is left for a moment, so that FLUSHALL and EXEC need not wait for many. */
const LOOKUPS_AT_ONCE = 64;
/** A copy of a value longer than this is not kept for the next one. */
const SNAPSHOT_BYTES_KEPT: number = 1024 * 1024;

/** What a group came to. `lost`: changes were missed, and only a new copy of the whole store tells what it holds. */
export type GroupOutcome = 'written' | 'lost';

/** What is kept of a node in a cluster, beside its items. */
export interface ClusterFiles {
  readonly name: string;
  /** What the node claims. */
  readonly claims: ClaimTable;
}

export class ChangeTail {
  /** Whether a claim was written that is to last soon: slots are handed over by it. */
  hasUrgent = false;
  private readonly cluster: ClusterFiles | null;
  /** As of what was written, or passed over. */
  private readonly claims = new Claims();
  private readonly store: Store;
  private readonly consumer: ChangeConsumer;
  private readonly keys: GroupKeys;
  private readonly record = new ChangeRecord();
  private readonly key = new Key();
  private item = new ItemSnapshot();

  /** `store`: this thread's access, which does not count uses. Follows all changes from here on. */
  constructor(store: Store, log: ChangeLog, cluster: ClusterFiles | null = null) {
    const consumer = log.open(null, 'everything');
    if (consumer === null)
      throw new ShoalError('DataSetFailed', 'the change log has as many readers as it can have: try again');
    this.store = store;
    this.consumer = consumer;
    this.cluster = cluster;
    if (cluster !== null) this.claims.takeAll(cluster.claims);
    const { control } = store.parts.memory;
    this.keys = new GroupKeys(new KeyHash(control[CONTROL_HASH_SEED]!, control[CONTROL_HASH_SEED + 1]!));
  }

  /** Sequence of the next change: all before were written by `writeGroup`, or passed over. */
  get position(): number {
    return this.consumer.position;
  }

  /** Whether there is something to write. */
  get hasMore(): boolean {
    return this.lag > 0;
  }

  /** Changes that are still to be written. */
  get lag(): number {
    return this.consumer.lag;
  }

  /** Whether all changes before `sequence` were written or passed over. */
  hasPassed(sequence: number): boolean {
    return this.consumer.hasRead(sequence);
  }

  /** How much of the change log's room is still to be written: at 1 changes are lost. */
  get lagShare(): number {
    return this.consumer.lagShare;
  }

  /** Passes over all that was not written: a copy of the whole store, begun after this, has it. */
  skipToEnd(): void {
    this.consumer.skipToEnd();
    // Whoever claims something now says so in the change log, too, behind what was passed over.
    if (this.cluster !== null) this.claims.takeAll(this.cluster.claims);
  }

  /** Writes what changed since the last group, or the first part of it. Throws what the disk throws; then the file is of no use any more. */
  writeGroup(writer: BlockWriter, wallMs: number): GroupOutcome {
    const { keys, consumer, record } = this;
    keys.clear();
    for (let count = 0; count < GROUP_CHANGES_MAX && !keys.isFull; count += 1) {
      const reading = consumer.read(record);
      if (reading === ChangeReading.lost) return 'lost';
      if (reading === ChangeReading.none) break;
      if (record.operation === ChangeOperation.flushed) this.writeFlush(writer);
      else if (record.operation === ChangeOperation.swapped) this.writeMapping(writer);
      else if (record.operation >= ChangeOperation.slotsCleared) this.writeNote(writer, wallMs);
      else keys.add(record.namespace, record.bytes, record.length);
    }
    this.writeKeys(writer, wallMs);
    writer.flush();
    return 'written';
  }

  /** Writes what a file begins with. */
  writeHead(writer: BlockWriter): void {
    this.writeMapping(writer);
    if (this.cluster === null) return;
    writer.note(RecordKind.cluster, 0, Buffer.from(this.cluster.name, 'utf8'));
    for (const body of this.claims.bodies()) writer.note(RecordKind.claimed, EVERY_NAMESPACE, body);
  }

  /** Writes which name space each database has. */
  writeMapping(writer: BlockWriter): void {
    const { store } = this;
    store.enter();
    const table = store.parts.memory.control.slice(CONTROL_NAMESPACES, CONTROL_NAMESPACES + DATABASE_COUNT);
    store.leave();
    writer.mapping(table);
  }

  close(): void {
    this.consumer.close();
  }

  private writeFlush(writer: BlockWriter): void {
    // In a cluster it leaves the slots of others alone; a note says which it meant.
    if (this.cluster !== null) return;
    const { namespace } = this.record;
    if (namespace === EVERY_NAMESPACE) this.keys.clear();
    writer.flushed(namespace);
  }

  private writeNote(writer: BlockWriter, wallMs: number): void {
    const { operation, namespace, bytes, length } = this.record;
    const body = bytes.subarray(0, length);
    const note = decodeSlotNote(bytes, 0, length);
    assert(typeof note !== 'string', 'this node made the note');
    if (operation === ChangeOperation.slotsFlushed) {
      writer.note(RecordKind.emptied, namespace, body);
    } else if (operation === ChangeOperation.slotsCleared) {
      this.claims.take({ ...note, time: 0 });
      writer.note(RecordKind.cleared, namespace, body);
    } else {
      this.writeKeys(writer, wallMs);
      this.keys.clear();
      this.claims.take(note);
      writer.note(RecordKind.claimed, namespace, body);
      this.hasUrgent = true;
    }
  }

  private writeKeys(writer: BlockWriter, wallMs: number): void {
    const { store, keys } = this;
    let isInside = false;
    for (let index = 0; index < keys.count; index += 1) {
      if (!isInside) store.enter();
      isInside = true;
      const start = keys.starts[index]!;
      const length = keys.lengths[index]!;
      const namespace = keys.namespaces[index]!;
      this.key.assign(keys.bytes, start, length, databaseOf(store.parts.memory, namespace));
      const found = store.read(this.key, this.item, wallMs);
      const hasRoom = writer.hasRoom(length, found ? this.item.length : 0);
      if (!hasRoom || (index + 1) % LOOKUPS_AT_ONCE === 0) {
        store.leave();
        isInside = false;
      }
      // Nobody waits for the disk on our account.
      if (!hasRoom) writer.flush();
      if (found) writer.item(namespace, keys.bytes, start, length, this.item);
      else writer.removed(namespace, keys.bytes, start, length);
    }
    if (isInside) store.leave();
    if (this.item.bytes.length > SNAPSHOT_BYTES_KEPT) this.item = new ItemSnapshot();
  }
}
