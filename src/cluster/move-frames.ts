/**
 * What the source of a move sends to its target, and the answers: the values of `moveItems` requests and their replies, little-endian.
 *
 *     frame    format u8 | flags u8 | 0 u16 | move u32 | attempt u32 | number u32 | records (item-records.ts)
 *     reply    format u8 | outcome u8 | 0 u16 | attempt u32 | next number u32 | text, UTF-8, where it failed
 *
 * Frames of an attempt are numbered from 0 without gaps, and the target stores them in this order alone; the first one, with START, deletes what the
 * target had. A reply says which number comes next, so it stands for all frames before.
 */
import { RECORD_BYTES_MAX, RecordReader, RecordWriter, unusable } from './item-records.ts';

export const MOVE_FORMAT = 1;
export const FRAME_HEADER_BYTES = 16;
export const REPLY_HEADER_BYTES = 12;
/** Flag of a frame: what the target has in the slots of the move is deleted first. */
export const FRAME_START = 0x01;
/** The longest frame: one record of the longest kind. */
export const FRAME_BYTES_MAX: number = FRAME_HEADER_BYTES + RECORD_BYTES_MAX;
/** Characters of a reply's text. */
export const REPLY_TEXT_MAX = 500;

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

/** A frame of a move, without records. */
export function newMoveFrame(move: number, attempt: number, number: number, flags: number): RecordWriter {
  const head = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  head.writeUInt8(MOVE_FORMAT, 0);
  head.writeUInt8(flags, 1);
  head.writeUInt16LE(0, 2);
  head.writeUInt32LE(move, 4);
  head.writeUInt32LE(attempt, 8);
  head.writeUInt32LE(number, 12);
  return new RecordWriter(number, head);
}

export class MoveFrameReader extends RecordReader {
  readonly move: number;
  readonly attempt: number;
  readonly number: number;
  readonly isStart: boolean;

  /** Throws a ShoalError, UnexpectedResponse, where this is no frame of a move. */
  constructor(bytes: Uint8Array) {
    super(bytes, FRAME_HEADER_BYTES);
    if (bytes[0] !== MOVE_FORMAT)
      throw unusable(`a move in format ${bytes[0]}, ${MOVE_FORMAT} is known: update this node`);
    if ((bytes[1]! & ~FRAME_START) !== 0) throw unusable(`a frame of a move with flags ${bytes[1]}`);
    this.isStart = bytes[1] === FRAME_START;
    this.move = this.view.getUint32(4, true);
    this.attempt = this.view.getUint32(8, true);
    this.number = this.view.getUint32(12, true);
  }

  protected override readSlots(): void {
    throw unusable(`a record of kind ${this.kind} in a move`);
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
