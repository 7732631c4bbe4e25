/**
 * Bytes of a Shoal connection to operations, as views of the receive buffer. A frame says its length in its header, so a
 * frame that is not yet whole costs one look at the header, however the network cuts it, and the decoder keeps nothing between
 * calls: one serves all connections of a thread.
 *
 *     magic version opcode flags | request id | epoch | key u16 | fields u16 | value u32 | fields .. | key .. | value ..
 *
 * It refuses only what cannot be stepped over: bytes that begin no frame, and a value longer than may be kept. Whether the frame
 * makes sense is `frameFault`'s to say (validation.ts): then the connection goes on. Nothing that a peer sends makes it
 * throw, and nothing is allocated by a length that a peer states.
 */
import { readInt32, readU16, readU32, TWO_TO_32 } from './bytes.ts';
import {
  AT_EPOCH,
  AT_FIELDS_BYTES,
  AT_FLAGS,
  AT_KEY_LENGTH,
  AT_OPCODE,
  AT_REQUEST_ID,
  AT_VALUE_LENGTH,
  AT_VERSION,
  FIELD_BYTES,
  Flag,
  HEADER_BYTES,
  Opcode,
  REQUEST_MAGIC,
  Status,
} from './frame.ts';
import type { Operation } from './operation.ts';

/** `decode`: the frame is not whole; call again with the same start once more bytes are there. */
export const NEED_MORE = 0;
/** `decode`: the peer broke the protocol; `status`, `error` and `requestId` are what to answer before closing. */
export const PROTOCOL_ERROR = -1;

export interface ShoalDecoderLimits {
  /** Longest value in bytes. */
  readonly bulkBytesMax: number;
  /** Longest value of a `forward`, which holds a whole command; as `bulkBytesMax` where not given. */
  readonly inputBufferBytesMax?: number;
}

/** Longest value in bytes from a peer that has not greeted: enough for any greeting. */
export const UNGREETED_VALUE_BYTES_MAX = 16_384;

export class ShoalDecoder {
  /** Whether the peer of these bytes has greeted; until then a tighter limit holds. Set it before each call for another peer. */
  greeted = true;
  /** After PROTOCOL_ERROR: what to answer. */
  status: Status = Status.badRequest;
  error = '';
  requestId = 0;
  /** After NEED_MORE: at least this many bytes of the frame are missing. A hint, not a size to allocate. */
  bytesWanted = 1;

  private readonly limits: ShoalDecoderLimits;

  constructor(limits: ShoalDecoderLimits) {
    this.limits = limits;
  }

  /**
   * Reads one frame from `bytes[start..end)` into `operation`. Returns the bytes it took (> 0), NEED_MORE, or PROTOCOL_ERROR.
   * `operation` is unspecified unless the result is > 0.
   */
  decode(bytes: Uint8Array, start: number, end: number, operation: Operation): number {
    const available = end - start;
    if (available > 0 && bytes[start] !== REQUEST_MAGIC) {
      return this.refuse(Status.badRequest, 0, `a request begins with the byte 0xa5, not 0x${hexByte(bytes[start]!)}`);
    }
    if (available < HEADER_BYTES) {
      this.bytesWanted = HEADER_BYTES - available;
      return NEED_MORE;
    }
    const fieldsBytes = readU16(bytes, start + AT_FIELDS_BYTES);
    const keyLength = readU16(bytes, start + AT_KEY_LENGTH);
    const valueLength = readU32(bytes, start + AT_VALUE_LENGTH);
    const requestId = readU32(bytes, start + AT_REQUEST_ID);
    const { bulkBytesMax } = this.limits;
    const limit = this.greeted ? bulkBytesMax : Math.min(bulkBytesMax, UNGREETED_VALUE_BYTES_MAX);
    if (valueLength > limit && !this.mayForward(bytes[start + AT_OPCODE]!, valueLength)) {
      const until = this.greeted ? '' : ' before hello';
      return this.refuse(
        Status.valueTooLong,
        requestId,
        `a value of ${valueLength} bytes, where at most ${limit} may be sent${until}`,
      );
    }
    const keyStart = start + HEADER_BYTES + fieldsBytes;
    const valueStart = keyStart + keyLength;
    const taken = valueStart + valueLength - start;
    if (taken > available) {
      this.bytesWanted = taken - available;
      return NEED_MORE;
    }
    operation.reset(bytes);
    operation.push(keyStart, 0);
    operation.push(keyStart, keyLength);
    operation.push(valueStart, valueLength);
    operation.version = bytes[start + AT_VERSION]!;
    operation.opcode = bytes[start + AT_OPCODE]!;
    operation.flags = bytes[start + AT_FLAGS]!;
    operation.requestId = requestId;
    operation.epoch = readU32(bytes, start + AT_EPOCH);
    operation.fieldsBytes = fieldsBytes;
    operation.ttlMs = 0;
    operation.ackWaitMs = 0;
    operation.ackReplicaCount = 0;
    if (fieldsBytes !== 0) readFields(bytes, start + HEADER_BYTES, keyStart, operation);
    return taken;
  }

  private mayForward(opcode: number, valueLength: number): boolean {
    return this.greeted && opcode === Opcode.forward && valueLength <= (this.limits.inputBufferBytesMax ?? 0);
  }

  private refuse(status: Status, requestId: number, error: string): number {
    this.status = status;
    this.requestId = requestId;
    this.error = error;
    return PROTOCOL_ERROR;
  }
}

/** Reads the fields that the flags bring, as far as there are bytes for them: a count that does not fit is refused later. */
function readFields(bytes: Uint8Array, start: number, end: number, operation: Operation): void {
  let at = start;
  if (operation.has(Flag.ttl) && at + FIELD_BYTES <= end) {
    operation.ttlMs = readU32(bytes, at + 4) * TWO_TO_32 + readU32(bytes, at);
    at += FIELD_BYTES;
  }
  if (operation.has(Flag.version) && at + FIELD_BYTES <= end) {
    operation.versionLow = readInt32(bytes, at);
    operation.versionHigh = readInt32(bytes, at + 4);
    at += FIELD_BYTES;
  }
  if (operation.has(Flag.ack) && at + FIELD_BYTES <= end) {
    operation.ackWaitMs = readU32(bytes, at);
    operation.ackReplicaCount = readU32(bytes, at + 4);
  }
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
