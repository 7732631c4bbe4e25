/**
 * The reply of a `call`, which is RESP3, as plain values: texts as strings (or bytes), integers as numbers (bigints beyond the safe range), null, booleans,
 * doubles, arrays and sets as arrays, maps as `Map`s. An error inside an aggregate, as EXEC has it, becomes a ShoalError in its place.
 */
import { ShoalError } from '../base/errors.ts';
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
  UNDERSCORE,
} from '../protocol/resp/type-bytes.ts';

export type CallReply =
  | string
  | Uint8Array
  | number
  | bigint
  | boolean
  | null
  | ShoalError
  | readonly CallReply[]
  | ReadonlyMap<CallReply, CallReply>;

/** How texts come: as strings of UTF-8, or as bytes. */
export type CallTexts = 'text' | 'bytes';

/** Reads the one value that `bytes[start..end)` holds. Throws `UnexpectedResponse` where it is none. */
export function decodeCallReply(bytes: Buffer, start: number, end: number, texts: CallTexts): CallReply {
  const reader = new CallReader(bytes, start, end, texts);
  const value = reader.value(0);
  if (reader.at !== end) throw malformed('bytes after the reply');
  return value;
}

class CallReader {
  at: number;
  private readonly bytes: Buffer;
  private readonly end: number;
  private readonly texts: CallTexts;

  constructor(bytes: Buffer, start: number, end: number, texts: CallTexts) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.texts = texts;
  }

  value(depth: number): CallReply {
    if (depth > DEPTH_MAX) throw malformed('a reply that is nested too deeply');
    const type: number = this.bytes[this.at] ?? 0;
    const line = this.line();
    switch (type) {
      case PLUS:
        return line;
      case MINUS:
        return new ShoalError('ServerError', line);
      case COLON:
      case OPENING_PARENTHESIS:
        return integer(line);
      case COMMA:
        return double(line);
      case HASH:
        return line === 't';
      case UNDERSCORE:
        return null;
      case DOLLAR:
        return this.bulk(Number(line), 0);
      case EQUALS:
        return this.bulk(Number(line), VERBATIM_PREFIX_BYTES);
      case ASTERISK:
      case TILDE:
      case GREATER:
        return this.list(Number(line), depth);
      case PERCENT:
        return this.map(Number(line), depth);
      case BAR:
        this.map(Number(line), depth);
        return this.value(depth + 1);
      default:
        throw malformed(`the type ${type}`);
    }
  }

  /** What stands between the type and the end of its line. */
  private line(): string {
    const end = this.bytes.indexOf('\r\n', this.at, 'latin1');
    if (end < 0 || end + 2 > this.end) throw malformed('a line without an end');
    const text = this.bytes.toString('utf8', this.at + 1, end);
    this.at = end + 2;
    return text;
  }

  private bulk(length: number, prefixBytes: number): CallReply {
    if (length === -1) return null;
    const end = this.at + length;
    if (!Number.isInteger(length) || length < prefixBytes || end + 2 > this.end)
      throw malformed('a text of the wrong length');
    const from = this.at + prefixBytes;
    this.at = end + 2;
    return this.texts === 'text'
      ? this.bytes.toString('utf8', from, end)
      : new Uint8Array(this.bytes.subarray(from, end));
  }

  private list(count: number, depth: number): CallReply {
    if (count === -1) return null;
    this.checkCount(count);
    const list: CallReply[] = [];
    for (let index = 0; index < count; index += 1) list.push(this.value(depth + 1));
    return list;
  }

  private map(count: number, depth: number): ReadonlyMap<CallReply, CallReply> {
    this.checkCount(count);
    const map = new Map<CallReply, CallReply>();
    for (let index = 0; index < count; index += 1) {
      const key = this.value(depth + 1);
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  /** Each element takes bytes, so a count above what is left is a lie. */
  private checkCount(count: number): void {
    if (!Number.isInteger(count) || count < 0 || count > this.end - this.at) throw malformed('a count that cannot be');
  }
}

function integer(text: string): number | bigint {
  if (!/^-?\d+$/.test(text)) throw malformed('an integer that is none');
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

function double(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  return text === '-inf' ? Number.NEGATIVE_INFINITY : Number(text);
}

function malformed(what: string): ShoalError {
  return new ShoalError('UnexpectedResponse', `the node answered a call with ${what}`);
}

const DEPTH_MAX = 64;
const VERBATIM_PREFIX_BYTES = 4;
