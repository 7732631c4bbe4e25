/**
 * The records in which items travel between nodes, in the frames of moves (move-frames.ts) and of streams to replicas (stream-frames.ts): little-endian.
 *
 *     record   kind u8 | flags u8 | database u8 | 0 u8 | key length u16 | 0 u16 | rest by kind
 *       item     value length u32 | expiry, ms since 1970, f64; 0: none | key | value
 *       removed  key
 *       flushed  nothing: all keys of the database, or of all for EVERY_DATABASE, that are in slots of the frame's copy
 *       piece    value length u32 | expiry f64 | offset u32 | length u32 | key | so many bytes of the value
 *       begun, synced, forgotten, left
 *                in place of the key, ranges of slots: first u16 | last u16 each, ascending; only in streams
 *
 * A value of more than VALUE_PIECE_BYTES goes in pieces, which follow one another with nothing between them. Nothing is allocated by a length that a
 * frame states.
 */
import { ShoalError } from '../base/errors.ts';
import { type SlotRange, slotRanges, slotsOfRanges } from '../topology/slot-ranges.ts';
import { copyBytes } from '../store/item.ts';
import { DATABASE_COUNT, KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../store/types.ts';

/** A frame is sent when it holds so much. */
export const FRAME_BYTES: number = 256 * 1024;
/** The longest value that goes in one record, and the longest piece of a longer one. */
export const VALUE_PIECE_BYTES: number = 1024 * 1024;
/** The longest record. */
export const RECORD_BYTES_MAX: number = 64 + KEY_BYTES_MAX + VALUE_PIECE_BYTES;

export const RecordKind = {
  item: 1,
  removed: 2,
  flushed: 3,
  piece: 4,
  begun: 5,
  synced: 6,
  forgotten: 7,
  left: 8,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];
/** Those that tell of slots. */
export type SlotsKind =
  | typeof RecordKind.begun
  | typeof RecordKind.synced
  | typeof RecordKind.forgotten
  | typeof RecordKind.left;
/** Flags of an item or a piece: the value was built by APPEND or SETRANGE; it was used at the source. */
export const ITEM_IS_RAW = 0x01;
export const ITEM_IS_USED = 0x02;
const ITEM_FLAGS: number = ITEM_IS_RAW | ITEM_IS_USED;
export const EVERY_DATABASE = 0xff;

/** Room of a new frame, which grows: those of a tail are short. */
const FRAME_BYTES_FIRST: number = 16 * 1024;
const RECORD_HEADER_BYTES = 8;
const ITEM_FIXED_BYTES = 12;
const PIECE_FIXED_BYTES = 20;
/** Of a range of slots. */
const RANGE_BYTES = 4;
/** An expiry is a point in time that a double holds exactly. */
const EXPIRY_MS_MAX: number = 2 ** 53;

/** A key and value as they travel. The bytes are somebody else's, read during the call. */
export interface MovedItem {
  readonly database: number;
  readonly keyBytes: Uint8Array;
  readonly keyStart: number;
  readonly keyLength: number;
  readonly valueBytes: Uint8Array;
  readonly valueLength: number;
  readonly expiresAtMs: number;
  readonly raw: boolean;
  /** It was used since it came or was last passed over by the evictor. */
  readonly used: boolean;
}

/** Writes the records of one frame, behind the `head` that its kind of frames has. */
export class RecordWriter {
  /** Of the frame. */
  readonly number: number;
  private readonly headBytes: number;
  private bytes: Buffer;
  private end: number;

  constructor(number: number, head: Uint8Array) {
    this.number = number;
    this.headBytes = head.length;
    this.bytes = Buffer.allocUnsafe(FRAME_BYTES_FIRST);
    this.bytes.set(head);
    this.end = head.length;
  }

  /** Whether no record is in it. */
  get isEmpty(): boolean {
    return this.end === this.headBytes;
  }

  /** Whether a record of a value of `valueLength` bytes, or a piece of one, fits a frame that has records already. */
  fits(keyLength: number, valueLength: number): boolean {
    return this.end + RECORD_HEADER_BYTES + PIECE_FIXED_BYTES + keyLength + valueLength <= FRAME_BYTES;
  }

  /** `value` has VALUE_PIECE_BYTES at most. */
  item(item: MovedItem): void {
    this.header(RecordKind.item, item, ITEM_FIXED_BYTES + item.keyLength + item.valueLength);
    this.valueAndExpiry(item);
    this.copy(item.keyBytes, item.keyStart, item.keyLength);
    this.copy(item.valueBytes, 0, item.valueLength);
  }

  /** `length` bytes of the value from `offset` on: VALUE_PIECE_BYTES, or what is left. */
  piece(item: MovedItem, offset: number, length: number): void {
    this.header(RecordKind.piece, item, PIECE_FIXED_BYTES + item.keyLength + length);
    this.valueAndExpiry(item);
    this.end = this.bytes.writeUInt32LE(offset, this.end);
    this.end = this.bytes.writeUInt32LE(length, this.end);
    this.copy(item.keyBytes, item.keyStart, item.keyLength);
    this.copy(item.valueBytes, offset, length);
  }

  removed(item: MovedItem): void {
    this.header(RecordKind.removed, item, item.keyLength);
    this.copy(item.keyBytes, item.keyStart, item.keyLength);
  }

  /** `database`: or EVERY_DATABASE. */
  flushed(database: number): void {
    this.header(RecordKind.flushed, { database, keyLength: 0, raw: false, used: false }, 0);
  }

  /** `ranges`: as `slotRangeBytes` makes them. */
  slots(kind: SlotsKind, ranges: Uint8Array): void {
    this.header(kind, { database: 0, keyLength: ranges.length, raw: false, used: false }, ranges.length);
    this.copy(ranges, 0, ranges.length);
  }

  /** The frame; nothing may be written to it any more. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.end);
  }

  private header(
    kind: RecordKind,
    { database, keyLength, raw, used }: Pick<MovedItem, 'database' | 'keyLength' | 'raw' | 'used'>,
    restBytes: number,
  ): void {
    this.ensure(RECORD_HEADER_BYTES + restBytes);
    const at = this.end;
    this.bytes.writeUInt8(kind, at);
    this.bytes.writeUInt8((raw ? ITEM_IS_RAW : 0) | (used ? ITEM_IS_USED : 0), at + 1);
    this.bytes.writeUInt8(database, at + 2);
    this.bytes.writeUInt8(0, at + 3);
    this.bytes.writeUInt16LE(keyLength, at + 4);
    this.bytes.writeUInt16LE(0, at + 6);
    this.end = at + RECORD_HEADER_BYTES;
  }

  private valueAndExpiry({ valueLength, expiresAtMs }: MovedItem): void {
    this.end = this.bytes.writeUInt32LE(valueLength, this.end);
    this.end = this.bytes.writeDoubleLE(expiresAtMs, this.end);
  }

  private copy(bytes: Uint8Array, start: number, length: number): void {
    copyBytes(bytes, start, this.bytes, this.end, length);
    this.end += length;
  }

  private ensure(length: number): void {
    if (this.end + length <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafe(Math.max(this.end + length, Math.min(FRAME_BYTES, this.bytes.length * 4)));
    this.bytes.copy(bytes, 0, 0, this.end);
    this.bytes = bytes;
  }
}

/** Reads the records of a frame, one by one; the fields are those of the record that `next` came to. The bytes stay the caller's. */
export abstract class RecordReader implements MovedItem {
  kind: RecordKind = RecordKind.item;
  database = 0;
  readonly keyBytes: Uint8Array;
  keyStart = 0;
  keyLength = 0;
  readonly valueBytes: Uint8Array;
  /** Where the value, or the piece of it, begins in `valueBytes`. */
  valueStart = 0;
  /** Of the whole value. */
  valueLength = 0;
  expiresAtMs = 0;
  raw = false;
  used = false;
  /** Of a piece: where it belongs, and how long it is. */
  pieceOffset = 0;
  pieceLength = 0;
  protected readonly view: DataView;
  private readonly length: number;
  private at: number;

  /** Throws a ShoalError, UnexpectedResponse, where `bytes` are too few for a head of `headBytes`, or too many; as does `next` where a record is none. */
  constructor(bytes: Uint8Array, headBytes: number) {
    this.length = bytes.length;
    if (bytes.length < headBytes) throw unusable(`${bytes.length} bytes are no frame`);
    if (bytes.length > headBytes + RECORD_BYTES_MAX)
      throw unusable(`a frame has at most ${headBytes + RECORD_BYTES_MAX} bytes, not ${bytes.length}`);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = headBytes;
    this.keyBytes = bytes;
    this.valueBytes = bytes;
  }

  /** Bytes of the whole frame. */
  get byteLength(): number {
    return this.length;
  }

  /** Goes to the next record; false at the end. */
  next(): boolean {
    if (this.at === this.length) return false;
    this.need(RECORD_HEADER_BYTES);
    const { view, at } = this;
    const flags = view.getUint8(at + 1);
    this.kind = view.getUint8(at) as RecordKind;
    this.raw = (flags & ITEM_IS_RAW) !== 0;
    this.used = (flags & ITEM_IS_USED) !== 0;
    this.database = view.getUint8(at + 2);
    this.keyLength = view.getUint16(at + 4, true);
    if ((flags & ~ITEM_FLAGS) !== 0 || view.getUint8(at + 3) !== 0 || view.getUint16(at + 6, true) !== 0)
      throw unusable(`a record of kind ${this.kind} with bits that mean nothing`);
    this.at += RECORD_HEADER_BYTES;
    this.readRest();
    const isAnyDatabase = this.kind === RecordKind.flushed && this.database === EVERY_DATABASE;
    if (this.database >= DATABASE_COUNT && !isAnyDatabase) throw unusable(`there is no database ${this.database}`);
    return true;
  }

  private readRest(): void {
    switch (this.kind) {
      case RecordKind.item:
        this.readValueAndExpiry(ITEM_FIXED_BYTES);
        this.readKey();
        if (this.valueLength > VALUE_PIECE_BYTES) throw unusable(`${this.valueLength} bytes go in pieces`);
        this.pieceOffset = 0;
        this.pieceLength = this.valueLength;
        this.readPiece();
        return;
      case RecordKind.piece:
        this.readValueAndExpiry(PIECE_FIXED_BYTES);
        this.pieceOffset = this.view.getUint32(this.at, true);
        this.pieceLength = this.view.getUint32(this.at + 4, true);
        this.at += 8;
        this.readKey();
        if (this.pieceLength > VALUE_PIECE_BYTES || this.pieceOffset + this.pieceLength > this.valueLength)
          throw unusable(`a piece of ${this.pieceLength} bytes at ${this.pieceOffset} of ${this.valueLength}`);
        this.readPiece();
        return;
      case RecordKind.removed:
        this.readKey();
        return;
      case RecordKind.flushed:
        if (this.keyLength !== 0) throw unusable('a flush with a key');
        return;
      case RecordKind.begun:
      case RecordKind.synced:
      case RecordKind.forgotten:
      case RecordKind.left:
        this.readKey();
        this.readSlots();
        return;
      default:
        throw unusable(`a record of unknown kind ${String(this.kind)}`);
    }
  }

  /** What a record of slots means to this kind of frames. */
  protected abstract readSlots(): void;

  private readValueAndExpiry(fixedBytes: number): void {
    this.need(fixedBytes);
    this.valueLength = this.view.getUint32(this.at, true);
    this.expiresAtMs = this.view.getFloat64(this.at + 4, true);
    this.at += ITEM_FIXED_BYTES;
    if (this.valueLength > VALUE_BYTES_MAX) throw unusable(`a value of ${this.valueLength} bytes`);
    if (!Number.isInteger(this.expiresAtMs) || this.expiresAtMs < 0 || this.expiresAtMs > EXPIRY_MS_MAX)
      throw unusable(`an expiry of ${this.expiresAtMs}`);
  }

  private readKey(): void {
    this.need(this.keyLength);
    this.keyStart = this.at;
    this.at += this.keyLength;
  }

  private readPiece(): void {
    this.need(this.pieceLength);
    this.valueStart = this.at;
    this.at += this.pieceLength;
  }

  private need(bytes: number): void {
    if (this.at + bytes > this.length) throw unusable(`a frame ends ${this.at + bytes - this.length} bytes too soon`);
  }
}

/** Slots, ascending, as ranges in bytes. */
export function slotRangeBytes(slots: Iterable<number>): Uint8Array {
  const ranges = slotRanges(slots);
  const bytes = Buffer.allocUnsafe(ranges.length * RANGE_BYTES);
  for (const [index, [first, last]] of ranges.entries()) {
    bytes.writeUInt16LE(first, index * RANGE_BYTES);
    bytes.writeUInt16LE(last, index * RANGE_BYTES + 2);
  }
  return bytes;
}

/** The slots that `bytes[start..start+length)` tell of. Throws a ShoalError, UnexpectedResponse, where that is none. */
export function slotsOfBytes(bytes: Uint8Array, start: number, length: number): number[] {
  if (length % RANGE_BYTES !== 0) throw unusable(`${length} bytes are no ranges of slots`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, length);
  const ranges: SlotRange[] = [];
  for (let at = 0; at < length; at += RANGE_BYTES)
    ranges.push([view.getUint16(at, true), view.getUint16(at + 2, true)]);
  try {
    return slotsOfRanges(ranges);
  } catch (error) {
    throw unusable((error as Error).message);
  }
}

export function unusable(what: string): ShoalError {
  return new ShoalError('UnexpectedResponse', `items of another node: ${what}`);
}
