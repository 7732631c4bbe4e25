/**
 * What values cost the client that writes and reads them, in µs: encoding and decoding by kind and size, and each compression beside the others. On Bun
 * as it is, on Node bundled. Only ratios within one run mean anything.
 *
 *     bun bench/values.ts [--rounds 15]
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import type { CompressionAlgorithm } from '../src/client/values/codec.ts';
import { ValueDecoder } from '../src/client/values/decoder.ts';
import { ValueEncoder } from '../src/client/values/encoder.ts';
import { lengthAt } from '../src/client/values/envelope.ts';
import { HAS_ZSTD } from '../src/client/values/zlib-runtime.ts';
import { decodeZstd } from '../src/client/values/zstd-decoder.ts';
import { storedBytes } from '../test/support/stored-values.ts';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const roundCount = Number(flags.rounds);
const SAMPLE_US_MIN = 2000;
const KIB = 1024;

/** The median time of one call of `task` in µs, each sample long enough to be measured. */
function medianUs(task: () => unknown): number {
  let calls = 1;
  for (;;) {
    const us = sampleUs(task, calls);
    if (us >= SAMPLE_US_MIN) break;
    calls = Math.ceil(calls * Math.min(10, (1.2 * SAMPLE_US_MIN) / Math.max(us, 1)));
  }
  return median(Array.from({ length: roundCount }, () => sampleUs(task, calls) / calls));
}

function sampleUs(task: () => unknown, calls: number): number {
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) task();
  return (performance.now() - start) * 1000;
}

function median(samples: readonly number[]): number {
  return samples.toSorted((left, right) => left - right)[samples.length >> 1]!;
}

function shown(us: number): string {
  return (us < 10 ? us.toFixed(3) : us.toFixed(0)).padStart(11);
}

/** JSON as applications have it: rows of numbers, names and addresses. */
function rows(byteCount: number): string {
  const random = seededRandom(byteCount);
  const names = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Leslie', 'Tony', 'Frances'];
  const below = (limit: number): number => Math.floor(random() * limit);
  let text = '';
  while (text.length < byteCount) {
    const name = names[below(names.length)]!;
    text += `{"id":${below(1e9)},"name":"${name}","email":"${name}${below(1e5)}@example.com","price":${below(1e5) / 100}},`;
  }
  return text.slice(0, byteCount);
}

function noise(byteCount: number): Uint8Array {
  const random = seededRandom(byteCount);
  return new Uint8Array(byteCount).map(() => random() * 256);
}

const { bun, node } = process.versions;
console.log(bun === undefined ? `node ${node}` : `bun ${bun}`);

console.log(`\n${'not compressed, µs'.padEnd(30)}     encode     decode`);
const plain = new ValueEncoder({ compression: 'none' });
const decoder = new ValueDecoder();
const KINDS: readonly (readonly [name: string, value: unknown])[] = [
  ['text of 16 bytes', 'x'.repeat(16)],
  ['text of 1 KiB', 'x'.repeat(KIB)],
  ['text of 1 KiB beyond ASCII', 'ü'.repeat(KIB / 2)],
  ['bytes, 1 KiB', noise(KIB)],
  ['a number', 12_345],
  ['an object of 5 properties', { id: 1, name: 'Ada', on: true, tags: ['a', 'b'], nothing: null }],
];
for (const [name, value] of KINDS) {
  const stored = await storedBytes(value, { compression: 'none' });
  const encodeUs = medianUs(() => plain.encode(value));
  console.log(name.padEnd(30) + shown(encodeUs) + shown(medianUs(() => decoder.decode(stored, 0, stored.length))));
}

console.log(`\n${'compressed, µs'.padEnd(30)}     encode     decode      ratio   decoded by our zstd`);
const algorithms: readonly CompressionAlgorithm[] = HAS_ZSTD ? ['deflate', 'zstd'] : ['deflate'];
for (const [kind, make] of [['rows', rows] as const, ['noise', noise] as const]) {
  for (const kib of [4, 16, 64, 256, 1024, 8192]) {
    const value = make(kib * KIB);
    for (const algorithm of algorithms) {
      const encoder = new ValueEncoder({ compression: algorithm });
      const stored = await storedBytes(value, { compression: algorithm });
      let encodeUs: number;
      if (encoder.encode(value) instanceof Promise) encodeUs = await medianAsideUs(() => encoder.encode(value));
      else encodeUs = medianUs(() => encoder.encode(value));
      const decodeUs = medianUs(() => decoder.decode(stored, 0, stored.length));
      const isZstd = algorithm === 'zstd' && kind === 'rows';
      const frame = stored.subarray(8);
      const own = isZstd ? shown(medianUs(() => decodeZstd(frame, lengthAt(stored, 0)))) : '';
      const ratio = (stored.length / (kib * KIB)).toFixed(2).padStart(11);
      console.log(`${kind}, ${kib} KiB, ${algorithm}`.padEnd(30) + shown(encodeUs) + shown(decodeUs) + ratio + own);
    }
  }
}

/** The time until the promise settles: what this thread spends is a fraction of it. */
async function medianAsideUs(task: () => unknown): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < roundCount; round += 1) {
    const start = performance.now();
    await task();
    samples.push((performance.now() - start) * 1000);
  }
  return median(samples);
}
