/**
 * Appends records to a file, a block at a time. A block is written when it is full or when `flush` ends it; what fails is thrown as the disk
 * throws it, and then the file's end is unknown: nothing more may be written to it.
 */
import type { DiskFile } from '../io/disk.ts';
import type { ItemSnapshot } from '../store/types.ts';
import { BLOCK_HEADER_BYTES, BLOCK_PAYLOAD_BYTES, blockBytes, sealBlock } from './block.ts';
import {
  itemRecordBytes,
  type NoteKind,
  RECORD_FIXED_BYTES_MAX,
  writeEnd,
  writeFlushed,
  writeItem,
  writeMapping,
  writeNote,
  writeRemoved,
} from './records.ts';

/** Room of a buffer for blocks of the usual length, and of one that is kept. */
const BUFFER_BYTES = BLOCK_HEADER_BYTES + BLOCK_PAYLOAD_BYTES + 8;

export class BlockWriter {
  /** Where the next block begins: all before was handed to the system. */
  offset: number;
  /** All before survives a loss of power. */
  syncedTo: number;
  /** Records written or in the block that is being filled, since the writer was made. */
  recordCount = 0;
  /** Of those, items. */
  itemCount = 0;
  private readonly file: DiskFile;
  private readonly fileSeed: number;
  private buffer: Buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  private end = BLOCK_HEADER_BYTES;
  private blockRecords = 0;
  private syncedRecords = 0;

  /** Goes on at `offset` of `file`, before which all is synced. */
  constructor(file: DiskFile, fileSeed: number, offset: number) {
    this.file = file;
    this.fileSeed = fileSeed;
    this.offset = offset;
    this.syncedTo = offset;
  }

  /** Whether the record of a key with a value of such lengths goes into the block at hand: else it is written first, by `flush` or by itself. */
  hasRoom(keyLength: number, valueLength: number): boolean {
    return this.fits(itemRecordBytes(keyLength, valueLength));
  }

  item(namespace: number, key: Uint8Array, keyStart: number, keyLength: number, item: ItemSnapshot): void {
    this.room(itemRecordBytes(keyLength, item.length));
    this.added(writeItem(this.buffer, this.end, namespace, key, keyStart, keyLength, item));
    this.itemCount += 1;
  }

  removed(namespace: number, key: Uint8Array, keyStart: number, keyLength: number): void {
    this.room(RECORD_FIXED_BYTES_MAX + keyLength);
    this.added(writeRemoved(this.buffer, this.end, namespace, key, keyStart, keyLength));
  }

  /** `namespace`: or EVERY_NAMESPACE. */
  flushed(namespace: number): void {
    this.room(RECORD_FIXED_BYTES_MAX);
    this.added(writeFlushed(this.buffer, this.end, namespace));
  }

  /** `namespaces`: of each database. */
  mapping(namespaces: ArrayLike<number>): void {
    this.room(RECORD_FIXED_BYTES_MAX);
    this.added(writeMapping(this.buffer, this.end, namespaces));
  }

  /** `body`: a cluster's name, or a note of slots. */
  note(kind: NoteKind, namespace: number, body: Uint8Array): void {
    this.room(RECORD_FIXED_BYTES_MAX + body.length);
    this.added(writeNote(this.buffer, this.end, kind, namespace, body));
  }

  /** The last record of a snapshot. */
  endOfSnapshot(itemCount: number): void {
    this.room(RECORD_FIXED_BYTES_MAX);
    this.added(writeEnd(this.buffer, this.end, itemCount));
  }

  /** The record `bytes[start..end)` as it stands. */
  copy(bytes: Uint8Array, start: number, end: number): void {
    this.room(end - start);
    this.buffer.set(bytes.subarray(start, end), this.end);
    this.added(this.end + end - start);
  }

  /** Whether there are records that are not known to survive a loss of power. */
  get isUnsynced(): boolean {
    return this.recordCount !== this.syncedRecords;
  }

  /** Hands the records that are left to the system. */
  flush(): void {
    if (this.blockRecords > 0) this.writeBlock();
  }

  /** Makes all that was written survive a loss of power. */
  sync(): void {
    this.flush();
    this.file.sync();
    this.syncedTo = this.offset;
    this.syncedRecords = this.recordCount;
  }

  /** After `sync`: says in the file itself that all before survives. */
  mark(): void {
    this.writeBlock();
  }

  private fits(bytes: number): boolean {
    return this.end + bytes <= BLOCK_HEADER_BYTES + BLOCK_PAYLOAD_BYTES;
  }

  private room(bytes: number): void {
    if (!this.fits(bytes)) this.flush();
    const wanted = blockBytes(this.end - BLOCK_HEADER_BYTES + bytes);
    if (wanted > this.buffer.length) this.buffer = Buffer.allocUnsafe(wanted);
  }

  private added(end: number): void {
    this.end = end;
    this.blockRecords += 1;
    this.recordCount += 1;
  }

  private writeBlock(): void {
    const { fileSeed, offset, syncedTo, blockRecords: recordCount } = this;
    const length = sealBlock(this.buffer, this.end - BLOCK_HEADER_BYTES, { recordCount, syncedTo, fileSeed, offset });
    this.file.write(this.buffer, 0, length, offset);
    this.offset += length;
    this.end = BLOCK_HEADER_BYTES;
    this.blockRecords = 0;
    if (this.buffer.length > BUFFER_BYTES) this.buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  }
}
