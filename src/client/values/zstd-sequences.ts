/**
 * The sequences of a compressed block (RFC 8878, 3.1.1.3.2 and 3.1.1.4): each copies some literals and then repeats something that the frame has
 * said before.
 */
import { backwardStart, bitsAt, ZstdError } from './zstd-bits.ts';
import { buildFseTable, type FseLimits, type FseTable, readFseTable, singleFseTable } from './zstd-fse.ts';

/** What one kind of code is: how its tables may be, the one that needs no description, and what each code means: a base, and bits to add. */
interface CodeKind extends FseLimits {
  readonly predefined: FseTable;
}

const LITERAL_LENGTHS: CodeKind = {
  accuracyLogMax: 9,
  symbolMax: 35,
  predefined: buildFseTable(
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
    6,
  ),
};
const OFFSETS: CodeKind = {
  accuracyLogMax: 8,
  symbolMax: 31,
  predefined: buildFseTable(
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
    5,
  ),
};
const MATCH_LENGTHS: CodeKind = {
  accuracyLogMax: 9,
  symbolMax: 52,
  predefined: buildFseTable(
    [
      1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    6,
  ),
};

const MATCH_LENGTH_MIN = 3;
const LITERAL_LENGTH_BITS: Uint8Array = codeBits(
  16,
  [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
const LITERAL_LENGTH_BASES: Uint32Array = codeBases(LITERAL_LENGTH_BITS, 0);
const MATCH_LENGTH_BITS: Uint8Array = codeBits(
  32,
  [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
const MATCH_LENGTH_BASES: Uint32Array = codeBases(MATCH_LENGTH_BITS, MATCH_LENGTH_MIN);

/** Longer offsets than 2^30 reach further back than a value may be long. */
const OFFSET_CODE_MAX = 30;
/** Offset values up to here stand for one of the last three offsets. */
const REPEATED_OFFSETS = 3;
/** As many bits as one read gives. */
const READ_BITS_MAX = 25;
/** Copies of fewer bytes take less time byte by byte. */
const SHORT_COPY = 24;

/** What a block leaves to the next one of its frame. */
export class SequenceState {
  literalLengths: FseTable | null = null;
  offsets: FseTable | null = null;
  matchLengths: FseTable | null = null;
  /** The last three, the last one first. */
  readonly lastOffsets: Uint32Array = Uint32Array.of(1, 4, 8);
}

/** The bytes that a frame stands for, as far as they are known. */
export interface FrameOutput {
  readonly bytes: Uint8Array;
  length: number;
}

/**
 * Appends what the sequences in `input` from `start` to `end` make of `literals` to `output`, at most up to `outputMax`. Throws a
 * ZstdError; then `output` holds anything.
 */
export function runSequences(
  state: SequenceState,
  input: Uint8Array,
  start: number,
  end: number,
  literals: Uint8Array,
  output: FrameOutput,
  outputMax: number,
): void {
  const { count, next } = readCount(input, start, end);
  if (count === 0) {
    if (next !== end) throw new ZstdError('something follows the last sequence');
    appendLiterals(literals, 0, output, outputMax);
    return;
  }
  const used = execute(state, count, input, readTables(state, input, next, end), end, literals, output, outputMax);
  appendLiterals(literals, used, output, outputMax);
}

/** Reads and executes `count` sequences from the stream of bits from `start` to `end`; returns how many literals they used. */
function execute(
  state: SequenceState,
  count: number,
  input: Uint8Array,
  start: number,
  end: number,
  literals: Uint8Array,
  output: FrameOutput,
  outputMax: number,
): number {
  const { lastOffsets } = state;
  const lengthTable = state.literalLengths!;
  const offsetTable = state.offsets!;
  const matchTable = state.matchLengths!;
  const { bytes } = output;
  let position = backwardStart(input, start, end);
  position -= lengthTable.accuracyLog;
  let lengthState = bitsAt(input, position, lengthTable.accuracyLog);
  position -= offsetTable.accuracyLog;
  let offsetState = bitsAt(input, position, offsetTable.accuracyLog);
  position -= matchTable.accuracyLog;
  let matchState = bitsAt(input, position, matchTable.accuracyLog);
  let literalAt = 0;
  let at = output.length;
  for (let left = count; left > 0; left -= 1) {
    const offsetCode = offsetTable.symbols[offsetState]!;
    const matchCode = matchTable.symbols[matchState]!;
    const lengthCode = lengthTable.symbols[lengthState]!;
    if (offsetCode > OFFSET_CODE_MAX) throw new ZstdError('a sequence reaches back too far');
    let offsetValue = 1 << offsetCode;
    let offsetBits = offsetCode;
    if (offsetBits > READ_BITS_MAX) {
      offsetBits -= READ_BITS_MAX;
      position -= offsetBits;
      offsetValue += bitsAt(input, position, offsetBits) << READ_BITS_MAX;
      offsetBits = READ_BITS_MAX;
    }
    position -= offsetBits;
    offsetValue += bitsAt(input, position, offsetBits);
    const matchBits = MATCH_LENGTH_BITS[matchCode]!;
    position -= matchBits;
    const matchLength = MATCH_LENGTH_BASES[matchCode]! + bitsAt(input, position, matchBits);
    const lengthBits = LITERAL_LENGTH_BITS[lengthCode]!;
    position -= lengthBits;
    const literalLength = LITERAL_LENGTH_BASES[lengthCode]! + bitsAt(input, position, lengthBits);
    if (left > 1) {
      let bits = lengthTable.bitCounts[lengthState]!;
      position -= bits;
      lengthState = lengthTable.bases[lengthState]! + bitsAt(input, position, bits);
      bits = matchTable.bitCounts[matchState]!;
      position -= bits;
      matchState = matchTable.bases[matchState]! + bitsAt(input, position, bits);
      bits = offsetTable.bitCounts[offsetState]!;
      position -= bits;
      offsetState = offsetTable.bases[offsetState]! + bitsAt(input, position, bits);
    }
    const literalEnd = literalAt + literalLength;
    if (literalEnd > literals.length) throw new ZstdError('a sequence copies literals that are not there');
    if (at + literalLength + matchLength > outputMax) throw new ZstdError('a block is longer than it may be');
    if (literalLength <= SHORT_COPY) while (literalAt < literalEnd) bytes[at++] = literals[literalAt++]!;
    else {
      bytes.set(literals.subarray(literalAt, literalEnd), at);
      at += literalLength;
      literalAt = literalEnd;
    }
    const offset = takeOffset(lastOffsets, offsetValue, literalLength);
    if (offset > at) throw new ZstdError('a sequence reaches back beyond the beginning');
    const matchEnd = at + matchLength;
    if (matchLength > SHORT_COPY && offset >= matchLength) {
      bytes.copyWithin(at, at - offset, matchEnd - offset);
      at = matchEnd;
    } else for (; at < matchEnd; at += 1) bytes[at] = bytes[at - offset]!;
  }
  if (position !== start * 8) throw new ZstdError('the sequences do not end where they should');
  output.length = at;
  return literalAt;
}

/** The offset that `value` stands for, which is from now on the last one. */
function takeOffset(last: Uint32Array, value: number, literalLength: number): number {
  if (value > REPEATED_OFFSETS) {
    last[2] = last[1]!;
    last[1] = last[0]!;
    last[0] = value - REPEATED_OFFSETS;
    return last[0];
  }
  // Without literals between, the last offset would be a longer match; so the values mean the others, and the last but one byte.
  const index = literalLength === 0 ? value : value - 1;
  if (index === 0) return last[0]!;
  const offset = index === REPEATED_OFFSETS ? last[0]! - 1 : last[index]!;
  if (offset === 0) throw new ZstdError('a sequence repeats from nowhere');
  if (index > 1) last[2] = last[1]!;
  last[1] = last[0]!;
  last[0] = offset;
  return offset;
}

function appendLiterals(literals: Uint8Array, from: number, output: FrameOutput, outputMax: number): void {
  const end = output.length + literals.length - from;
  if (end > outputMax) throw new ZstdError('a block is longer than it may be');
  output.bytes.set(literals.subarray(from), output.length);
  output.length = end;
}

function readCount(input: Uint8Array, start: number, end: number): { readonly count: number; readonly next: number } {
  const first = input[start]!;
  const size = first < 128 ? 1 : first < 255 ? 2 : 3;
  if (start + size > end) throw new ZstdError('the sequences are cut off');
  if (size === 1) return { count: first, next: start + 1 };
  if (size === 2) return { count: ((first - 128) << 8) + input[start + 1]!, next: start + 2 };
  return { count: input[start + 1]! + (input[start + 2]! << 8) + 0x7f00, next: start + 3 };
}

/** Reads which tables are used into `state`; returns where their descriptions end. */
function readTables(state: SequenceState, input: Uint8Array, start: number, end: number): number {
  if (start >= end) throw new ZstdError('the sequences are cut off');
  const modes = input[start]!;
  if ((modes & 3) !== 0) throw new ZstdError('the sequences use something reserved');
  const lengths = readTable(LITERAL_LENGTHS, modes >> 6, state.literalLengths, input, start + 1, end);
  const offsets = readTable(OFFSETS, (modes >> 4) & 3, state.offsets, input, lengths.end, end);
  const matches = readTable(MATCH_LENGTHS, (modes >> 2) & 3, state.matchLengths, input, offsets.end, end);
  state.literalLengths = lengths.table;
  state.offsets = offsets.table;
  state.matchLengths = matches.table;
  return matches.end;
}

function readTable(
  kind: CodeKind,
  mode: number,
  previous: FseTable | null,
  input: Uint8Array,
  start: number,
  end: number,
): { readonly table: FseTable; readonly end: number } {
  switch (mode) {
    case 0:
      return { table: kind.predefined, end: start };
    case 1: {
      if (start >= end || input[start]! > kind.symbolMax) throw new ZstdError('a table has no symbol of its kind');
      return { table: singleFseTable(input[start]!), end: start + 1 };
    }
    case 2:
      return readFseTable(input, start, end, kind);
    default:
      if (previous === null) throw new ZstdError('a table is used again that was never there');
      return { table: previous, end: start };
  }
}

/** The first `plain` codes have no bits. */
function codeBits(plain: number, rest: readonly number[]): Uint8Array {
  return Uint8Array.of(...Array.from({ length: plain }, () => 0), ...rest);
}

/** Each code begins where the one before it ends. */
function codeBases(bits: Uint8Array, first: number): Uint32Array {
  let base = first;
  return Uint32Array.from(bits, (count) => {
    const own = base;
    base += 2 ** count;
    return own;
  });
}
