/**
 * Requests of a fixed size, made once and then only patched: the load generator must cost less than the server it measures.
 *
 * All keys of a run have one length, and so have all values; so every request and every expected reply of one kind has the same length
 * and its key and value stand at the same offsets. Keys are decimal numbers padded with zeros; a value is a fixed
 * pattern that begins with its key's number, so that a reply can be checked without having kept what was sent.
 */

import { VALUE_TAG_BYTES, valuePattern, writeNumber } from '../../src/load/item-pattern.ts';
import {
  AT_KEY_LENGTH,
  AT_MAGIC,
  AT_OPCODE,
  AT_STATUS,
  AT_VALUE_LENGTH,
  AT_VERSION,
  HEADER_BYTES,
  Opcode,
  REPLY_MAGIC,
  REQUEST_MAGIC,
  Status,
  VERSION_MIN,
} from '../../src/protocol/shoal/frame.ts';

export const WIRE_PROTOCOLS = ['resp', 'memcached', 'shoal'] as const;
export type WireProtocol = (typeof WIRE_PROTOCOLS)[number];
export type Operation = 'get' | 'set';

export interface RequestTemplate {
  /** One request for key 0. */
  readonly bytes: Buffer;
  readonly keyOffset: number;
  readonly keyLength: number;
  /** Where the value begins in the request; -1 for a GET. */
  readonly valueOffset: number;
  /** The good reply for key 0: every other has the same length. */
  readonly reply: Buffer;
  /** The reply to a GET of a key that is not there; empty for a SET. */
  readonly missReply: Buffer;
  /** Where the key stands in the reply, or -1. */
  readonly replyKeyOffset: number;
  /** Where the value begins in the reply, or -1. */
  readonly replyValueOffset: number;
}

export interface ItemShape {
  readonly keyBytes: number;
  readonly valueBytes: number;
}

/** The request and expected reply of `operation` on items of this shape. */
export function requestTemplate(protocol: WireProtocol, operation: Operation, shape: ItemShape): RequestTemplate {
  const { keyBytes, valueBytes } = shape;
  if (valueBytes < VALUE_TAG_BYTES)
    throw new RangeError(`values need ${VALUE_TAG_BYTES} bytes or more, not ${valueBytes}`);
  const key = '0'.repeat(keyBytes);
  const value = valuePattern(valueBytes).toString('latin1');
  const parts = PARTS_OF[protocol](operation, key, value);
  const bytes = Buffer.from(parts.request.join(''), 'latin1');
  const reply = Buffer.from(parts.reply.join(''), 'latin1');
  return {
    bytes,
    reply,
    missReply: Buffer.from(operation === 'get' ? parts.miss : '', 'latin1'),
    keyOffset: offsetOf(parts.request, key),
    keyLength: keyBytes,
    valueOffset: offsetOf(parts.request, value),
    replyKeyOffset: offsetOf(parts.reply, key),
    replyValueOffset: offsetOf(parts.reply, value),
  };
}

/** `count` requests in a row, all for key 0. */
export function repeatRequest(template: RequestTemplate, count: number): Buffer {
  const batch = Buffer.allocUnsafe(template.bytes.length * count);
  for (let i = 0; i < count; i += 1) template.bytes.copy(batch, i * template.bytes.length);
  return batch;
}

/** Makes the request number `position` of a batch one for the key `number`. */
export function patchRequest(batch: Buffer, template: RequestTemplate, position: number, number: number): void {
  const start = position * template.bytes.length;
  writeNumber(batch, start + template.keyOffset, template.keyLength, number);
  if (template.valueOffset >= 0) writeNumber(batch, start + template.valueOffset, VALUE_TAG_BYTES, number);
}

/** Whether the reply that begins at `offset` of `bytes`, whole, is the good one for the key `number`. */
export function isGoodReply(bytes: Buffer, offset: number, template: RequestTemplate, number: number): boolean {
  const expected = Buffer.from(template.reply);
  if (template.replyKeyOffset >= 0) writeNumber(expected, template.replyKeyOffset, template.keyLength, number);
  if (template.replyValueOffset >= 0) writeNumber(expected, template.replyValueOffset, VALUE_TAG_BYTES, number);
  return bytes.compare(expected, 0, expected.length, offset, offset + expected.length) === 0;
}

interface Parts {
  readonly request: readonly string[];
  readonly reply: readonly string[];
  /** The reply to a GET that finds nothing. */
  readonly miss: string;
}

const PARTS_OF: Readonly<Record<WireProtocol, (operation: Operation, key: string, value: string) => Parts>> = {
  resp: respParts,
  memcached: memcachedParts,
  shoal: shoalParts,
};

function respParts(operation: Operation, key: string, value: string): Parts {
  const head = [
    `*${operation === 'get' ? 2 : 3}\r\n$3\r\n${operation.toUpperCase()}\r\n$${key.length}\r\n`,
    key,
    '\r\n',
  ];
  const bulk = [`$${value.length}\r\n`, value, '\r\n'];
  return operation === 'get'
    ? { request: head, reply: bulk, miss: '$-1\r\n' }
    : { request: [...head, ...bulk], reply: ['+OK\r\n'], miss: '' };
}

function memcachedParts(operation: Operation, key: string, value: string): Parts {
  return operation === 'get'
    ? {
        request: ['get ', key, '\r\n'],
        reply: ['VALUE ', key, ` 0 ${value.length}\r\n`, value, '\r\nEND\r\n'],
        miss: 'END\r\n',
      }
    : { request: ['set ', key, ` 0 0 ${value.length}\r\n`, value, '\r\n'], reply: ['STORED\r\n'], miss: '' };
}

/** All requests have the id 0: a node answers the requests for its own keys in their order. */
function shoalParts(operation: Operation, key: string, value: string): Parts {
  const isRead = operation === 'get';
  const head = frame(REQUEST_MAGIC, AT_OPCODE, isRead ? Opcode.get : Opcode.set, key.length, isRead ? 0 : value.length);
  const good = frame(REPLY_MAGIC, AT_STATUS, Status.ok, 0, isRead ? value.length : 0);
  return {
    request: isRead ? [head, key] : [head, key, value],
    reply: isRead ? [good, value] : [good],
    miss: frame(REPLY_MAGIC, AT_STATUS, Status.miss, 0, 0),
  };
}

function frame(magic: number, codeOffset: number, code: number, keyBytes: number, valueBytes: number): string {
  const header = Buffer.alloc(HEADER_BYTES);
  header[AT_MAGIC] = magic;
  header[AT_VERSION] = VERSION_MIN;
  header[codeOffset] = code;
  header.writeUInt16LE(keyBytes, AT_KEY_LENGTH);
  header.writeUInt32LE(valueBytes, AT_VALUE_LENGTH);
  return header.toString('latin1');
}

/** Bytes before the part that is `wanted` itself, or -1. */
function offsetOf(parts: readonly string[], wanted: string): number {
  const index = parts.indexOf(wanted);
  return index < 0 ? -1 : parts.slice(0, index).join('').length;
}
