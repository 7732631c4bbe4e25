/** The compression that a client's options ask for: defaults, ranges, reasons, and their validation. */
import { ShoalError } from '../../base/errors.ts';
import type { CompressionAlgorithm, CompressionOptions } from './codec.ts';
import { Compression } from './envelope.ts';
import { HAS_ZSTD } from './zlib-runtime.ts';

export interface ResolvedCompression {
  /** What is written; `none`: nothing is compressed. */
  readonly compression: Compression;
  readonly thresholdBytes: number;
  readonly decompressedBytesMax: number;
}

interface Row {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly reason: string;
}

const MIB = 1024 * 1024;

export const COMPRESSION_NUMBERS = {
  thresholdBytes: {
    default: 4096,
    min: 64,
    max: 1024 * MIB,
    reason: 'Below it, compression takes longer than the network gains from it.',
  },
  decompressedBytesMax: {
    default: 64 * MIB,
    min: 1,
    max: 1024 * MIB,
    reason: 'As long as the longest value of a node; a few bytes that claim to be more would fill the memory.',
  },
} as const satisfies Record<string, Row>;

const DEFAULTS: CompressionOptions = {};
const ALGORITHMS: readonly string[] = ['auto', 'zstd', 'deflate', 'none'] satisfies CompressionAlgorithm[];

/** Throws `InvalidOption`. */
export function resolveCompression(given: CompressionOptions | CompressionAlgorithm | undefined): ResolvedCompression {
  if (given === undefined) return resolveCompression(DEFAULTS);
  if (typeof given === 'string') return resolveCompression({ algorithm: given });
  if (typeof given !== 'object' || given === null) throw invalid('give the name of an algorithm, or an object');
  const options = given;
  for (const name of Object.keys(options)) {
    if (name !== 'algorithm' && !Object.hasOwn(COMPRESSION_NUMBERS, name)) {
      throw invalid(`${name} is not an option; there are algorithm, ${Object.keys(COMPRESSION_NUMBERS).join(', ')}`);
    }
  }
  return {
    compression: compressionOf(options.algorithm ?? 'auto'),
    thresholdBytes: numberOf(options, 'thresholdBytes'),
    decompressedBytesMax: numberOf(options, 'decompressedBytesMax'),
  };
}

function compressionOf(algorithm: CompressionAlgorithm): Compression {
  if (!ALGORITHMS.includes(algorithm)) throw invalid(`${describe(algorithm)} is none of ${ALGORITHMS.join(', ')}`);
  if (algorithm === 'none') return Compression.none;
  if (algorithm === 'deflate' || (algorithm === 'auto' && !HAS_ZSTD)) return Compression.deflate;
  if (HAS_ZSTD) return Compression.zstd;
  throw invalid("this runtime cannot write zstd; take 'auto', which writes deflate here and reads both");
}

function numberOf(options: CompressionOptions, name: keyof typeof COMPRESSION_NUMBERS): number {
  const value: unknown = options[name];
  const row = COMPRESSION_NUMBERS[name];
  if (value === undefined) return row.default;
  if (typeof value === 'number' && Number.isInteger(value) && value >= row.min && value <= row.max) return value;
  throw invalid(`${name}: ${describe(value)} is not a whole number from ${row.min} to ${row.max} bytes`);
}

function describe(value: unknown): string {
  return typeof value === 'number' ? `${value}` : (JSON.stringify(value) ?? typeof value);
}

function invalid(problem: string): ShoalError {
  return new ShoalError('InvalidOption', `compression: ${problem}`);
}
