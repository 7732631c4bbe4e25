/** `get` and `set` of memcached's text protocol; `version` opens a connection, since nothing else proves that the server answers. */
import { copyBytes, ItemWriter, type ItemShape, type RequestEncoder, writeDecimal } from './request-encoder.ts';
import type { Greeting } from './greeting.ts';

/** Room for the length and line ends around a value. */
const FRAMING_BYTES_MAX = 32;

/** Times to live above 30 days would be read as points in time, so they are given as such. */
const RELATIVE_SECONDS_MAX = 30 * 24 * 60 * 60;

export class MemcachedEncoder implements RequestEncoder {
  readonly requestBytesMax: number;
  private readonly items: ItemWriter;
  private readonly readHead: Buffer = Buffer.from('get ');
  private readonly writeHead: Buffer = Buffer.from('set ');
  /** Flags and time to live. */
  private readonly middle: Buffer;
  private readonly lineEnd: Buffer = Buffer.from('\r\n');

  constructor(shape: ItemShape, timeOfDayMs: number) {
    const ttlSeconds = Math.ceil(shape.ttlMs / 1000);
    const expiry = ttlSeconds > RELATIVE_SECONDS_MAX ? Math.ceil(timeOfDayMs / 1000) + ttlSeconds : ttlSeconds;
    this.items = new ItemWriter(shape);
    this.middle = Buffer.from(` 0 ${expiry} `);
    this.requestBytesMax =
      this.writeHead.length + shape.keyBytes + this.middle.length + FRAMING_BYTES_MAX + shape.valueBytesMax;
  }

  writeRead(target: Buffer, at: number, _requestId: number, key: number): number {
    return copyBytes(this.lineEnd, target, this.items.key(target, copyBytes(this.readHead, target, at), key));
  }

  writeWrite(target: Buffer, at: number, _requestId: number, key: number, valueBytes: number): number {
    const { items } = this;
    let end = items.key(target, copyBytes(this.writeHead, target, at), key);
    end = writeDecimal(target, copyBytes(this.middle, target, end), valueBytes);
    end = items.value(target, copyBytes(this.lineEnd, target, end), key, valueBytes);
    return copyBytes(this.lineEnd, target, end);
  }
}

export function memcachedGreeting(): Greeting {
  return { bytes: Buffer.from('version\r\n'), replyCount: 1 };
}
