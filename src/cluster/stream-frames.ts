/**
 * What a primary sends to a replica, and the answers: the values of `replicate` requests and their replies, little-endian.
 *
 *     frame    format u8 | flags u8 | 0 u16 | life u32 | attempt u32 | number u32 | through u32 | heard u32 | source 20 | target 20 | records (item-records.ts)
 *     reply    format u8 | outcome u8 | length of the ranges u16 | attempt u32 | next number u32 | through u32 | deleted u32
 *              | ranges of slots that are lacking: first u16 | last u16 each | text, UTF-8, where it failed
 *
 * A stream is named by its two nodes, `life`, a random number of the source's process, and the attempt: what is of another one is never taken for this one's. Frames
 * of an attempt are numbered from 0 without gaps and stored in that order alone; the first one, with START, makes the replica forget what it knew of the
 * attempt before. A reply stands for all frames before `next`.
 *
 * `through` is a position of the source's change log, the number of a record (u32, which comes round): every change before it, of the slots of this stream, is in this frame
 * or an earlier one; in a reply, the last stored frame's. `heard` is the `next` of the last reply that the source had when it made the frame: so the replica can tell
 * how old, at most, what it knows is. `deleted` counts the records `begun` of this attempt whose slots are empty by now: before that the source sends nothing of theirs.
 * `lacking` are slots of which the source sends changes and the replica has no copy: it does not take them by its topology, or did not for a while.
 */
import { RecordReader, RecordWriter, slotRangeBytes, slotsOfBytes, unusable } from './item-records.ts';
import { REPLY_TEXT_MAX } from './move-frames.ts';

export const STREAM_FORMAT = 1;
export const STREAM_HEADER_BYTES = 64;
export const STREAM_REPLY_BYTES = 20;
/** Flag of a frame: the attempt begins. */
export const STREAM_START = 0x01;
const AT_LIFE = 4;
const AT_ATTEMPT = 8;
const AT_NUMBER = 12;
const AT_THROUGH = 16;
const AT_HEARD = 20;
const AT_SOURCE = 24;
const AT_TARGET = 44;
/** Of a node's id, which is as many pairs of hexadecimal digits. */
const ID_BYTES = 20;

/** What became of a frame. */
export const StreamOutcome = {
  /** It is stored, as are all before the next number. */
  stored: 0,
  /** It is not the next one: send from the next number on. */
  outOfOrder: 1,
  /** The replica takes nothing from this source, or does not know this attempt. */
  unknown: 2,
  /** The replica cannot take the items, and has deleted what it had; the text says why. */
  failed: 3,
} as const;
export type StreamOutcome = (typeof StreamOutcome)[keyof typeof StreamOutcome];

/** Which stream it is, and which attempt. */
export interface StreamName {
  readonly source: string;
  readonly target: string;
  readonly life: number;
  readonly attempt: number;
}

export interface StreamReply {
  readonly outcome: StreamOutcome;
  readonly attempt: number;
  readonly next: number;
  readonly through: number;
  readonly deleted: number;
  /** Ascending. */
  readonly lacking: readonly number[];
  /** For people; empty where nothing failed. */
  readonly text: string;
}

/** A frame of a stream, without records. Its positions are filled in by `sealStreamFrame`. */
export function newStreamFrame(name: StreamName, number: number, flags = 0): RecordWriter {
  const head = Buffer.alloc(STREAM_HEADER_BYTES);
  head.writeUInt8(STREAM_FORMAT, 0);
  head.writeUInt8(flags, 1);
  head.writeUInt32LE(name.life, AT_LIFE);
  head.writeUInt32LE(name.attempt, AT_ATTEMPT);
  head.writeUInt32LE(number, AT_NUMBER);
  head.write(name.source, AT_SOURCE, ID_BYTES, 'hex');
  head.write(name.target, AT_TARGET, ID_BYTES, 'hex');
  return new RecordWriter(number, head);
}

/** The bytes of a frame that is complete. */
export function sealStreamFrame(frame: RecordWriter, through: number, heard: number): Uint8Array {
  const bytes = frame.finish();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(AT_THROUGH, through, true);
  view.setUint32(AT_HEARD, heard, true);
  return bytes;
}

export class StreamFrameReader extends RecordReader {
  readonly name: StreamName;
  readonly number: number;
  readonly through: number;
  readonly heard: number;
  readonly isStart: boolean;
  /** Of a record that tells of slots. */
  slots: readonly number[] = [];

  /** Throws a ShoalError, UnexpectedResponse, where this is no frame of a stream. */
  constructor(bytes: Uint8Array) {
    super(bytes, STREAM_HEADER_BYTES);
    if (bytes[0] !== STREAM_FORMAT)
      throw unusable(`a stream in format ${bytes[0]}, ${STREAM_FORMAT} is known: update this node`);
    if ((bytes[1]! & ~STREAM_START) !== 0) throw unusable(`a frame of a stream with flags ${bytes[1]}`);
    this.isStart = bytes[1] === STREAM_START;
    this.name = {
      source: idAt(bytes, AT_SOURCE),
      target: idAt(bytes, AT_TARGET),
      life: this.view.getUint32(AT_LIFE, true),
      attempt: this.view.getUint32(AT_ATTEMPT, true),
    };
    this.number = this.view.getUint32(AT_NUMBER, true);
    this.through = this.view.getUint32(AT_THROUGH, true);
    this.heard = this.view.getUint32(AT_HEARD, true);
  }

  protected override readSlots(): void {
    this.slots = slotsOfBytes(this.keyBytes, this.keyStart, this.keyLength);
  }
}

export function encodeStreamReply(reply: StreamReply): Uint8Array {
  const ranges = slotRangeBytes(reply.lacking);
  const words = Buffer.from(reply.text.slice(0, REPLY_TEXT_MAX), 'utf8');
  const bytes = Buffer.alloc(STREAM_REPLY_BYTES + ranges.length + words.length);
  bytes.writeUInt8(STREAM_FORMAT, 0);
  bytes.writeUInt8(reply.outcome, 1);
  bytes.writeUInt16LE(ranges.length, 2);
  bytes.writeUInt32LE(reply.attempt, 4);
  bytes.writeUInt32LE(reply.next, 8);
  bytes.writeUInt32LE(reply.through, 12);
  bytes.writeUInt32LE(reply.deleted, 16);
  bytes.set(ranges, STREAM_REPLY_BYTES);
  bytes.set(words, STREAM_REPLY_BYTES + ranges.length);
  return bytes;
}

/** Throws a ShoalError, UnexpectedResponse, where `bytes` are no reply to a frame of a stream. */
export function decodeStreamReply(bytes: Uint8Array): StreamReply {
  if (bytes.length < STREAM_REPLY_BYTES || bytes[0] !== STREAM_FORMAT)
    throw unusable(`${bytes.length} bytes are no reply to a frame of a stream`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rangesBytes = view.getUint16(2, true);
  const textBytes = bytes.length - STREAM_REPLY_BYTES - rangesBytes;
  if (textBytes < 0 || textBytes > REPLY_TEXT_MAX * 4)
    throw unusable(`${bytes.length} bytes are no reply to a frame of a stream`);
  const outcome = bytes[1] as StreamOutcome;
  if (outcome > StreamOutcome.failed) throw unusable(`a reply to a frame of a stream with outcome ${outcome}`);
  return {
    outcome,
    attempt: view.getUint32(4, true),
    next: view.getUint32(8, true),
    through: view.getUint32(12, true),
    deleted: view.getUint32(16, true),
    lacking: slotsOfBytes(bytes, STREAM_REPLY_BYTES, rangesBytes),
    text: Buffer.from(bytes.subarray(STREAM_REPLY_BYTES + rangesBytes)).toString('utf8'),
  };
}

function idAt(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, ID_BYTES).toString('hex');
}
