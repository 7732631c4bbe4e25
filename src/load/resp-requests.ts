/** GET and SET in RESP, and what opens a connection: AUTH where there is a password, and PING. */
import { copyBytes, ItemWriter, type ItemShape, type RequestEncoder, writeDecimal } from './request-encoder.ts';
import type { Greeting, LoadCredentials } from './greeting.ts';

/** Room for the lengths and line ends around a value. */
const FRAMING_BYTES_MAX = 64;

export class RespEncoder implements RequestEncoder {
  readonly requestBytesMax: number;
  private readonly items: ItemWriter;
  private readonly readHead: Buffer;
  private readonly writeHead: Buffer;
  private readonly valueHead: Buffer = Buffer.from('\r\n$');
  private readonly lineEnd: Buffer = Buffer.from('\r\n');
  /** What follows the value: the time to live, where there is one. */
  private readonly tail: Buffer;

  constructor(shape: ItemShape) {
    const { keyBytes, valueBytesMax, ttlMs } = shape;
    const ttl = String(ttlMs);
    this.items = new ItemWriter(shape);
    this.readHead = Buffer.from(`*2\r\n$3\r\nGET\r\n$${keyBytes}\r\n`);
    this.writeHead = Buffer.from(`*${ttlMs === 0 ? 3 : 5}\r\n$3\r\nSET\r\n$${keyBytes}\r\n`);
    this.tail = Buffer.from(ttlMs === 0 ? '\r\n' : `\r\n$2\r\nPX\r\n$${ttl.length}\r\n${ttl}\r\n`);
    this.requestBytesMax = this.writeHead.length + keyBytes + FRAMING_BYTES_MAX + valueBytesMax + this.tail.length;
  }

  writeRead(target: Buffer, at: number, _requestId: number, key: number): number {
    return copyBytes(this.lineEnd, target, this.items.key(target, copyBytes(this.readHead, target, at), key));
  }

  writeWrite(target: Buffer, at: number, _requestId: number, key: number, valueBytes: number): number {
    const { items } = this;
    let end = items.key(target, copyBytes(this.writeHead, target, at), key);
    end = writeDecimal(target, copyBytes(this.valueHead, target, end), valueBytes);
    end = items.value(target, copyBytes(this.lineEnd, target, end), key, valueBytes);
    return copyBytes(this.tail, target, end);
  }
}

export function respGreeting({ user, password }: LoadCredentials): Greeting {
  const ping = command('PING');
  if (password === '') return { bytes: ping, replyCount: 1 };
  const auth = user === '' ? command('AUTH', password) : command('AUTH', user, password);
  return { bytes: Buffer.concat([auth, ping]), replyCount: 2 };
}

/** A command of any words, as RESP. */
export function command(...words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`);
}
