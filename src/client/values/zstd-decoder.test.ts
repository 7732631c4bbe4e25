import { describe, expect, test } from 'bun:test';
import * as zlib from 'node:zlib';
import { damaged } from '../../../test/support/stored-values.ts';
import { seededRandom } from '../../base/random.ts';
import { ZstdError } from './zstd-bits.ts';
import { decodeZstd } from './zstd-decoder.ts';

/** The runtime's own, which our decoder is held against. */
const peer = zlib as unknown as {
  zstdCompressSync(bytes: Uint8Array, options: { readonly params: Readonly<Record<number, number>> }): Buffer;
  zstdDecompressSync(bytes: Uint8Array, options: { readonly maxOutputLength: number }): Buffer;
};

/** From zstd.h. */
const LEVEL = 100;
const WINDOW_LOG = 101;
const WITH_CONTENT_LENGTH = 200;
const WITH_CHECKSUM = 201;

function compress(bytes: Uint8Array, params: Readonly<Record<number, number>>): Buffer {
  return peer.zstdCompressSync(bytes, { params });
}

/** Kinds of content for which compressors choose different blocks, literals and tables. */
const CONTENTS: Readonly<Record<string, (random: () => number, length: number) => Uint8Array>> = {
  noise: (random, length) => new Uint8Array(length).map(() => random() * 256),
  'one byte': (random, length) => new Uint8Array(length).fill(random() * 256),
  'few symbols': (random, length) => {
    const count = 2 + random() * 30;
    return new Uint8Array(length).map(() => 97 + random() ** 3 * count);
  },
  'skewed symbols': (random, length) => new Uint8Array(length).map(() => random() ** 5 * 256),
  'close repeats': (random, length) => repeats(random, length, 20),
  'far repeats': (random, length) => repeats(random, length, 5000),
  rows: (random, length) => {
    let text = '';
    while (text.length < length) text += `{"id":${Math.floor(random() * 1e6)},"name":"user ${text.length}","on":true},`;
    return Buffer.from(text.slice(0, length));
  },
  'noise, then rows of zeros': (random, length) =>
    new Uint8Array(length).map((_, index) => (index < length / 2 ? random() * 256 : 0)),
};

function repeats(random: () => number, length: number, distanceMax: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const distance = 1 + Math.floor(random() * Math.min(at, distanceMax));
    const run = 1 + Math.floor(random() * 40);
    const isNew = at < 8 || random() < 0.2;
    const end = Math.min(length, at + run);
    for (; at < end; at += 1) {
      bytes[at] = isNew ? random() * 256 : bytes[at - distance]!;
    }
  }
  return bytes;
}

function expectSame(frame: Uint8Array, bytes: Uint8Array, title: unknown): void {
  const decoded = decodeZstd(frame, bytes.length);
  if (Buffer.compare(decoded, bytes) !== 0) expect(title).toBeNull();
}

describe('a frame', () => {
  test.each(Object.entries(CONTENTS))(
    'of %s decodes to what it was made of, at every level and length',
    (name, make) => {
      const random = seededRandom(name.length);
      for (let round = 0; round < 60; round += 1) {
        const bytes = make(random, 1 + Math.floor(random() ** 4 * 20_000));
        for (const level of [-100, -5, 1, 2, 3, 4, 6, 9, 12, 16, 19, 22]) {
          const params = { [LEVEL]: level, [WITH_CHECKSUM]: round & 1, [WITH_CONTENT_LENGTH]: (round >> 1) & 1 };
          expectSame(compress(bytes, params), bytes, { name, round, params });
        }
      }
    },
  );

  test.each(Object.entries(CONTENTS))('of many blocks of %s too', (name, make) => {
    const bytes = make(seededRandom(1), 700_000);
    for (const params of [{ [LEVEL]: 1 }, { [LEVEL]: 5 }, { [LEVEL]: 12, [WINDOW_LOG]: 12 }]) {
      expectSame(compress(bytes, params), bytes, { name, params });
    }
  });

  test('of each short length', () => {
    for (let length = 1; length < 600; length += 1) {
      const bytes = new Uint8Array(length).map((_, index) => (index * index) >> 6);
      expectSame(compress(bytes, { [LEVEL]: 1 }), bytes, length);
    }
  });
});

describe('what is no frame, or a damaged one', () => {
  const random = seededRandom(77);
  const sources = Object.entries(CONTENTS).flatMap(([name, make]) =>
    [1, 3, 19].map((level) => {
      const bytes = make(random, 100 + Math.floor(random() * 3000));
      return { name, bytes, frame: compress(bytes, { [LEVEL]: level }) };
    }),
  );

  test('is refused, or decodes to what another decoder makes of it', () => {
    const outcomes = { refused: 0, same: 0, other: 0 };
    for (let round = 0; round < 20_000; round += 1) {
      const { bytes, frame } = sources[round % sources.length]!;
      const input = damaged(random, frame);
      let decoded: Buffer;
      try {
        decoded = decodeZstd(input, bytes.length);
      } catch (error) {
        if (!(error instanceof ZstdError)) throw error;
        outcomes.refused += 1;
        continue;
      }
      let others: Buffer | null = null;
      try {
        others = peer.zstdDecompressSync(input, { maxOutputLength: bytes.length });
      } catch {
        outcomes.other += 1;
      }
      if (others === null) continue;
      if (Buffer.compare(decoded, others) !== 0) expect({ round }).toBeNull();
      outcomes.same += 1;
    }
    expect(outcomes.refused).toBeGreaterThan(1000);
    expect(outcomes.same).toBeGreaterThan(100);
    // Frames that we take and the other does not are rare: it knows limits that do not matter here.
    expect(outcomes.other).toBeLessThan(20);
  });

  test('is refused wherever it is cut off, and with anything behind it', () => {
    for (const { bytes, frame } of sources) {
      for (let length = 0; length < frame.length; length += 1) {
        expect(() => decodeZstd(frame.subarray(0, length), bytes.length)).toThrow(ZstdError);
      }
      expect(() => decodeZstd(Buffer.concat([frame, Buffer.from([0])]), bytes.length)).toThrow(
        'follows the last block',
      );
    }
  });

  test('is refused with any other length than its own', () => {
    for (const withLength of [0, 1]) {
      const bytes = CONTENTS['rows']!(random, 3000);
      const frame = compress(bytes, { [LEVEL]: 1, [WITH_CONTENT_LENGTH]: withLength });
      for (const length of [1, 2999, 3001, 2 ** 26]) expect(() => decodeZstd(frame, length)).toThrow(ZstdError);
    }
  });

  test('takes no memory for what its blocks cannot be', () => {
    // A frame without length, and one empty raw block, that is said to be a gigabyte.
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x01, 0x00, 0x00]);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decodeZstd(frame, 2 ** 30)).toThrow('0 bytes at most');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  test('that needs a dictionary says so', () => {
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x21, 0x07, 0x01, 0x09, 0x00, 0x00, 0x41]);
    expect(() => decodeZstd(frame, 1)).toThrow('needs a dictionary');
    // The same without one is one raw byte.
    frame[5] = 0;
    expect(decodeZstd(frame, 1).toString()).toBe('A');
  });
});
