/**
 * Requests to bytes, in one buffer per connection that is sent once per turn and then used again: a request costs no buffer of
 * its own. Text goes straight into the frame as UTF-8; its length is known once it is written, and then put into the header.
 *
 * Guarded by bench/client.ts.
 */
import { ShoalError } from '../base/errors.ts';
import {
  AT_EPOCH,
  AT_FIELDS_BYTES,
  AT_FLAGS,
  AT_KEY_LENGTH,
  AT_MAGIC,
  AT_OPCODE,
  AT_REQUEST_ID,
  AT_VALUE_LENGTH,
  AT_VERSION,
  FIELD_BYTES,
  Flag,
  HEADER_BYTES,
  REQUEST_MAGIC,
} from '../protocol/shoal/frame.ts';
import type { Key, Request } from './request.ts';
import { isWellFormed } from './values/text.ts';

/** What the node takes, as its greeting said. */
export interface ItemLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
}

export class RequestWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** How many of `bytes` are written. */
  length = 0;

  /**
   * Appends the frame of `request` under the number `id`, in a version of the protocol, with the epoch that the client knows. Throws a ShoalError `TooLarge` where its key or value passes `limits`; then
   * nothing was appended.
   */
  append(request: Request, id: number, version: number, limits: ItemLimits, epoch: number): void {
    const start = this.length;
    const { key, text, prefix, bytes: valueBytes } = request;
    const keySizeMax = sizeMax(key);
    const valueSizeMax = (prefix?.length ?? 0) + sizeMax(text ?? valueBytes);
    if (valueSizeMax > limits.valueBytesMax + COUNTED_TEXT * UTF8_BYTES_PER_UNIT_MAX) {
      throw tooLarge('value', valueSizeMax, limits.valueBytesMax);
    }
    this.ensure(HEADER_BYTES + 3 * FIELD_BYTES + keySizeMax + valueSizeMax);
    const { bytes } = this;
    bytes[start + AT_MAGIC] = REQUEST_MAGIC;
    bytes[start + AT_VERSION] = version;
    bytes[start + AT_OPCODE] = request.opcode;
    bytes[start + AT_FLAGS] = request.flags;
    writeU32(bytes, start + AT_REQUEST_ID, id);
    writeU32(bytes, start + AT_EPOCH, epoch);
    const keyStart = this.appendFields(request, start);
    writeU16(bytes, start + AT_FIELDS_BYTES, keyStart - start - HEADER_BYTES);
    const valueStart =
      keyStart + (typeof key === 'string' ? writeText(bytes, keyStart, key) : copy(bytes, keyStart, key));
    // Only what is not ASCII grows. All lone surrogates would become one character, and such keys the same key.
    if (valueStart - keyStart !== key.length && !isWellFormed(key as string)) {
      throw new ShoalError('InvalidArgument', 'the key has lone surrogates, which UTF-8 has not; give bytes');
    }
    if (valueStart - keyStart > limits.keyBytesMax) throw tooLarge('key', valueStart - keyStart, limits.keyBytesMax);
    let end = valueStart;
    if (prefix !== null) end += copy(bytes, end, prefix);
    if (text !== null) end += writeText(bytes, end, text);
    else if (valueBytes !== null) end += copy(bytes, end, valueBytes);
    if (end - valueStart > limits.valueBytesMax) throw tooLarge('value', end - valueStart, limits.valueBytesMax);
    writeU16(bytes, start + AT_KEY_LENGTH, valueStart - keyStart);
    writeU32(bytes, start + AT_VALUE_LENGTH, end - valueStart);
    this.length = end;
  }

  /** All was sent and nobody reads the buffer any more. A large one is not kept. */
  reset(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  /** Leaves the buffer to whoever still reads it, and goes on with an empty one. */
  replaceBuffer(): void {
    this.length = 0;
    this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  private appendFields(request: Request, start: number): number {
    let at = start + HEADER_BYTES;
    if ((request.flags & FIELD_FLAGS) === 0) return at;
    if ((request.flags & Flag.ttl) !== 0) {
      writeU32(this.bytes, at, request.ttlMs % TWO_TO_32);
      writeU32(this.bytes, at + 4, Math.floor(request.ttlMs / TWO_TO_32));
      at += FIELD_BYTES;
    }
    if ((request.flags & Flag.version) !== 0) {
      this.bytes.writeBigUInt64LE(request.version, at);
      at += FIELD_BYTES;
    }
    if ((request.flags & Flag.ack) !== 0) {
      writeU32(this.bytes, at, request.ackWaitMs);
      writeU32(this.bytes, at + 4, request.ackReplicaCount);
      at += FIELD_BYTES;
    }
    return at;
  }

  private ensure(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** The most bytes that it takes as UTF-8; for long text, which it is worth to count, the very number. */
function sizeMax(part: Key | null): number {
  if (part === null) return 0;
  if (typeof part !== 'string') return part.length;
  return part.length <= COUNTED_TEXT ? part.length * UTF8_BYTES_PER_UNIT_MAX : Buffer.byteLength(part, 'utf8');
}

/** Writes `text` as UTF-8 and returns its length. Short ASCII, which most keys are, costs less as a loop than as a call into the runtime. */
function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT) return bytes.write(text, at, 'utf8');
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return bytes.write(text, at, 'utf8');
    bytes[at + index] = code;
  }
  return length;
}

function copy(target: Buffer, at: number, source: Uint8Array): number {
  target.set(source, at);
  return source.length;
}

function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function tooLarge(what: 'key' | 'value', byteCount: number, limit: number): ShoalError {
  return new ShoalError('TooLarge', `the ${what} takes ${byteCount} bytes and the node takes at most ${limit}`);
}

const INITIAL_BYTES = 16 * 1024;
const KEPT_BYTES_MAX = 1024 * 1024;
const UTF8_BYTES_PER_UNIT_MAX = 3;
const SHORT_TEXT = 48;
const COUNTED_TEXT = 1024;
const FIELD_FLAGS = Flag.ttl | Flag.version | Flag.ack;
const TWO_TO_32 = 2 ** 32;
