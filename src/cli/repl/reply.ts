/**
 * Replies of RESP2 and RESP3 as trees that keep what kind each was, because people want to see it: a status is not a text, a set is
 * not a list. `ReplyReader` takes bytes as they arrive.
 *
 * It looks for the end of a reply before it reads it, and goes on looking where it stopped, so a large reply in many pieces is looked at
 * twice and copied a few times at most. Nothing is allocated by a length or count that the peer states.
 */
import { ShoalError } from '../../base/errors.ts';
import {
  ASTERISK,
  COLON,
  COMMA,
  DOLLAR,
  EQUALS,
  EXCLAMATION,
  GREATER,
  HASH,
  MINUS,
  OPENING_PARENTHESIS,
  PERCENT,
  PLUS,
  TILDE,
  UNDERSCORE,
} from '../../protocol/resp/type-bytes.ts';

export type ReplyNode =
  | { readonly kind: 'status' | 'error' | 'double' | 'integer' | 'big'; readonly text: string }
  | { readonly kind: 'bulk' | 'verbatim'; readonly bytes: Uint8Array }
  | { readonly kind: 'nil' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** A map's elements are its keys and values in turn. */
  | { readonly kind: 'list' | 'set' | 'map' | 'push'; readonly elements: readonly ReplyNode[] };

/** A reply that is longer ends the connection. */
export const REPLY_BYTES_MAX: number = 1024 * 1024 * 1024;
const DEPTH_MAX = 128;
/** A line that states a type, a number or an error is never longer. */
const LINE_BYTES_MAX = 64 * 1024;

export class ReplyReader {
  private bytes: Buffer = Buffer.alloc(0);
  private length = 0;
  /** Where the reply begins that is being waited for. */
  private start = 0;
  /** How far its end was looked for. */
  private scanned = 0;
  /** Values that are still to come before it ends. */
  private pending = 1;

  push(chunk: Uint8Array): void {
    if (this.start > 0) {
      this.bytes.copyWithin(0, this.start, this.length);
      this.length -= this.start;
      this.scanned -= this.start;
      this.start = 0;
    }
    const needed = this.length + chunk.length;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2, INITIAL_BYTES));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    this.bytes.set(chunk, this.length);
    this.length = needed;
  }

  /** The next reply; null where more bytes are needed. Throws `UnexpectedResponse` where it is none. */
  next(): ReplyNode | null {
    while (this.pending > 0) {
      if (!this.scanValue()) {
        if (this.length - this.start > REPLY_BYTES_MAX) throw malformed('a reply that is too long');
        return null;
      }
    }
    const cursor = { at: this.start };
    const reply = readNode(this.bytes, cursor, 0);
    this.start = cursor.at;
    this.scanned = cursor.at;
    this.pending = 1;
    return reply;
  }

  /** Steps over one value, or over the head of one that has elements. */
  private scanValue(): boolean {
    if (this.scanned >= this.length) return false;
    const type = this.bytes[this.scanned] ?? 0;
    const lineEnd = this.bytes.subarray(0, this.length).indexOf('\r\n', this.scanned, 'latin1');
    if (lineEnd < 0) {
      if (this.length - this.scanned > LINE_BYTES_MAX) throw malformed('a line without an end');
      return false;
    }
    let end = lineEnd + 2;
    let more = 0;
    if (type === DOLLAR || type === EQUALS || type === EXCLAMATION) {
      const length = this.countAt(lineEnd);
      if (length >= 0) end += length + 2;
      if (end > this.length) return false;
    } else if (type === ASTERISK || type === TILDE || type === GREATER) {
      more = Math.max(0, this.countAt(lineEnd));
    } else if (type === PERCENT) {
      more = Math.max(0, this.countAt(lineEnd)) * 2;
    } else if (!LINE_TYPES.has(type)) {
      throw malformed(`the type 0x${type.toString(16).padStart(2, '0')}`);
    }
    this.scanned = end;
    this.pending += more - 1;
    return true;
  }

  private countAt(lineEnd: number): number {
    const text = this.bytes.toString('latin1', this.scanned + 1, lineEnd);
    if (!/^(-1|\d{1,10})$/.test(text) || Number(text) > REPLY_BYTES_MAX) throw malformed('a length that cannot be');
    return Number(text);
  }
}

function readNode(bytes: Buffer, cursor: { at: number }, depth: number): ReplyNode {
  if (depth > DEPTH_MAX) throw malformed('a reply that is nested too deeply');
  const type = bytes[cursor.at] ?? 0;
  const lineEnd = bytes.indexOf('\r\n', cursor.at, 'latin1');
  const line = bytes.toString('utf8', cursor.at + 1, lineEnd);
  cursor.at = lineEnd + 2;
  switch (type) {
    case PLUS:
      return { kind: 'status', text: line };
    case MINUS:
      return { kind: 'error', text: line };
    case COLON:
      return { kind: 'integer', text: line };
    case COMMA:
      return { kind: 'double', text: line };
    case OPENING_PARENTHESIS:
      return { kind: 'big', text: line };
    case HASH:
      return { kind: 'boolean', value: line === 't' };
    case UNDERSCORE:
      return { kind: 'nil' };
    default:
      return type === DOLLAR || type === EQUALS || type === EXCLAMATION
        ? readBulk(bytes, cursor, type, Number(line))
        : readElements(bytes, cursor, type, Number(line), depth);
  }
}

function readBulk(bytes: Buffer, cursor: { at: number }, type: number, length: number): ReplyNode {
  if (length < 0) return { kind: 'nil' };
  const start = cursor.at;
  const end = start + length;
  cursor.at = end + 2;
  if (type === EXCLAMATION) return { kind: 'error', text: bytes.toString('utf8', start, end) };
  if (type === DOLLAR) return { kind: 'bulk', bytes: new Uint8Array(bytes.subarray(start, end)) };
  return { kind: 'verbatim', bytes: new Uint8Array(bytes.subarray(Math.min(end, start + VERBATIM_PREFIX_BYTES), end)) };
}

function readElements(bytes: Buffer, cursor: { at: number }, type: number, count: number, depth: number): ReplyNode {
  if (count < 0) return { kind: 'nil' };
  const elements: ReplyNode[] = [];
  const length = type === PERCENT ? count * 2 : count;
  for (let index = 0; index < length; index += 1) elements.push(readNode(bytes, cursor, depth + 1));
  if (type === PERCENT) return { kind: 'map', elements };
  return { kind: type === TILDE ? 'set' : type === GREATER ? 'push' : 'list', elements };
}

/** The text of a node that is one; null of an aggregate, nil or boolean. */
export function textOf(node: ReplyNode | undefined): string | null {
  if (node === undefined) return null;
  if ('text' in node) return node.text;
  return 'bytes' in node ? Buffer.from(node.bytes).toString() : null;
}

/** The elements of an aggregate; none of anything else. */
export function elementsOf(node: ReplyNode | undefined): readonly ReplyNode[] {
  return node !== undefined && 'elements' in node ? node.elements : [];
}

function malformed(what: string): ShoalError {
  return new ShoalError('UnexpectedResponse', `the server sent ${what}; this is no server of the Redis protocol`);
}

const INITIAL_BYTES = 16 * 1024;
const VERBATIM_PREFIX_BYTES = 4;

const LINE_TYPES: ReadonlySet<number> = new Set([PLUS, MINUS, COLON, COMMA, OPENING_PARENTHESIS, HASH, UNDERSCORE]);
