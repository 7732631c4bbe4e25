/** A value that comes in pieces, put together. It takes memory as the pieces come, not as the first of them announces. */
import { equalBytes } from '../base/bytes.ts';
import { type RecordReader, unusable } from './item-records.ts';

const NO_BYTES = Buffer.alloc(0);

export class PartialValue {
  /** The value, from the first byte on, once `add` says that it is whole; until `clear`. */
  bytes: Buffer = NO_BYTES;
  private filled = 0;
  private total = 0;
  private database = 0;
  private keyBytes: Uint8Array = NO_BYTES;

  /** Takes the piece that `frame` stands at; true where it was the last. Throws a ShoalError where it does not follow the one before. */
  add(frame: RecordReader): boolean {
    const { keyBytes, keyStart, keyLength, pieceOffset, pieceLength } = frame;
    if (pieceOffset === 0) this.begin(frame);
    const follows =
      pieceOffset === this.filled &&
      frame.valueLength === this.total &&
      frame.database === this.database &&
      keyLength === this.keyBytes.length &&
      equalBytes(keyBytes, keyStart, this.keyBytes, 0, keyLength);
    if (!follows) throw unusable('a piece of a value that does not follow the one before');
    this.makeRoom(this.filled + pieceLength);
    this.bytes.set(frame.valueBytes.subarray(frame.valueStart, frame.valueStart + pieceLength), this.filled);
    this.filled += pieceLength;
    return this.filled === this.total;
  }

  /** Forgets the value and its memory. */
  clear(): void {
    this.bytes = NO_BYTES;
    this.keyBytes = NO_BYTES;
    this.filled = 0;
    this.total = 0;
  }

  private begin(frame: RecordReader): void {
    this.clear();
    this.total = frame.valueLength;
    this.database = frame.database;
    this.keyBytes = Buffer.from(frame.keyBytes.subarray(frame.keyStart, frame.keyStart + frame.keyLength));
  }

  private makeRoom(length: number): void {
    if (length <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafe(Math.min(this.total, Math.max(length, this.bytes.length * 2)));
    this.bytes.copy(bytes, 0, 0, this.filled);
    this.bytes = bytes;
  }
}
