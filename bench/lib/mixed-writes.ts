/**
 * A stream of SETs of distinct keys with values of very different sizes, for runs against the memory limit. Everything about
 * write number `i` follows from the seed and `i`, so that any value can be checked later without having been kept.
 */
import { seededRandom } from '../../src/base/random.ts';
import { valuePattern, VALUE_TAG_BYTES, writeNumber } from '../../src/load/item-pattern.ts';
import { logUniformBytes } from '../../src/load/key-choice.ts';
import type { Batch } from './load-connection.ts';

export interface MixedSizes {
  readonly seed: number;
  readonly smallBytesMin: number;
  readonly smallBytesMax: number;
  /** One write in this many is large. */
  readonly largeEvery: number;
  readonly largeBytesMin: number;
  readonly largeBytesMax: number;
}

const KEY_BYTES = 24;
const BATCH_BYTES = 128 * 1024;
const OK = '+OK\r\n';

export class MixedWrites {
  private readonly sizes: MixedSizes;
  private readonly pattern: Buffer;
  private written = 0;
  private writtenBytes = 0;

  constructor(sizes: MixedSizes) {
    this.sizes = sizes;
    this.pattern = valuePattern(Math.max(sizes.smallBytesMax, sizes.largeBytesMax));
  }

  /** Writes handed out so far: their numbers are 0 up to this. */
  get count(): number {
    return this.written;
  }

  /** Bytes of keys and values handed out so far. */
  get bytes(): number {
    return this.writtenBytes;
  }

  key(number: number): string {
    return `w:${String(number).padStart(KEY_BYTES - 2, '0')}`;
  }

  valueBytes(number: number): number {
    const { sizes } = this;
    const random = seededRandom(sizes.seed + number * 7919);
    return number % sizes.largeEvery === sizes.largeEvery - 1
      ? logUniformBytes(sizes.largeBytesMin, sizes.largeBytesMax, random)
      : logUniformBytes(sizes.smallBytesMin, sizes.smallBytesMax, random);
  }

  value(number: number): Buffer {
    const value = Buffer.from(this.pattern.subarray(0, this.valueBytes(number)));
    writeNumber(value, 0, VALUE_TAG_BYTES, number);
    return value;
  }

  /** The next writes, RESP, of about 128 KiB or one large value. */
  nextBatch(): Batch {
    const parts: Buffer[] = [];
    let bytes = 0;
    while (bytes < BATCH_BYTES) {
      const value = this.value(this.written);
      parts.push(
        Buffer.from(`*3\r\n$3\r\nSET\r\n$${KEY_BYTES}\r\n${this.key(this.written)}\r\n$${value.length}\r\n`),
        value,
        Buffer.from('\r\n'),
      );
      bytes += value.length + KEY_BYTES;
      this.written += 1;
    }
    this.writtenBytes += bytes;
    const count = parts.length / 3;
    return {
      request: Buffer.concat(parts),
      replyBytes: OK.length * count,
      replyByte: OK.charCodeAt(0),
      verify: (replies) => {
        const text = replies.toString('latin1');
        if (text !== OK.repeat(count)) throw new Error(`a write was refused: ${text.replaceAll(OK, '').slice(0, 80)}`);
      },
    };
  }
}
