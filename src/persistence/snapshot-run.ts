/**
 * One snapshot while it is being written: a walk over the index, a slice at a time, that copies each item as it finds it. By itself that is a picture of no
 * one moment. What makes it one is the changes from its beginning to its end, which come behind it: in the log that began with it, or where
 * there is none in the snapshot itself, through `writer`. Nobody is forked and nobody waits.
 *
 * The file is synced every few megabytes: else its last sync would take seconds, and the log, which the same thread syncs, as long.
 */
import type { ChangeLog } from '../changes/change-log.ts';
import type { DiskFile } from '../io/disk.ts';
import { KeyBatch } from '../store/key-batch.ts';
import { databaseOf } from '../store/namespaces.ts';
import { scanSlots } from '../store/slot-items.ts';
import type { Store } from '../store/store.ts';
import { ItemSnapshot, Key } from '../store/types.ts';
import type { DataFolder } from './data-folder.ts';
import { BLOCK_PAYLOAD_BYTES } from './block.ts';
import { BlockWriter } from './block-writer.ts';
import { SnapshotPace } from './snapshot-pace.ts';
import { FILE_HEADER_BYTES, type FileIdentity, fileSeed } from './file-names.ts';

/** What a slice does at most: a quarter of a millisecond or so, as changes wait for it. */
const SLICE_BUCKETS = 512;
const SLICE_BYTES: number = BLOCK_PAYLOAD_BYTES;
const SYNC_BYTES: number = 8 * 1024 * 1024;
const SNAPSHOT_BYTES_KEPT: number = 1024 * 1024;

export interface SnapshotRunOptions {
  readonly identity: FileIdentity;
  /** Aside, with its header. */
  readonly file: DiskFile;
  readonly beganMs: number;
  /** Sequence of the change log when it began: what came before is in it, or was in what it replaces. */
  readonly beganAt: number;
}

export class SnapshotRun {
  readonly identity: FileIdentity;
  readonly writer: BlockWriter;
  readonly pace = new SnapshotPace();
  readonly beganMs: number;
  readonly beganAt: number;
  /** Whether the walk is over. */
  isScanned = false;
  /** Set when the walk is over: with all changes before this sequence of the change log the picture is whole. */
  scannedAt = 0;
  /** Items that the walk has written. */
  scannedItems = 0;
  private readonly file: DiskFile;
  private readonly store: Store;
  private readonly batch = new KeyBatch();
  private readonly key = new Key();
  private item = new ItemSnapshot();
  private cursor = 0;

  /** `store`: this thread's access, which does not count uses. */
  constructor(store: Store, { identity, file, beganMs, beganAt }: SnapshotRunOptions) {
    this.store = store;
    this.identity = identity;
    this.file = file;
    this.beganMs = beganMs;
    this.beganAt = beganAt;
    this.writer = new BlockWriter(file, fileSeed(identity), FILE_HEADER_BYTES);
  }

  get bytes(): number {
    return this.writer.offset;
  }

  /** Copies a few more buckets. Throws what the disk throws. */
  writeSlice(log: ChangeLog, wallMs: number): void {
    const until = this.writer.offset + SLICE_BYTES;
    for (let buckets = 0; buckets < SLICE_BUCKETS && this.writer.offset < until && !this.isScanned; buckets += 1)
      this.writeBucket(wallMs);
    if (this.isScanned) this.scannedAt = log.sequence;
    if (this.writer.offset - this.writer.syncedTo >= SYNC_BYTES) this.writer.sync();
  }

  /** Writes the end, and makes all of it last; the file has no name yet. Throws what the disk throws. */
  finish(): void {
    this.writer.endOfSnapshot(this.writer.itemCount);
    this.writer.sync();
    this.file.close();
  }

  /** Gives it up. */
  abandon(files: DataFolder): void {
    files.discard(this.file, this.identity);
  }

  private writeBucket(wallMs: number): void {
    const { store, batch, writer } = this;
    store.enter();
    this.cursor = scanSlots(store.parts, this.cursor, null, batch, wallMs);
    this.isScanned = this.cursor === 0;
    for (let index = 0; index < batch.count; index += 1) {
      const start = batch.starts[index]!;
      const length = batch.lengths[index]!;
      const namespace = batch.namespaces[index]!;
      this.key.assign(batch.bytes, start, length, databaseOf(store.parts.memory, namespace));
      if (!store.read(this.key, this.item, wallMs)) continue;
      if (!writer.hasRoom(length, this.item.length)) {
        // Nobody waits for the disk on our account.
        store.leave();
        writer.flush();
        store.enter();
      }
      writer.item(namespace, batch.bytes, start, length, this.item);
      this.scannedItems += 1;
    }
    store.leave();
    if (this.item.bytes.length > SNAPSHOT_BYTES_KEPT) this.item = new ItemSnapshot();
  }
}
