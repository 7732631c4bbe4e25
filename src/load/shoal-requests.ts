/** `get` and `set` of the Shoal protocol, and the `hello` that opens a connection. */
import { encodeHello } from '../protocol/shoal/hello.ts';
import {
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
  Opcode,
  REQUEST_MAGIC,
  VERSION_MIN,
} from '../protocol/shoal/frame.ts';
import { copyBytes, ItemWriter, type ItemShape, type RequestEncoder } from './request-encoder.ts';
import type { Greeting, LoadCredentials } from './greeting.ts';

export class ShoalEncoder implements RequestEncoder {
  readonly requestBytesMax: number;
  private readonly items: ItemWriter;
  private readonly readHead: Buffer;
  /** Header and fields. */
  private readonly writeHead: Buffer;

  constructor(shape: ItemShape) {
    const { keyBytes, ttlMs, valueBytesMax } = shape;
    this.items = new ItemWriter(shape);
    this.readHead = header(Opcode.get, keyBytes);
    const head = header(Opcode.set, keyBytes);
    if (ttlMs === 0) this.writeHead = head;
    else {
      head[AT_FLAGS] = Flag.ttl;
      head.writeUInt16LE(FIELD_BYTES, AT_FIELDS_BYTES);
      const ttl = Buffer.alloc(FIELD_BYTES);
      ttl.writeBigUInt64LE(BigInt(ttlMs));
      this.writeHead = Buffer.concat([head, ttl]);
    }
    this.requestBytesMax = this.writeHead.length + keyBytes + valueBytesMax;
  }

  writeRead(target: Buffer, at: number, requestId: number, key: number): number {
    const keyAt = copyBytes(this.readHead, target, at);
    writeU32(target, at + AT_REQUEST_ID, requestId);
    return this.items.key(target, keyAt, key);
  }

  writeWrite(target: Buffer, at: number, requestId: number, key: number, valueBytes: number): number {
    const keyAt = copyBytes(this.writeHead, target, at);
    writeU32(target, at + AT_REQUEST_ID, requestId);
    writeU32(target, at + AT_VALUE_LENGTH, valueBytes);
    return this.items.value(target, this.items.key(target, keyAt, key), key, valueBytes);
  }
}

export function shoalGreeting({ user, password }: LoadCredentials): Greeting {
  const value = encodeHello({ user, password, database: 0, name: '' });
  const head = header(Opcode.hello, 0);
  head.writeUInt32LE(value.length, AT_VALUE_LENGTH);
  return { bytes: Buffer.concat([head, value]), replyCount: 1 };
}

function header(opcode: Opcode, keyBytes: number): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head[AT_MAGIC] = REQUEST_MAGIC;
  head[AT_VERSION] = VERSION_MIN;
  head[AT_OPCODE] = opcode;
  head.writeUInt16LE(keyBytes, AT_KEY_LENGTH);
  return head;
}

function writeU32(target: Buffer, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}
