/**
 * The codecs as the encoder and decoder use them: from a value to the type and content of a payload, and back. The named ones are
 * `typed`, `json`, `string` and `bytes`; a codec of the user's is wrapped to look like them.
 *
 * Compression is none of their business, so that a value reads the same whether it was long enough to be compressed or not.
 */
import { ShoalError } from '../../base/errors.ts';
import type { EncodedValue, NamedCodec, ValueCodec } from './codec.ts';
import { PayloadType } from './envelope.ts';
import { jsonTextOf } from './json-text.ts';
import { isWellFormed, readText } from './text.ts';

export interface PayloadCodec {
  /** Puts `value` into `out` as text or bytes; throws a ShoalError where it cannot. */
  write(value: unknown, out: EncodedValue): PayloadType;
  /** The value of a payload. Throws `CodecFailed`. */
  read(type: PayloadType, bytes: Buffer, start: number, end: number, memory: Memory): unknown;
}

/** Whether bytes are a view of what will hold something else soon, or may be given away. */
export type Memory = 'shared' | 'owned';

/** Throws `InvalidOption` where `given` is no codec. */
export function payloadCodecOf(given: NamedCodec | ValueCodec<never> | undefined): PayloadCodec {
  if (given === undefined) return typed;
  if (typeof given === 'string' && Object.hasOwn(NAMED_CODECS, given)) return NAMED_CODECS[given];
  if (typeof given === 'object' && typeof given?.encode === 'function' && typeof given.decode === 'function') {
    return wrap(given);
  }
  const names = Object.keys(NAMED_CODECS).join(', ');
  throw new ShoalError('InvalidOption', `codec: ${describe(given)} is none of ${names}, nor has it encode and decode`);
}

/** What was set is what is read: the envelope says whether it is JSON or bytes, and text has none. */
const typed: PayloadCodec = {
  write(value, out) {
    if (typeof value === 'string') {
      if (isWellFormed(value)) {
        out.text = value;
        return PayloadType.plain;
      }
      // UTF-8 has no lone surrogates; JSON escapes them.
      out.text = JSON.stringify(value);
      return PayloadType.json;
    }
    const bytes = bytesIn(value);
    if (bytes !== null) {
      out.bytes = bytes;
      return PayloadType.bytes;
    }
    out.text = jsonTextOf(value);
    return PayloadType.json;
  },
  read(type, bytes, start, end, memory) {
    if (type === PayloadType.plain) return textIn(bytes, start, end);
    return type === PayloadType.json ? jsonIn(bytes, start, end) : bytesFrom(bytes, start, end, memory);
  },
};

/** Plain JSON text, as programs in other languages have it. */
const json: PayloadCodec = {
  write(value, out) {
    if (bytesIn(value) !== null) throw refused(value, 'JSON values; bytes are none');
    out.text = jsonTextOf(value);
    return PayloadType.plain;
  },
  read(type, bytes, start, end, memory) {
    return type === PayloadType.bytes ? bytesFrom(bytes, start, end, memory) : jsonIn(bytes, start, end);
  },
};

const string: PayloadCodec = {
  write(value, out) {
    if (typeof value !== 'string') throw refused(value, 'text');
    if (!isWellFormed(value)) throw refused(value, 'text without lone surrogates: UTF-8 has none');
    out.text = value;
    return PayloadType.plain;
  },
  read(_type, bytes, start, end) {
    return textIn(bytes, start, end);
  },
};

const bytes: PayloadCodec = {
  write(value, out) {
    const given = bytesIn(value);
    if (given === null) throw refused(value, 'bytes');
    out.bytes = given;
    return PayloadType.plain;
  },
  read(_type, source, start, end, memory) {
    return bytesFrom(source, start, end, memory);
  },
};

const NAMED_CODECS: Readonly<Record<NamedCodec, PayloadCodec>> = { typed, json, string, bytes };

/** Whatever type a payload has, it is the user's codec that makes a value of it: nobody else knows what its callers expect. */
function wrap(codec: ValueCodec<unknown>): PayloadCodec {
  return {
    write(value, out) {
      let encoded: unknown;
      try {
        encoded = codec.encode(value);
      } catch (cause) {
        throw failed(`the codec cannot encode the value: ${messageOf(cause)}`, cause);
      }
      if (encoded instanceof Uint8Array) out.bytes = encoded;
      else if (typeof encoded !== 'string')
        throw failed(`the codec made ${describe(encoded)} of the value, not text or bytes`);
      else if (!isWellFormed(encoded))
        throw failed('the codec made text with lone surrogates, which UTF-8 has not; let it make bytes');
      else out.text = encoded;
      return PayloadType.plain;
    },
    read(_type, source, start, end) {
      try {
        return codec.decode(source.subarray(start, end));
      } catch (cause) {
        throw failed(`the codec cannot decode what is stored: ${messageOf(cause)}`, cause);
      }
    },
  };
}

function bytesFrom(source: Buffer, start: number, end: number, memory: Memory): Uint8Array {
  if (memory === 'shared') return copyOf(source, start, end);
  return new Uint8Array(source.buffer, source.byteOffset + start, end - start);
}

/** A copy that its reader owns; no Buffer, which would print and compare differently. */
export function copyOf(source: Uint8Array, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copy.set(source.subarray(start, end));
  return copy;
}

/** The bytes of a value that is bytes in some form, or null. */
function bytesIn(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value);
  return null;
}

function textIn(source: Buffer, start: number, end: number): string {
  const text = readText(source, start, end);
  if (text === null) throw failed("what is stored is not UTF-8 text; read it with getBytes, or with the codec 'bytes'");
  return text;
}

function jsonIn(source: Buffer, start: number, end: number): unknown {
  const text = readText(source, start, end);
  if (text === null) throw failed('what is stored is not JSON, and not even UTF-8; read it with getBytes');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw failed(`what is stored is not JSON: ${messageOf(cause)}`, cause);
  }
}

function refused(value: unknown, taken: string): ShoalError {
  return new ShoalError('InvalidArgument', `the value is ${describe(value)}, and the codec takes ${taken}`);
}

function failed(message: string, ...causes: readonly unknown[]): ShoalError {
  return new ShoalError('CodecFailed', message, causes.length === 0 ? {} : { cause: causes[0] });
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, SHOWN_TEXT))}`;
  if (value === null || typeof value !== 'object')
    return typeof value === 'symbol' ? 'a symbol' : String(value).slice(0, SHOWN_TEXT);
  return Array.isArray(value) ? 'an array' : 'an object';
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

const SHOWN_TEXT = 40;
