/**
 * What every runtime must do with values: what one client stores, each other client reads, whatever their settings and runtimes; and what is
 * damaged is refused with `CodecFailed` and nothing else. Free of I/O, so the cases run anywhere.
 */
import assert from 'node:assert/strict';
import { ShoalError } from '../../src/base/errors.ts';
import { seededRandom } from '../../src/base/random.ts';
import type { CompressionAlgorithm, NamedCodec } from '../../src/client/values/codec.ts';
import { ValueDecoder } from '../../src/client/values/decoder.ts';
import type { ValueOptions } from '../../src/client/values/encoder.ts';
import { HAS_ZSTD } from '../../src/client/values/zlib-runtime.ts';
import { damaged, storedBytes } from '../support/stored-values.ts';
import vectors from '../vectors/values.json' with { type: 'json' };

type Define = (test: (name: string, body: () => Promise<void>) => void) => void;

/** What this runtime writes; that it reads the rest is what the vectors are for. */
const ALGORITHMS: readonly CompressionAlgorithm[] = ['none', 'deflate', 'auto', ...(HAS_ZSTD ? ['zstd' as const] : [])];
const EAGER_BYTES = 64;
const DAMAGE_ROUNDS = 2000;

const VALUES: readonly unknown[] = [
  '',
  'hello',
  'grüße, 世界 🐟',
  'half a pair \ud800 of surrogates',
  '{"a":1}',
  '\ufffd',
  'x'.repeat(5000),
  '世界🐟'.repeat(2000),
  0,
  -0,
  -1.5e300,
  true,
  false,
  null,
  [],
  [1, 'two', [3, null]],
  {},
  { name: 'Ada', nested: { deep: [true] }, empty: '' },
  { rows: Array.from({ length: 300 }, (_, id) => ({ id, name: `row ${id}` })) },
  new Uint8Array(0),
  new Uint8Array([0, 255, 128]),
  new Uint8Array([0xf5, 0x53, 0x68, 0x02, 0x31]),
  new Uint8Array(100_000).fill(7),
  new Uint8Array(300_000).map((_, index) => index >> 5),
];

/** What a reader makes of what another codec wrote: the value, what was written for it, as text or bytes, or nothing. */
type Reading = 'value' | 'text' | 'bytes' | 'refused';
type Readings = Readonly<Record<NamedCodec, Reading>>;

const OF_TEXT: Readings = { typed: 'value', json: 'refused', string: 'value', bytes: 'bytes' };
const OF_JSON_TEXT: Readings = { typed: 'text', json: 'value', string: 'text', bytes: 'bytes' };
const OF_PLAIN_BYTES: Readings = { typed: 'refused', json: 'refused', string: 'refused', bytes: 'bytes' };
const MATRIX: readonly (readonly [value: unknown, writer: NamedCodec, readings: Readings])[] = [
  ['grüße', 'typed', OF_TEXT],
  ['grüße', 'string', OF_TEXT],
  [new Uint8Array(Buffer.from('grüße')), 'bytes', { ...OF_TEXT, typed: 'text', string: 'text' }],
  ['grüße', 'json', OF_JSON_TEXT],
  [[1, 'ü'], 'json', OF_JSON_TEXT],
  [[1, 'ü'], 'typed', { ...OF_JSON_TEXT, typed: 'value' }],
  [new Uint8Array([1, 254]), 'bytes', OF_PLAIN_BYTES],
  [new Uint8Array([0xf5, 0x53, 0x68]), 'bytes', OF_PLAIN_BYTES],
  [new Uint8Array([1, 254]), 'typed', { ...OF_PLAIN_BYTES, typed: 'value', json: 'value' }],
];

export const defineValuesContract: Define = (test) => {
  test('what is set comes back as it was, however it is compressed', async () => {
    for (const algorithm of ALGORITHMS) {
      for (const value of VALUES) {
        const stored = await storedBytes(value, { compression: { algorithm, thresholdBytes: EAGER_BYTES } });
        assert.deepEqual(read(stored), value);
      }
    }
  });

  test('each codec reads what each other wrote, short or long, as ADR 9 says', async () => {
    for (const [short, writer, readings] of MATRIX) {
      for (const value of [short, lengthened(short)]) {
        const stored = await storedBytes(value, { codec: writer, compression: { thresholdBytes: EAGER_BYTES } });
        for (const reader of ['typed', 'json', 'string', 'bytes'] as const) {
          const title = `${writer} wrote ${JSON.stringify(short)}, ${reader} reads ${stored.length} bytes`;
          const outcome = readOrError(stored, { codec: reader });
          const reading = readings[reader];
          if (reading === 'refused') assert.equal(outcome.error?.code, 'CodecFailed', title);
          else assert.deepEqual(outcome.value, expectedFrom(reading, value, writer), title);
        }
        assert.deepEqual(new ValueDecoder().payloadOf(stored, 0, stored.length), writtenBytes(value, writer));
      }
    }
  });

  for (const { name, base64, value } of vectors.values) {
    const stored = Buffer.from(base64, 'base64');
    const isCompressed = stored[0] === 0xf5 && stored[3]! >= 0x10;
    test(`the vector "${name}" is read`, async () => assert.deepEqual(read(stored), valueOf(value)));

    test(`the vector "${name}" is refused wherever it is cut off, unless what is left is a value`, async () => {
      for (let length = 1; length < stored.length; length += 1) {
        const { error } = readOrError(stored.subarray(0, length));
        assert.ok(error !== null || !isCompressed, `${length} bytes of ${stored.length}`);
      }
    });

    test(`the vector "${name}", damaged, is refused or some value`, async () => {
      const random = seededRandom(stored.length);
      let refusedCount = 0;
      for (let round = 0; round < DAMAGE_ROUNDS; round += 1) {
        if (readOrError(damaged(random, stored)).error !== null) refusedCount += 1;
      }
      assert.ok(refusedCount > 0);
    });
  }

  test('a few bytes that claim to be many are refused for their claim', async () => {
    for (const tag of [0x13, 0x23]) {
      const claim = Buffer.from([0xf5, 0x53, 0x68, tag, 0xff, 0xff, 0xff, 0xff, 0x28, 0xb5, 0x2f, 0xfd, 0, 0]);
      assert.match(readOrError(claim).error!.message, /4294967295 bytes.*67108864/);
      claim.writeUInt32LE(0, 4);
      assert.match(readOrError(claim).error!.message, /empty/);
    }
  });

  test('what decompresses to more or less than it says is refused', async () => {
    const compressed = vectors.values.filter(({ name }) => /deflate|zstd/.test(name));
    assert.equal(compressed.length, 6);
    for (const { base64 } of compressed) {
      const stored = Buffer.from(base64, 'base64');
      assert.ok(stored[3]! >= 0x10);
      const length = stored.readUInt32LE(4);
      for (const claimed of [1, length - 1, length + 1, 10 * length, 67_108_864]) {
        stored.writeUInt32LE(claimed, 4);
        assert.equal(readOrError(stored).error?.code, 'CodecFailed', `${length} bytes that claim to be ${claimed}`);
      }
    }
  });

  test('what has anything behind its compressed payload is refused', async () => {
    for (const { name, base64 } of vectors.values.filter((vector) => /deflate|zstd/.test(vector.name))) {
      for (const more of ['00', 'ff', '0000000000000000']) {
        const stored = Buffer.concat([Buffer.from(base64, 'base64'), Buffer.from(more, 'hex')]);
        assert.equal(readOrError(stored).error?.code, 'CodecFailed', `${name} and then ${more}`);
      }
    }
  });

  test('a tag that is not known is named', async () => {
    for (let tag = 0; tag < 256; tag += 1) {
      const isKnown = [0, 2, 3].includes(tag & 15) && tag >> 4 < 3;
      const { error } = readOrError(Buffer.from([0xf5, 0x53, 0x68, tag, 0x31]));
      const isNamed = error?.message.includes(`0x${tag.toString(16).padStart(2, '0')}`) ?? false;
      assert.equal(isNamed, !isKnown, `tag ${tag}: ${error?.message}`);
    }
  });
};

/** Long enough to be compressed, and of the same kind. */
function lengthened(value: unknown): unknown {
  if (typeof value === 'string') return value.repeat(500);
  if (value instanceof Uint8Array) return new Uint8Array(value.length * 500).map((_, at) => value[at % value.length]!);
  return Array.from({ length: 300 }, () => value);
}

function expectedFrom(reading: Reading, value: unknown, writer: NamedCodec): unknown {
  if (reading === 'value') return value;
  const bytes = writtenBytes(value, writer);
  return reading === 'bytes' ? bytes : Buffer.from(bytes).toString('utf8');
}

/** The payload that `writer` makes of `value`. */
function writtenBytes(value: unknown, writer: NamedCodec): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const isText = typeof value === 'string' && writer !== 'json';
  return new Uint8Array(Buffer.from(isText ? value : JSON.stringify(value), 'utf8'));
}

/** Reads from the middle of other bytes, as a client finds values in its receive buffer. */
function read(stored: Buffer, options: ValueOptions<unknown> = {}): unknown {
  const around = Buffer.concat([Buffer.from([0xf5, 0x53]), stored, Buffer.from([0x68, 0x31])]);
  return new ValueDecoder(options).decode(around, 2, 2 + stored.length);
}

/** Anything but `CodecFailed` ends the case. */
function readOrError(
  stored: Buffer,
  options: ValueOptions<unknown> = {},
): { readonly value: unknown; readonly error: ShoalError | null } {
  try {
    return { value: read(stored, options), error: null };
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'CodecFailed') return { value: undefined, error };
    throw error;
  }
}

/** JSON has no bytes, and long text would fill pages: the vectors give them as `{ bytes }` in base64, and as `{ text, times }`. */
function valueOf(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  if ('bytes' in given) return new Uint8Array(Buffer.from(String(given.bytes), 'base64'));
  if ('text' in given && 'times' in given) return String(given.text).repeat(Number(given.times));
  return given;
}
