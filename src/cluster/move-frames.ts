/**
 * What the source of a move sends to its target, and the answers: the values of `moveItems` requests and their replies, little-endian.
 *
 *     frame    format u8 | flags u8 | 0 u16 | move u32 | attempt u32 | number u32 | records
 *     record   kind u8 | flags u8 | database u8 | 0 u8 | key length u16 | 0 u16 | rest by kind
 *       item     value length u32 | expiry, ms since 1970, f64; 0: none | key | value
 *       removed  key
 *       flushed  nothing: all keys of the database, or of all for EVERY_DATABASE, that are in slots of the move
 *       piece    value length u32 | expiry f64 | offset u32 | length u32 | key | so many bytes of the value
 *     reply    format u8 | outcome u8 | 0 u16 | attempt u32 | next number u32 | text, UTF-8, where it failed
 *
 * Frames of an attempt are numbered from 0 without gaps, and the target stores them in this order alone; the first one, with START, deletes what the
 * target had. A reply says which number comes next, so it stands for all frames before. A value of more than VALUE_PIECE_BYTES
 * goes in pieces, which follow one another with nothing between them. Nothing is allocated by a length that a frame states.
 */
import { ShoalError } from '../base/errors.ts';
import { DATABASE_COUNT, KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../store/types.ts';

export const MOVE_FORMAT = 1;
export const FRAME_HEADER_BYTES = 16;
export const REPLY_HEADER_BYTES = 12;
/** Flag of a frame: what the target has in the slots of the move is deleted first. */
export const FRAME_START = 0x01;
/** A frame is sent when it holds so much. */
export const FRAME_BYTES: number = 256 * 1024;
/** The longest value that goes in one record, and the longest piece of a longer one. */
export const VALUE_PIECE_BYTES: number = 1024 * 1024;
/** The longest frame: one record of the longest kind. */
export const FRAME_BYTES_MAX: number = FRAME_HEADER_BYTES + 64 + KEY_BYTES_MAX + VALUE_PIECE_BYTES;

export const RecordKind = { item: 1, removed: 2, flushed: 3, piece: 4 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];
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
/** An expiry is a point in time that a double holds exactly. */
const EXPIRY_MS_MAX: number = 2 ** 53;

/** What became of a frame. */
export const FrameOutcome = {
  /** It is stored, as are all before the next number. */
  stored: 0,
  /** It is not the next one: send from the next number on. */
  outOfOrder: 1,
  /** The target does not import this move, or does not know this attempt: begin again. */
  unknown: 2,
  /** The target cannot take the items; the text says why. */
  failed: 3,
} as const;
export type FrameOutcome = (typeof FrameOutcome)[keyof typeof FrameOutcome];

export interface FrameReply {
  readonly outcome: FrameOutcome;
  readonly attempt: number;
  /** The number of the frame that is to come next. */
  readonly next: number;
  /** For people; empty where nothing failed. */
  readonly text: string;
}

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

/** Writes the records of one frame. */
export class FrameWriter {
  readonly number: number;
  private bytes: Buffer;
  private end = FRAME_HEADER_BYTES;

  constructor(move: number, attempt: number, number: number, flags: number) {
    this.number = number;
    this.bytes = Buffer.allocUnsafe(FRAME_BYTES_FIRST);
    this.bytes.writeUInt8(MOVE_FORMAT, 0);
    this.bytes.writeUInt8(flags, 1);
    this.bytes.writeUInt16LE(0, 2);
    this.bytes.writeUInt32LE(move, 4);
    this.bytes.writeUInt32LE(attempt, 8);
    this.bytes.writeUInt32LE(number, 12);
  }

  /** Whether no record is in it. */
  get isEmpty(): boolean {
    return this.end === FRAME_HEADER_BYTES;
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
    this.bytes.set(bytes.subarray(start, start + length), this.end);
    this.end += length;
  }

  private ensure(length: number): void {
    if (this.end + length <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafe(Math.max(this.end + length, Math.min(FRAME_BYTES, this.bytes.length * 4)));
    this.bytes.copy(bytes, 0, 0, this.end);
    this.bytes = bytes;
  }
}

/** Reads a frame, record by record; the fields are those of the record that `next` came to. The bytes stay the caller's. */
export class FrameReader implements MovedItem {
  readonly move: number;
  readonly attempt: number;
  readonly number: number;
  readonly isStart: boolean;
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
  private readonly view: DataView;
  private readonly length: number;
  private at = FRAME_HEADER_BYTES;

  /** Throws a ShoalError, UnexpectedResponse, where this is no frame; as does `next` where a record is none. */
  constructor(bytes: Uint8Array) {
    this.length = bytes.length;
    if (bytes.length < FRAME_HEADER_BYTES) throw unusable(`${bytes.length} bytes are no frame of a move`);
    if (bytes.length > FRAME_BYTES_MAX)
      throw unusable(`a frame of a move has at most ${FRAME_BYTES_MAX} bytes, not ${bytes.length}`);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes[0] !== MOVE_FORMAT)
      throw unusable(`items in format ${bytes[0]}, ${MOVE_FORMAT} is known: update this node`);
    if ((bytes[1]! & ~FRAME_START) !== 0) throw unusable(`a frame of a move with flags ${bytes[1]}`);
    this.isStart = bytes[1] === FRAME_START;
    this.move = this.view.getUint32(4, true);
    this.attempt = this.view.getUint32(8, true);
    this.number = this.view.getUint32(12, true);
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
      default:
        throw unusable(`a record of unknown kind ${String(this.kind)}`);
    }
  }

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
    if (this.at + bytes > this.length)
      throw unusable(`a frame of a move ends ${this.at + bytes - this.length} bytes too soon`);
  }
}

export function encodeFrameReply({ outcome, attempt, next, text }: FrameReply): Uint8Array {
  const words = Buffer.from(text.slice(0, REPLY_TEXT_MAX), 'utf8');
  const bytes = Buffer.alloc(REPLY_HEADER_BYTES + words.length);
  bytes.writeUInt8(MOVE_FORMAT, 0);
  bytes.writeUInt8(outcome, 1);
  bytes.writeUInt32LE(attempt, 4);
  bytes.writeUInt32LE(next, 8);
  bytes.set(words, REPLY_HEADER_BYTES);
  return bytes;
}

/** Throws a ShoalError, UnexpectedResponse, where `bytes` are no reply to a frame. */
export function decodeFrameReply(bytes: Uint8Array): FrameReply {
  if (
    bytes.length < REPLY_HEADER_BYTES ||
    bytes.length > REPLY_HEADER_BYTES + REPLY_TEXT_MAX * 4 ||
    bytes[0] !== MOVE_FORMAT
  )
    throw unusable(`${bytes.length} bytes are no reply to a frame of a move`);
  const outcome = bytes[1] as FrameOutcome;
  if (outcome > FrameOutcome.failed) throw unusable(`a reply to a frame of a move with outcome ${outcome}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    outcome,
    attempt: view.getUint32(4, true),
    next: view.getUint32(8, true),
    text: Buffer.from(bytes.subarray(REPLY_HEADER_BYTES)).toString('utf8'),
  };
}

/** Characters of a reply's text. */
const REPLY_TEXT_MAX = 500;

function unusable(what: string): ShoalError {
  return new ShoalError('UnexpectedResponse', `a move: ${what}`);
}
