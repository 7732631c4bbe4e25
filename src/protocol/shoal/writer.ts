/**
 * Answers of operations to reply frames, in the output buffer of the thread: a reply costs no object, and a value goes from the store
 * straight into its frame (`ValueSink`).
 *
 *     bytes  [ header fields value | header value ...... free ...... ]
 *                                           ^ begin(5)  ^ length
 *
 * `start` says which request is answered next; each answer then writes one whole frame. A `call` is answered in RESP3 by
 * the ordinary writer of that protocol, which gets the buffer in between, and what it wrote becomes the frame's value.
 */
import { NO_ROOM } from '../../base/value-sink.ts';
import { copyBytes } from '../../base/bytes.ts';
import { OutputBytes } from '../output-bytes.ts';
import { RespWriter } from '../resp/writer.ts';
import { readU16, writeInt64, writeU16, writeU32 } from './bytes.ts';
import {
  AT_EPOCH,
  AT_FIELDS_BYTES,
  AT_FLAGS,
  AT_KEY_LENGTH,
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  AT_VERSION,
  FIELD_BYTES,
  Flag,
  HEADER_BYTES,
  INTEGER_BYTES,
  REPLY_MAGIC,
  Status,
  VERSION_MIN,
} from './frame.ts';
import type { OperationReply } from './operation-reply.ts';
import { MINUS } from '../resp/type-bytes.ts';

/** What a line of a RESP error is in this protocol. */
export interface ErrorMeaning {
  readonly status: Status;
  /** Without the line's first word, where the status says the same. */
  readonly text: string;
}

export class ShoalWriter extends OutputBytes implements OperationReply {
  private readonly meaningOf: (line: string) => ErrorMeaning;
  private readonly callWriter: RespWriter;
  /** Of the topology that the node knows, for every frame from here on; 0: none. */
  epoch = 0;
  private requestId = 0;
  private version = VERSION_MIN;
  /** Which fields the next frame has, and what is in them. */
  private fieldFlags = 0;
  private ttlMs = 0;
  private versionLow = 0;
  private versionHigh = 0;
  /** The first word of the error that was answered last, or null where the last answer is none. */
  private lastErrorCode: string | null = null;

  constructor(limitBytes: number, meaningOf: (line: string) => ErrorMeaning) {
    super(limitBytes);
    this.meaningOf = meaningOf;
    this.callWriter = new RespWriter(limitBytes);
    this.callWriter.protocol = 3;
  }

  /** The answers to come are those to this request, in this version of the protocol. */
  start(requestId: number, version: number): void {
    this.requestId = requestId;
    this.version = version;
    this.fieldFlags = 0;
    this.lastErrorCode = null;
  }

  /** The code of the error that stands at `mark`, for statistics; null where the answer there is none. */
  errorCode(mark: number): string | null {
    return this.length > mark ? this.lastErrorCode : null;
  }

  begin(length: number): number {
    const bytes = this.bytes;
    const needed = this.length + FRAME_BYTES_MAX + length;
    if (needed > bytes.length || needed > this.limitBytes) return NO_ROOM;
    return this.layFrame(Status.ok, length);
  }

  makeRoom(length: number): void {
    this.ensure(FRAME_BYTES_MAX + length);
  }

  ok(): void {
    this.answer(Status.ok);
  }

  answer(status: Status): void {
    this.ensure(FRAME_BYTES_MAX);
    this.layFrame(status, 0);
  }

  bulk(bytes: Uint8Array, start: number, length: number): void {
    this.ensure(FRAME_BYTES_MAX + length);
    const at = this.layFrame(Status.ok, length);
    copyBytes(bytes, start, this.bytes, at, length);
  }

  simple(text: string): void {
    this.text(Status.ok, text);
  }

  integer(value: number): void {
    this.ensure(FRAME_BYTES_MAX + INTEGER_BYTES);
    writeInt64(this.bytes, this.layFrame(Status.ok, INTEGER_BYTES), value);
  }

  bigInteger(value: bigint): void {
    this.ensure(FRAME_BYTES_MAX + INTEGER_BYTES);
    this.bytes.writeBigInt64LE(value, this.layFrame(Status.ok, INTEGER_BYTES));
  }

  error(line: string): void {
    const { status, text } = this.meaningOf(line);
    this.fieldFlags = 0;
    this.lastErrorCode = firstWord(line);
    this.text(status, text);
  }

  fail(status: Status, text: string): void {
    this.fieldFlags = 0;
    this.lastErrorCode = status === Status.unauthenticated ? 'NOAUTH' : 'ERR';
    this.text(status, text);
  }

  withVersion(low: number, high: number): void {
    this.fieldFlags |= Flag.version;
    this.versionLow = low;
    this.versionHigh = high;
  }

  withTimeToLive(ttlMs: number): void {
    this.fieldFlags |= Flag.ttl;
    this.ttlMs = ttlMs;
  }

  /** The answer to come, unless it is an error, has room for how many replicas have what it tells of: none, until `setReplicaCount`. */
  withReplicaCount(): void {
    this.fieldFlags |= Flag.ack;
  }

  /** Begins the answer to a call. Its RESP goes into the writer that is returned, and then `endCall` follows; or `abandonCall`. */
  beginCall(protocol: 2 | 3 = 3): RespWriter {
    this.ensure(FRAME_BYTES_MAX);
    const valueAt = this.layFrame(Status.ok, 0);
    this.handTo(this.callWriter);
    this.callWriter.length = valueAt;
    this.callWriter.protocol = protocol;
    this.callWriter.limitBytes = this.limitBytes;
    return this.callWriter;
  }

  /** Makes a frame of what was written since `beginCall`, which returned with `mark` bytes written before. An error becomes a status. */
  endCall(mark: number): void {
    this.callWriter.handTo(this);
    const valueAt = mark + HEADER_BYTES + readU16(this.bytes, mark + AT_FIELDS_BYTES);
    const valueLength = this.length - valueAt;
    if (this.bytes[valueAt] !== MINUS || valueLength < ERROR_FRAME_BYTES) {
      writeU32(this.bytes, mark + AT_VALUE_LENGTH, valueLength);
      return;
    }
    const line = this.bytes.toString('utf8', valueAt + 1, this.length - LINE_END_BYTES);
    this.length = mark;
    this.error(line);
  }

  /** As `endCall`, for a forwarded command: errors stay in the value, but for those that say something of the slot. */
  endForward(mark: number): void {
    this.callWriter.handTo(this);
    const valueAt = mark + HEADER_BYTES;
    if (this.bytes[valueAt] === MINUS && this.length - valueAt >= ERROR_FRAME_BYTES) {
      const line = this.bytes.toString('utf8', valueAt + 1, this.length - LINE_END_BYTES);
      const { status } = this.meaningOf(line);
      if (SLOT_STATUSES.has(status)) {
        this.length = mark;
        this.error(line);
        return;
      }
    }
    writeU32(this.bytes, mark + AT_VALUE_LENGTH, this.length - valueAt);
  }

  /** Forgets what was written since `beginCall`, or since `mark` where no call is being answered. */
  abandonCall(mark: number): void {
    if (this.bytes.length === 0) this.callWriter.handTo(this);
    this.length = mark;
  }

  private text(status: Status, text: string): void {
    const length = Buffer.byteLength(text, 'utf8');
    this.ensure(FRAME_BYTES_MAX + length);
    const at = this.layFrame(status, length);
    this.bytes.write(text, at, 'utf8');
  }

  /** Writes header and fields where room was made, takes the value's bytes as well, and returns where those begin. */
  private layFrame(status: Status, valueLength: number): number {
    const { bytes, fieldFlags } = this;
    const start = this.length;
    let at = start + HEADER_BYTES;
    if (fieldFlags !== 0) {
      if ((fieldFlags & Flag.ttl) !== 0) {
        writeInt64(bytes, at, this.ttlMs);
        at += FIELD_BYTES;
      }
      if ((fieldFlags & Flag.version) !== 0) {
        writeU32(bytes, at, this.versionLow);
        writeU32(bytes, at + 4, this.versionHigh);
        at += FIELD_BYTES;
      }
      if ((fieldFlags & Flag.ack) !== 0) {
        writeInt64(bytes, at, 0);
        at += FIELD_BYTES;
      }
    }
    bytes[start] = REPLY_MAGIC;
    bytes[start + AT_VERSION] = this.version;
    bytes[start + AT_STATUS] = status;
    bytes[start + AT_FLAGS] = fieldFlags;
    writeU32(bytes, start + AT_REQUEST_ID, this.requestId);
    writeU32(bytes, start + AT_EPOCH, this.epoch);
    writeU16(bytes, start + AT_KEY_LENGTH, 0);
    writeU16(bytes, start + AT_FIELDS_BYTES, at - start - HEADER_BYTES);
    writeU32(bytes, start + AT_VALUE_LENGTH, valueLength);
    this.length = at + valueLength;
    return at;
  }
}

/** Says in the reply frame that begins at `start` how many replicas have what it tells of, where it has room for that: its last field. */
export function setReplicaCount(bytes: Uint8Array, start: number, count: number): void {
  if ((bytes[start + AT_FLAGS]! & Flag.ack) === 0) return;
  bytes[start + HEADER_BYTES + readU16(bytes, start + AT_FIELDS_BYTES) - FIELD_BYTES] = count;
}

/** `ERR` of `ERR syntax error`. */
function firstWord(line: string): string {
  const end = line.indexOf(' ');
  return end < 0 ? line : line.slice(0, end);
}

/** By which a node that has not the slot says so. */
const SLOT_STATUSES: ReadonlySet<Status> = new Set([Status.moved, Status.tryAgain, Status.clusterDown]);
const FRAME_BYTES_MAX = HEADER_BYTES + 3 * FIELD_BYTES;
const LINE_END_BYTES = 2;
/** `-` and the end of the line. */
const ERROR_FRAME_BYTES = 3;
