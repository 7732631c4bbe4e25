/**
 * Bytes that a node sent to replies, with no I/O. Frames that are whole in what just arrived are read in place; the rest of a frame
 * that is cut is kept until more comes.
 *
 *     arrived   [ frame ][ frame ][ fra          read in place, `fra` is kept
 *     kept      [ fra | me ][ frame ] …
 *
 * What is kept grows by doubling with the bytes that came, never by a length that the node states; a frame whose
 * stated length passes `frameBytesMax` is refused as soon as its header is there.
 */
import {
  AT_FIELDS_BYTES,
  AT_KEY_LENGTH,
  AT_REQUEST_ID,
  AT_VALUE_LENGTH,
  HEADER_BYTES,
  REPLY_MAGIC,
} from '../protocol/shoal/frame.ts';
import { ReplyFrame } from './reply-frame.ts';

export class ReplyReader {
  /** Why reading ended, once `read` returned false. */
  problem = '';
  private readonly onReply: (id: number, reply: ReplyFrame) => boolean;
  private readonly frameBytesMax: number;
  private readonly frame = new ReplyFrame();
  private kept: Buffer = NOTHING;
  private keptLength = 0;

  /** `onReply` is called for each frame; where it returns false, reading ends with `problem` as it was set. */
  constructor(frameBytesMax: number, onReply: (id: number, reply: ReplyFrame) => boolean) {
    this.frameBytesMax = frameBytesMax;
    this.onReply = onReply;
  }

  /** Takes the first `length` of `bytes`, which the caller may use again afterwards. False: see `problem`; call it no more. */
  read(bytes: Buffer, length: number): boolean {
    if (this.keptLength === 0) {
      const end = this.readFrames(bytes, length);
      if (end < 0) return false;
      if (end < length) this.keep(bytes, end, length);
      return true;
    }
    this.keep(bytes, 0, length);
    const end = this.readFrames(this.kept, this.keptLength);
    if (end < 0) return false;
    const left = this.keptLength - end;
    if (left === 0) {
      this.keptLength = 0;
      if (this.kept.length > KEPT_BYTES) this.kept = NOTHING;
    } else if (end > 0) {
      this.kept.copyWithin(0, end, this.keptLength);
      this.keptLength = left;
    }
    return true;
  }

  /** Reads the frames that are whole in the first `end` of `bytes`; returns where the rest begins, or -1. */
  private readFrames(bytes: Buffer, end: number): number {
    const { frame } = this;
    let at = 0;
    while (at < end) {
      if (bytes[at] !== REPLY_MAGIC) return this.refuse(notReply(bytes, at, end));
      if (end - at < HEADER_BYTES) break;
      const valueStart = at + HEADER_BYTES + readU16(bytes, at + AT_FIELDS_BYTES);
      const valueEnd = valueStart + readU32(bytes, at + AT_VALUE_LENGTH);
      if (readU16(bytes, at + AT_KEY_LENGTH) !== 0) return this.refuse('a reply with a key');
      if (valueEnd - at > this.frameBytesMax) {
        return this.refuse(`a reply of ${valueEnd - at} bytes, where at most ${this.frameBytesMax} are expected`);
      }
      if (valueEnd > end) break;
      frame.bytes = bytes;
      frame.start = at;
      frame.valueStart = valueStart;
      frame.valueEnd = valueEnd;
      if (!this.onReply(readU32(bytes, at + AT_REQUEST_ID), frame)) return -1;
      at = valueEnd;
    }
    return at;
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    const needed = this.keptLength + end - start;
    if (needed > this.kept.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.kept.length * 2, KEPT_BYTES_INITIAL));
      this.kept.copy(grown, 0, 0, this.keptLength);
      this.kept = grown;
    }
    bytes.copy(this.kept, this.keptLength, start, end);
    this.keptLength = needed;
  }

  private refuse(problem: string): number {
    this.problem = problem;
    return -1;
  }
}

/** A node that has no room for one more connection says so as a Redis error, before it knows which protocol we speak. */
function notReply(bytes: Buffer, at: number, end: number): string {
  const shown = bytes.toString('latin1', at, Math.min(end, at + SHOWN_BYTES));
  const line = /^-([^\r\n]*)\r\n/.exec(shown)?.[1];
  return line === undefined ? `no reply of the Shoal protocol but ${JSON.stringify(shown)}` : line;
}

function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

const NOTHING: Buffer = Buffer.alloc(0);
const KEPT_BYTES_INITIAL = 4096;
/** A buffer of at most this size stays with its connection once it is empty. */
const KEPT_BYTES = 64 * 1024;
const SHOWN_BYTES = 128;
