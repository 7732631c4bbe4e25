import { describe, expect, test } from 'bun:test';
import { createContext, runInContext } from 'node:vm';
import { failureOf } from '../../../test/support/failure-of.ts';
import { patternedBytes } from '../../../test/support/patterned-bytes.ts';
import { storedBytes } from '../../../test/support/stored-values.ts';
import { ShoalError } from '../../base/errors.ts';
import { EncodedValue } from './codec.ts';
import { SYNC_BYTES_MAX } from './compression.ts';
import { ValueDecoder } from './decoder.ts';
import { ValueEncoder, type ValueOptions } from './encoder.ts';

/** As it is encoded at once. */
function encode(value: unknown, options: ValueOptions<unknown> = {}): EncodedValue {
  const encoded = new ValueEncoder(options).encode(value);
  if (encoded instanceof Promise) throw new Error('it takes longer');
  return encoded;
}

function refusal(value: unknown, options: ValueOptions<unknown> = {}): ShoalError {
  try {
    encode(value, options);
  } catch (error) {
    if (error instanceof ShoalError) return error;
    throw error;
  }
  throw new Error(`it took ${String(value)}`);
}

function prefixOf(value: unknown, options: ValueOptions<unknown> = {}): string | null {
  const { prefix } = encode(value, options);
  return prefix === null ? null : Buffer.from(prefix).toString('hex');
}

class User {
  name = 'Ada';
}

describe('what is stored', () => {
  test('is the text itself for text, which nobody has copied', () => {
    expect(encode('grüße')).toEqual(Object.assign(new EncodedValue(), { text: 'grüße' }));
  });

  test('is JSON or bytes behind four bytes that say so', () => {
    expect(prefixOf({ a: 1 })).toBe('f5536802');
    expect(encode({ a: 1 }).text).toBe('{"a":1}');
    expect(prefixOf(new Uint8Array(2))).toBe('f5536803');
    expect(prefixOf('half a pair \ud800')).toBe('f5536802');
  });

  test('is as its codec says, unless it would be taken for an envelope', () => {
    expect(prefixOf({ a: 1 }, { codec: 'json' })).toBeNull();
    expect(prefixOf('a', { codec: 'string' })).toBeNull();
    expect(prefixOf(new Uint8Array([0xf5, 0x53]), { codec: 'bytes' })).toBeNull();
    expect(prefixOf(new Uint8Array([0xf5, 0x53, 0x68]), { codec: 'bytes' })).toBe('f5536800');
    const codec = { encode: () => new Uint8Array([0xf5, 0x53, 0x68, 0x02, 0x31]), decode: () => 0 };
    expect(prefixOf(1, { codec })).toBe('f5536800');
  });

  test('are the bytes of every kind of view, and not a copy of them', async () => {
    const buffer = Uint8Array.of(9, 1, 2, 3, 4, 9).buffer;
    const whole = [9, 1, 2, 3, 4, 9];
    const views: readonly (readonly [view: unknown, bytes: readonly number[]])[] = [
      [new Uint8Array(buffer, 1, 4), [1, 2, 3, 4]],
      [Buffer.from(buffer, 1, 4), [1, 2, 3, 4]],
      [new DataView(buffer, 1, 4), [1, 2, 3, 4]],
      [new Uint16Array(buffer), whole],
      [buffer, whole],
    ];
    for (const [view, bytes] of views) {
      for (const codec of ['typed', 'bytes'] as const) {
        expect(encode(view, { codec }).bytes!.buffer).toBe(buffer);
        const stored = await storedBytes(view, { codec });
        expect(new ValueDecoder({ codec }).decode(stored, 0, stored.length)).toEqual(Uint8Array.from(bytes));
      }
    }
    const shared = new Uint8Array(new SharedArrayBuffer(2000)).fill(5);
    const stored = await storedBytes(shared, { compression: { thresholdBytes: 64 } });
    expect(stored.length).toBeLessThan(200);
    expect(new ValueDecoder().decode(stored, 0, stored.length)).toEqual(new Uint8Array(2000).fill(5));
  });

  test('is in one object that is used again', () => {
    const encoder = new ValueEncoder();
    const first = encoder.encode(new Uint8Array(3));
    expect(encoder.encode('text')).toBe(first);
    expect(first).toEqual(Object.assign(new EncodedValue(), { text: 'text' }));
  });
});

describe('what would not come back as it was', () => {
  test.each([
    ['undefined', undefined, 'undefined'],
    ['NaN', Number.NaN, 'NaN'],
    ['an infinite number', Number.NEGATIVE_INFINITY, '-Infinity'],
    ['a bigint', 1n, 'bigint'],
    ['a function', () => 1, 'function'],
    ['a symbol', Symbol('s'), 'symbol'],
    ['a Date', new Date(0), 'an instance of Date'],
    ['a Map', new Map(), 'an instance of Map'],
    ['an Error', new Error('no'), 'an instance of Error'],
    ['a promise', Promise.resolve(1), 'an instance of Promise'],
    ['an instance of a class', new User(), 'an instance of User'],
    ['something with toJSON', { toJSON: () => 1 }, 'toJSON'],
    ['a bigint inside', { deep: [1n] }, 'BigInt'],
  ])('is refused: %s', (_name, value, hint) => {
    for (const codec of ['typed', 'json'] as const) {
      const { code, message } = refusal(value, { codec });
      expect(code).toBe('InvalidArgument');
      expect(message).toContain(hint);
    }
  });

  test('is refused where it holds itself', () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    const error = refusal(cyclic);
    expect(error.code).toBe('InvalidArgument');
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test('is refused by codecs of one type', () => {
    for (const value of [1, null, new Uint8Array(1), undefined])
      expect(refusal(value, { codec: 'string' }).code).toBe('InvalidArgument');
    for (const value of [1, null, 'text', undefined])
      expect(refusal(value, { codec: 'bytes' }).code).toBe('InvalidArgument');
    expect(refusal('\ud800', { codec: 'string' }).message).toContain('lone surrogates');
    expect(refusal(new Uint8Array(1), { codec: 'json' }).message).toContain('bytes');
  });

  test('is not what other realms or no prototype make', () => {
    const foreign: unknown = runInContext('({ a: [1] })', createContext({}));
    expect(encode(foreign).text).toBe('{"a":[1]}');
    expect(encode(Object.assign(Object.create(null), { a: 1 })).text).toBe('{"a":1}');
    // Inside, JSON.stringify does what it does.
    expect(encode({ at: new Date(0), nothing: undefined }).text).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
  });
});

describe("the user's codec", () => {
  const readAs = (stored: Buffer, codec: ValueOptions<unknown>['codec']): unknown =>
    new ValueDecoder({ codec }).decode(stored, 0, stored.length);

  test('gets what it made, compressed or not, and the payload of what others stored', async () => {
    const codec = {
      encode: (value: unknown) => `<${String(value)}>`,
      decode: (bytes: Uint8Array) => Buffer.from(bytes).toString().slice(1, -1),
    };
    for (const value of ['short', 'long '.repeat(5000)]) {
      expect(readAs(await storedBytes(value, { codec }), codec)).toBe(value);
    }
    expect(readAs(await storedBytes(['a']), codec)).toBe('"a"');
    expect(readAs(await storedBytes(Uint8Array.of(1, 65, 2)), codec)).toBe('A');
  });

  test('is why CodecFailed was thrown, where it throws or makes something else', async () => {
    const problem = new Error('no');
    const failing = {
      encode: (): string => {
        throw problem;
      },
      decode: (): unknown => {
        throw problem;
      },
    };
    expect(refusal(1, { codec: failing })).toMatchObject({ code: 'CodecFailed', cause: problem });
    const stored = await storedBytes('a');
    expect(() => readAs(stored, failing)).toThrow('cannot decode what is stored: no');
    for (const made of [1, null, undefined, [1], '\udc00']) {
      const codec = { encode: () => made as string, decode: () => 1 };
      expect(refusal(1, { codec }).code).toBe('CodecFailed');
    }
  });
});

describe('compression', () => {
  const rows = JSON.stringify(Array.from({ length: 4000 }, (_, id) => ({ id, name: `row ${id}` })));

  test('begins at the threshold, counted in bytes', () => {
    const compression = { thresholdBytes: 1000 };
    expect(encode('x'.repeat(999), { compression }).prefix).toBeNull();
    expect(encode('x'.repeat(1000), { compression }).prefix).toHaveLength(8);
    expect(encode('ü'.repeat(499), { compression }).text).toHaveLength(499);
    expect(encode('ü'.repeat(500), { compression }).prefix).toHaveLength(8);
    expect(encode(new Uint8Array(999), { compression }).prefix).toHaveLength(4);
    expect(encode(new Uint8Array(1000), { compression }).prefix).toHaveLength(8);
    expect(encode('x'.repeat(4095)).prefix).toBeNull();
    expect(encode('x'.repeat(4096)).prefix).toHaveLength(8);
  });

  test('is left where it does not save a tenth, whatever takes part', async () => {
    for (const algorithm of ['zstd', 'deflate'] as const) {
      for (const length of [5000, 100_000, SYNC_BYTES_MAX + 1]) {
        const noise = patternedBytes(length, 3);
        const { prefix, bytes } = await new ValueEncoder({ compression: algorithm }).encode(noise);
        expect(prefix).toHaveLength(4);
        expect(bytes).toBe(noise);
      }
    }
  });

  test('of large values is done aside, into an object of its own', async () => {
    for (const algorithm of ['zstd', 'deflate'] as const) {
      const encoder = new ValueEncoder({ compression: algorithm });
      const large = rows.repeat(10);
      const pending = encoder.encode(large);
      expect(pending).toBeInstanceOf(Promise);
      const other = encoder.encode('other');
      const encoded = await pending;
      expect(encoded).not.toBe(other);
      expect(other).toMatchObject({ text: 'other' });
      const stored = Buffer.concat([encoded.prefix!, encoded.bytes!]);
      expect(stored.length).toBeLessThan(large.length / 3);
      expect(new ValueDecoder().decode(stored, 0, stored.length)).toBe(large);
      expect(encoder.encode(rows.slice(0, SYNC_BYTES_MAX))).toBeInstanceOf(EncodedValue);
    }
  });

  test('leaves what is longer than readers take', async () => {
    const compression = { thresholdBytes: 64, decompressedBytesMax: 1000 };
    expect(encode('x'.repeat(1000), { compression }).prefix).toHaveLength(8);
    expect(encode('x'.repeat(1001), { compression }).prefix).toBeNull();
    expect(encode('ü'.repeat(501), { compression }).prefix).toBeNull();
    expect(encode(new Uint8Array(1001), { compression }).prefix).toHaveLength(4);
    const stored = await storedBytes('x'.repeat(5000));
    expect(() => new ValueDecoder({ compression }).decode(stored, 0, stored.length)).toThrow(
      'decompressedBytesMax is 1000',
    );
  });

  test('gives getBytes what was there before, in memory of its own', async () => {
    for (const compression of ['none', 'deflate', 'zstd'] as const) {
      const stored = await storedBytes(rows, { compression });
      const payload = new ValueDecoder().payloadOf(stored, 0, stored.length);
      stored.fill(0);
      expect(Object.getPrototypeOf(payload)).toBe(Uint8Array.prototype);
      expect(Buffer.from(payload).toString()).toBe(rows);
    }
  });
});

describe('options', () => {
  test.each([
    [{ codec: 'yaml' }, 'the text "yaml" is none of typed, json, string, bytes'],
    [{ codec: 'toString' }, 'none of typed'],
    [{ codec: null }, 'null is none of'],
    [{ codec: { encode: () => '' } }, 'nor has it encode and decode'],
    [{ compression: 'gzip' }, '"gzip" is none of auto, zstd, deflate, none'],
    [{ compression: 5 }, 'the name of an algorithm'],
    [{ compression: null }, 'the name of an algorithm'],
    [{ compression: { algorithm: 1 } }, '1 is none of'],
    [{ compression: { threshold: 5 } }, 'threshold is not an option; there are algorithm, thresholdBytes'],
    [{ compression: { thresholdBytes: 63 } }, '63 is not a whole number from 64 to 1073741824'],
    [{ compression: { thresholdBytes: 100.5 } }, '100.5 is not'],
    [{ compression: { decompressedBytesMax: 0 } }, '0 is not a whole number from 1 to 1073741824'],
  ])('%p are refused by both sides', async (options, hint) => {
    for (const part of [ValueEncoder, ValueDecoder]) {
      const error = await failureOf(Promise.try(() => new part(options as ValueOptions<unknown>)));
      expect(error).toMatchObject({ code: 'InvalidOption', message: expect.stringContaining(hint) });
    }
  });

  test('have defaults', () => {
    for (const options of [{}, { compression: {} }, { compression: 'auto' }, { codec: 'typed' }] as const) {
      expect(encode('x'.repeat(4096), options).prefix).toHaveLength(8);
    }
  });
});
