/**
 * Replies to RESP2 or RESP3 bytes, in one output buffer per data thread that grows and is used again: a reply costs
 * no object. Values come from the store straight into that buffer (`ValueSink`): `begin` lays the bulk's frame,
 * header and end, around the place where the value will be.
 *
 *     bytes  [ +OK\r\n $5\r\n hello \r\n ...... free ...... ]
 *                           ^ begin(5)      ^ length
 */
import { NO_ROOM } from '../../base/value-sink.ts';
import { INTEGER_BYTES_MAX, writeInteger } from '../numbers.ts';
import { copyBytes } from '../../base/bytes.ts';
import { OutputBytes } from '../output-bytes.ts';
import type { Reply } from '../reply.ts';
import { formatDouble } from './double.ts';
import {
  ASTERISK,
  BAR,
  COLON,
  COMMA,
  DOLLAR,
  EQUALS,
  GREATER,
  HASH,
  MINUS,
  OPENING_PARENTHESIS,
  PERCENT,
  PLUS,
  TILDE,
} from './type-bytes.ts';

export type RespVersion = 2 | 3;

export class RespWriter extends OutputBytes implements Reply {
  /** The form of the replies to come: the session's. */
  protocol: RespVersion = 2;

  /** The first word of the error reply that begins at `mark` (`ERR`, `WRONGTYPE`, …); null where that reply is none. */
  errorCode(mark: number): string | null {
    const { bytes } = this;
    if (bytes[mark] !== MINUS || this.length <= mark) return null;
    const end = Math.min(this.length, mark + CODE_BYTES_MAX);
    let code = '';
    for (let offset = mark + 1; offset < end && bytes[offset]! > SPACE; offset += 1) {
      code += String.fromCharCode(bytes[offset]!);
    }
    return code;
  }

  begin(length: number): number {
    const start = this.length;
    const bytes = this.bytes;
    const needed = start + length + BULK_FRAME_BYTES_MAX;
    if (needed > bytes.length || needed > this.limitBytes) return NO_ROOM;
    bytes[start] = DOLLAR;
    const valueAt = lineEnd(bytes, writeInteger(bytes, start + 1, length));
    this.length = lineEnd(bytes, valueAt + length);
    return valueAt;
  }

  makeRoom(length: number): void {
    this.ensure(length + BULK_FRAME_BYTES_MAX);
  }

  ok(): void {
    this.ensure(5);
    const bytes = this.bytes;
    const at = this.length;
    bytes[at] = PLUS;
    bytes[at + 1] = 0x4f;
    bytes[at + 2] = 0x4b;
    bytes[at + 3] = CR;
    bytes[at + 4] = LF;
    this.length = at + 5;
  }

  simple(text: string): void {
    this.line(PLUS, text);
  }

  /**
   * CR and LF become spaces. Text goes out as UTF-8; a byte that is none stands in `line` as U+DC00 + byte, so
   * that an error can quote bytes as they came.
   */
  error(line: string): void {
    const text = line.replace(/[\r\n]/g, ' ');
    if (isAscii(text)) this.line(MINUS, text);
    else this.line(MINUS, rawBytes(text).toString('latin1'));
  }

  integer(value: number): void {
    this.count(COLON, value);
  }

  bigInteger(value: bigint): void {
    this.line(COLON, value.toString());
  }

  bulk(bytes: Uint8Array, start: number, length: number): void {
    this.ensure(length + BULK_FRAME_BYTES_MAX);
    const at = this.begin(length);
    copyBytes(bytes, start, this.bytes, at, length);
  }

  bulkText(text: string): void {
    if (!isAscii(text)) {
      const encoded = Buffer.from(text, 'utf8');
      this.bulk(encoded, 0, encoded.length);
      return;
    }
    this.ensure(text.length + BULK_FRAME_BYTES_MAX);
    this.ascii(text, this.begin(text.length));
  }

  verbatim(text: string): void {
    if (this.protocol === 2) {
      this.bulkText(text);
      return;
    }
    const encoded = Buffer.from(text, 'utf8');
    this.ensure(encoded.length + VERBATIM_PREFIX.length + BULK_FRAME_BYTES_MAX);
    const start = this.length;
    const at = this.begin(encoded.length + VERBATIM_PREFIX.length);
    this.bytes[start] = EQUALS;
    this.ascii(VERBATIM_PREFIX, at);
    encoded.copy(this.bytes, at + VERBATIM_PREFIX.length);
  }

  nil(): void {
    if (this.protocol === 3) this.raw(NULL_RESP3, 0, NULL_RESP3.length);
    else this.raw(NULL_BULK, 0, NULL_BULK.length);
  }

  nilArray(): void {
    if (this.protocol === 3) this.raw(NULL_RESP3, 0, NULL_RESP3.length);
    else this.raw(NULL_ARRAY, 0, NULL_ARRAY.length);
  }

  bigNumber(value: bigint): void {
    if (this.protocol === 3) this.line(OPENING_PARENTHESIS, value.toString());
    else this.bulkText(value.toString());
  }

  double(value: number): void {
    if (this.protocol === 3) this.line(COMMA, formatDouble(value));
    else this.bulkText(formatDouble(value));
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.line(HASH, value ? 't' : 'f');
    else this.integer(value ? 1 : 0);
  }

  array(count: number): void {
    this.count(ASTERISK, count);
  }

  map(count: number): void {
    if (this.protocol === 3) this.count(PERCENT, count);
    else this.count(ASTERISK, count * 2);
  }

  set(count: number): void {
    this.count(this.protocol === 3 ? TILDE : ASTERISK, count);
  }

  push(count: number): void {
    this.count(this.protocol === 3 ? GREATER : ASTERISK, count);
  }

  attributes(count: number): boolean {
    if (this.protocol === 2) return false;
    this.count(BAR, count);
    return true;
  }

  /** Bytes that are RESP already. */
  raw(bytes: Uint8Array, start: number, length: number): void {
    this.ensure(length);
    copyBytes(bytes, start, this.bytes, this.length, length);
    this.length += length;
  }

  /** `<type><integer>\r\n`. */
  private count(type: number, value: number): void {
    this.ensure(LINE_BYTES_MAX);
    const bytes = this.bytes;
    bytes[this.length] = type;
    this.length = lineEnd(bytes, writeInteger(bytes, this.length + 1, value));
  }

  /** `<type><text>\r\n`, the text's characters being its bytes. */
  private line(type: number, text: string): void {
    this.ensure(text.length + 3);
    const start = this.length;
    this.bytes[start] = type;
    this.ascii(text, start + 1);
    this.length = lineEnd(this.bytes, start + 1 + text.length);
  }

  private ascii(text: string, at: number): void {
    if (text.length > SHORT_TEXT) {
      this.bytes.write(text, at, 'latin1');
      return;
    }
    const bytes = this.bytes;
    for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index);
  }
}

function lineEnd(bytes: Uint8Array, at: number): number {
  bytes[at] = CR;
  bytes[at + 1] = LF;
  return at + 2;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}

/** The text in UTF-8, its escaped bytes (U+DC80 … U+DCFF) as themselves. */
function rawBytes(text: string): Buffer {
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = character.charCodeAt(0);
    const escaped = character.length === 1 && code >= 0xdc80 && code <= 0xdcff;
    parts.push(escaped ? Buffer.of(code - 0xdc00) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}

const SHORT_TEXT = 64;
/** Type, integer, CR and LF. */
const LINE_BYTES_MAX = INTEGER_BYTES_MAX + 3;
/** What a bulk string has beside its bytes, at most: type, ten digits, and two line ends. */
const BULK_FRAME_BYTES_MAX = 15;
/** A longer first word is no code of ours. */
const CODE_BYTES_MAX = 32;
const VERBATIM_PREFIX = 'txt:';
const NULL_BULK = Buffer.from('$-1\r\n');
const NULL_ARRAY = Buffer.from('*-1\r\n');
const NULL_RESP3 = Buffer.from('_\r\n');

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
