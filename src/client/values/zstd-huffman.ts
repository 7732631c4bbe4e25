/**
 * The Huffman code of literals (RFC 8878, 4.2): its description, which is the weights of all symbols but the last, the table that is made of it,
 * and the streams that are read with it.
 */
import { backwardStart, bitsAt, ZstdError } from './zstd-bits.ts';
import { readFseTable } from './zstd-fse.ts';

export interface HuffmanTable {
  /** The longest code. */
  readonly bitsMax: number;
  /** For each value of the next `bitsMax` bits: the length of the code that they begin with, times 256, and its symbol. */
  readonly entries: Uint16Array;
}

export interface ReadHuffman {
  readonly table: HuffmanTable;
  /** The first byte behind its description. */
  readonly end: number;
}

const CODE_BITS_MAX = 11;
const SYMBOL_COUNT = 256;
const FSE_LIMITS = { accuracyLogMax: 6, symbolMax: CODE_BITS_MAX } as const;
/** Headers from here on say how many weights of 4 bits follow. */
const DIRECT_FROM = 128;

/** The code that is described in `bytes` from `start`, and no further than `end`. Throws a ZstdError. */
export function readHuffmanTable(bytes: Uint8Array, start: number, end: number): ReadHuffman {
  if (start >= end) throw new ZstdError('a Huffman code is cut off');
  const header = bytes[start]!;
  const weights: number[] = [];
  const isDirect = header >= DIRECT_FROM;
  const weightCount = header - DIRECT_FROM + 1;
  const tableEnd = start + 1 + (isDirect ? (weightCount + 1) >> 1 : header);
  if (tableEnd > end) throw new ZstdError('a Huffman code is cut off');
  if (isDirect) {
    for (let index = 0; index < weightCount; index += 1) {
      const pair = bytes[start + 1 + (index >> 1)]!;
      weights.push(index % 2 === 0 ? pair >> 4 : pair & 0xf);
    }
  } else {
    readWeights(bytes, start + 1, tableEnd, weights);
  }
  return { table: buildTable(weights), end: tableEnd };
}

/** Weights in finite state entropy: two states take turns until the bits run out. */
function readWeights(bytes: Uint8Array, start: number, end: number, weights: number[]): void {
  const { table, end: streamStart } = readFseTable(bytes, start, end, FSE_LIMITS);
  const lowest = streamStart * 8;
  let position = backwardStart(bytes, streamStart, end);
  const read = (count: number): number => {
    position -= count;
    return bitsAt(bytes, position, count);
  };
  let current = read(table.accuracyLog);
  let other = read(table.accuracyLog);
  if (position < lowest) throw new ZstdError('a Huffman code is cut off');
  while (weights.length < SYMBOL_COUNT - 1) {
    weights.push(table.symbols[current]!);
    const next = table.bases[current]! + read(table.bitCounts[current]!);
    if (position < lowest) {
      weights.push(table.symbols[other]!);
      return;
    }
    current = other;
    other = next;
  }
  throw new ZstdError('a Huffman code has more symbols than there are');
}

/** The weight of the last symbol is what makes the sum of all a power of two. */
function buildTable(weights: number[]): HuffmanTable {
  let sum = 0;
  for (const weight of weights) if (weight > 0) sum += 2 ** (weight - 1);
  const bitsMax = 32 - Math.clz32(sum);
  const rest = 2 ** bitsMax - sum;
  if (sum === 0 || bitsMax > CODE_BITS_MAX || (rest & (rest - 1)) !== 0 || weights.length >= SYMBOL_COUNT) {
    throw new ZstdError('a Huffman code has weights that make no tree');
  }
  weights.push(32 - Math.clz32(rest));
  const entries = new Uint16Array(2 ** bitsMax);
  let at = 0;
  // The longest codes, which have the lowest weight, come first; of equally long ones, the lower symbol.
  for (let weight = 1; weight <= bitsMax; weight += 1) {
    const span = 2 ** (weight - 1);
    const code = (bitsMax + 1 - weight) << 8;
    for (let symbol = 0; symbol < weights.length; symbol += 1) {
      if (weights[symbol] !== weight) continue;
      entries.fill(code | symbol, at, at + span);
      at += span;
    }
  }
  return { bitsMax, entries };
}

/** Fills `target` from `from` to `to` with the symbols of the stream in `bytes` from `start` to `end`, which must be all of it. */
export function readHuffmanStream(
  table: HuffmanTable,
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  from: number,
  to: number,
): void {
  const { bitsMax, entries } = table;
  const mask = (1 << bitsMax) - 1;
  let position = backwardStart(bytes, start, end);
  let at = from;
  // Two codes and the bits of a byte before them fit one word.
  for (; at + 1 < to; at += 2) {
    const low = position - 2 * CODE_BITS_MAX;
    const byte = low >> 3;
    const word =
      (bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16) | (bytes[byte + 3]! << 24)) >>> (low & 7);
    const first = entries[(word >>> (2 * CODE_BITS_MAX - bitsMax)) & mask]!;
    const used = first >> 8;
    const second = entries[(word >>> (2 * CODE_BITS_MAX - bitsMax - used)) & mask]!;
    target[at] = first;
    target[at + 1] = second;
    position -= used + (second >> 8);
  }
  if (at < to) {
    const entry = entries[bitsAt(bytes, position - bitsMax, bitsMax)]!;
    target[at] = entry;
    position -= entry >> 8;
  }
  if (position !== start * 8) throw new ZstdError('a stream of literals does not end where it should');
}
