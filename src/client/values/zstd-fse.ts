/**
 * Tables of finite state entropy, as RFC 8878, 4.1.1 describes and builds them: each state stands for a symbol and says how many bits lead to the next
 * state, and from where.
 */
import { ForwardBits, ZstdError } from './zstd-bits.ts';

export interface FseTable {
  /** There are 2^accuracyLog states. */
  readonly accuracyLog: number;
  readonly symbols: Uint8Array;
  /** How many bits to read, and what to add to them, for the next state. */
  readonly bitCounts: Uint8Array;
  readonly bases: Uint16Array;
}

export interface ReadTable {
  readonly table: FseTable;
  /** The first byte behind its description. */
  readonly end: number;
}

export interface FseLimits {
  readonly accuracyLogMax: number;
  readonly symbolMax: number;
}

/** A share of the states that is too small to count: such a symbol gets one. */
const LESS_THAN_ONE = -1;
const ACCURACY_LOG_MIN = 5;

/** The table that is described in `bytes` from `start`, and no further than `end`. Throws a ZstdError. */
export function readFseTable(bytes: Uint8Array, start: number, end: number, limits: FseLimits): ReadTable {
  const bits = new ForwardBits(bytes, start, end);
  const accuracyLog = bits.read(4) + ACCURACY_LOG_MIN;
  if (accuracyLog > limits.accuracyLogMax) throw new ZstdError('a table is larger than its kind may be');
  const shares: number[] = [];
  let left = 1 << accuracyLog;
  while (left > 0) {
    if (shares.length > limits.symbolMax) throw new ZstdError('a table has symbols beyond the last of its kind');
    const share = readShare(bits, left);
    shares.push(share);
    left -= Math.abs(share);
    if (share === 0) addZeros(bits, shares, limits.symbolMax);
  }
  return { table: buildFseTable(shares, accuracyLog), end: bits.nextByte };
}

/** One share of the `left` states that are not given away yet. The smaller values, of which there are more than bits can tell, take a bit less. */
function readShare(bits: ForwardBits, left: number): number {
  const bitCount = 32 - Math.clz32(left + 1);
  const shortCount = (1 << bitCount) - 1 - (left + 1);
  const half = 1 << (bitCount - 1);
  const value = bits.peek(bitCount);
  const short = value & (half - 1);
  if (short < shortCount) {
    bits.skip(bitCount - 1);
    return short + LESS_THAN_ONE;
  }
  bits.skip(bitCount);
  return (value < half ? value : value - shortCount) + LESS_THAN_ONE;
}

/** After a share of zero, two bits say how many more follow, and three that there are two more bits. */
function addZeros(bits: ForwardBits, shares: number[], symbolMax: number): void {
  for (;;) {
    const count = bits.read(2);
    for (let zero = 0; zero < count; zero += 1) shares.push(0);
    if (shares.length > symbolMax + 1) throw new ZstdError('a table has symbols beyond the last of its kind');
    if (count < 3) return;
  }
}

/** The table in which symbol s has `shares[s]` states, which are 2^accuracyLog together. */
export function buildFseTable(shares: readonly number[], accuracyLog: number): FseTable {
  const size = 1 << accuracyLog;
  const symbols = new Uint8Array(size);
  const nextOf = Uint16Array.from(shares, (share) => Math.abs(share));
  const spreadEnd = placeRare(shares, symbols);
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (let symbol = 0; symbol < shares.length; symbol += 1) {
    for (let count = 0; count < shares[symbol]!; count += 1) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at >= spreadEnd);
    }
  }
  const bitCounts = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state += 1) {
    const next = nextOf[symbols[state]!]!++;
    bitCounts[state] = accuracyLog - (31 - Math.clz32(next));
    bases[state] = (next << bitCounts[state]!) - size;
  }
  return { accuracyLog, symbols, bitCounts, bases };
}

/** Symbols of less than one state get one from the end; the others are spread over what lies before, which is returned. */
function placeRare(shares: readonly number[], symbols: Uint8Array): number {
  let end = symbols.length;
  for (let symbol = 0; symbol < shares.length; symbol += 1) {
    if (shares[symbol] !== LESS_THAN_ONE) continue;
    end -= 1;
    symbols[end] = symbol;
  }
  return end;
}

/** The table of one state, which stands for `symbol` and reads nothing. */
export function singleFseTable(symbol: number): FseTable {
  return {
    accuracyLog: 0,
    symbols: Uint8Array.of(symbol),
    bitCounts: new Uint8Array(1),
    bases: new Uint16Array(1),
  };
}
