/**
 * Requests of a load to bytes, straight into the buffer that is sent: what all requests of a kind have in common is made once,
 * and only key, length and value are put in. One encoder serves all connections; nothing is allocated for a request.
 */
import { VALUE_LENGTH_BYTES, VALUE_TAG_BYTES, valuePattern, writeNumber, writeValueHead } from './item-pattern.ts';

/** What all keys and values of a load look like. */
export interface ItemShape {
  readonly keyPrefix: string;
  /** Length of a whole key. */
  readonly keyBytes: number;
  readonly valueBytesMax: number;
  /** Time to live of what is written; 0: it does not expire. */
  readonly ttlMs: number;
}

export interface RequestEncoder {
  /** No request is longer. */
  readonly requestBytesMax: number;
  /** Writes the request to read `key` at `at`; returns where it ends. */
  writeRead(target: Buffer, at: number, requestId: number, key: number): number;
  /** Writes the request to store a value of `valueBytes` under `key` at `at`; returns where it ends. */
  writeWrite(target: Buffer, at: number, requestId: number, key: number, valueBytes: number): number;
}

/** Writes the keys and values of one shape. */
export class ItemWriter {
  readonly shape: ItemShape;
  /** What values are made of. */
  readonly pattern: Buffer;
  private readonly prefix: Buffer;

  constructor(shape: ItemShape) {
    this.shape = shape;
    this.prefix = Buffer.from(shape.keyPrefix, 'utf8');
    this.pattern = valuePattern(Math.max(shape.valueBytesMax, VALUE_TAG_BYTES + VALUE_LENGTH_BYTES));
  }

  key(target: Buffer, at: number, key: number): number {
    const { prefix } = this;
    const digitsAt = copyBytes(prefix, target, at);
    const end = at + this.shape.keyBytes;
    writeNumber(target, digitsAt, end - digitsAt, key);
    return end;
  }

  value(target: Buffer, at: number, key: number, valueBytes: number): number {
    this.pattern.copy(target, at, 0, valueBytes);
    writeValueHead(target, at, valueBytes, key);
    return at + valueBytes;
  }
}

/** Copies all of `source`; returns where it ends. For a few bytes, a loop is quicker than a native call. */
export function copyBytes(source: Uint8Array, target: Uint8Array, at: number): number {
  for (let i = 0; i < source.length; i += 1) target[at + i] = source[i]!;
  return at + source.length;
}

/** `number`, 0 or more, in decimal without padding; returns where it ends. */
export function writeDecimal(target: Uint8Array, at: number, number: number): number {
  let digits = 1;
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
  writeNumber(target, at, digits, number);
  return at + digits;
}
