/**
 * A decoder of Zstandard (RFC 8878) for runtimes that have none, so that every client reads every value: one frame, without dictionary,
 * whose length is known. It takes several times as long as the runtime's own (bench/values.ts).
 *
 *     frame   magic │ header │ block block ··· │ checksum?
 *     block   header 3 bytes │ raw bytes, one byte to repeat, or literals and sequences
 *
 * Anything may be in the bytes. Memory for the result is taken only once the blocks' headers show that they can be that much, nothing outside it is
 * written, and what no compressor writes is an error. The checksum, which no client writes, is not looked at.
 */
import { ZstdError } from './zstd-bits.ts';
import { type HuffmanTable, readHuffmanStream, readHuffmanTable } from './zstd-huffman.ts';
import { type FrameOutput, runSequences, SequenceState } from './zstd-sequences.ts';

const MAGIC = 0xfd2fb528;
const MAGIC_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const BLOCK_BYTES_MAX = 128 * 1024;
const CHECKSUM_BYTES = 4;
/** Positions of bits are 32-bit numbers. */
const INPUT_BYTES_MAX = 2 ** 27;
/** Behind the input, so that bits are read by the word. */
const PADDING_BYTES = 8;

const RAW_BLOCK = 0;
const REPEATED_BLOCK = 1;
const COMPRESSED_BLOCK = 2;

const RAW_LITERALS = 0;
const REPEATED_LITERALS = 1;
const TREELESS_LITERALS = 3;

/** The `length` bytes, one or more, that the frame in `bytes` stands for. Throws a ZstdError where it is no frame or stands for anything else. */
export function decodeZstd(bytes: Uint8Array, length: number): Buffer {
  if (bytes.length > INPUT_BYTES_MAX) throw new ZstdError(`a frame is longer than ${INPUT_BYTES_MAX} bytes`);
  const input = new Uint8Array(bytes.length + PADDING_BYTES);
  input.set(bytes);
  const header = readFrameHeader(input, bytes.length);
  if (header.contentLength !== null && header.contentLength !== length) {
    throw new ZstdError(`a frame stands for ${header.contentLength} bytes, not ${length}`);
  }
  const reach = measureBlocks(input, header.end, bytes.length - (header.hasChecksum ? CHECKSUM_BYTES : 0));
  if (reach < length) throw new ZstdError(`the blocks of a frame are ${reach} bytes at most, not ${length}`);
  const result = Buffer.allocUnsafeSlow(length);
  const frame = new FrameDecoder(input, result);
  for (let at = header.end, isLast = false; !isLast; ) {
    const block = blockAt(input, at);
    frame.decode(block);
    at = block.end;
    ({ isLast } = block);
  }
  if (frame.output.length !== length)
    throw new ZstdError(`a frame stands for ${frame.output.length} bytes, not ${length}`);
  return result;
}

interface FrameHeader {
  readonly end: number;
  /** Null where the frame does not say. */
  readonly contentLength: number | null;
  readonly hasChecksum: boolean;
}

function readFrameHeader(input: Uint8Array, end: number): FrameHeader {
  if (end <= MAGIC_BYTES || numberAt(input, 0, MAGIC_BYTES) !== MAGIC) throw new ZstdError('it is no frame');
  const descriptor = input[MAGIC_BYTES]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw new ZstdError('a frame uses something reserved');
  const lengthFlag = descriptor >> 6;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const lengthBytes = lengthFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << lengthFlag;
  const dictionaryAt = MAGIC_BYTES + 1 + (isSingleSegment ? 0 : 1);
  const lengthAt = dictionaryAt + dictionaryBytes;
  if (lengthAt + lengthBytes > end) throw new ZstdError('a frame is cut off');
  if (numberAt(input, dictionaryAt, dictionaryBytes) !== 0) throw new ZstdError('a frame needs a dictionary');
  const contentLength = numberAt(input, lengthAt, lengthBytes) + (lengthBytes === 2 ? 256 : 0);
  return {
    end: lengthAt + lengthBytes,
    contentLength: lengthBytes === 0 ? null : contentLength,
    hasChecksum: (descriptor & 0x04) !== 0,
  };
}

interface Block {
  readonly type: number;
  /** The length of what it holds; of what it stands for, where that is repeated. */
  readonly size: number;
  readonly start: number;
  readonly end: number;
  readonly isLast: boolean;
}

function blockAt(input: Uint8Array, at: number): Block {
  const header = numberAt(input, at, BLOCK_HEADER_BYTES);
  const type = (header >> 1) & 3;
  const size = header >> 3;
  const start = at + BLOCK_HEADER_BYTES;
  return { type, size, start, end: start + (type === REPEATED_BLOCK ? 1 : size), isLast: (header & 1) === 1 };
}

/** How many bytes the blocks from `start` stand for at most; they must end at `end`. */
function measureBlocks(input: Uint8Array, start: number, end: number): number {
  let reach = 0;
  for (let at = start, isLast = false; !isLast; ) {
    const block = blockAt(input, at);
    if (at + BLOCK_HEADER_BYTES > end || block.end > end) throw new ZstdError('a block is cut off');
    if (block.type > COMPRESSED_BLOCK) throw new ZstdError('a block is of a reserved type');
    if (block.size > BLOCK_BYTES_MAX) throw new ZstdError('a block is longer than it may be');
    reach += block.type === COMPRESSED_BLOCK ? BLOCK_BYTES_MAX : block.size;
    at = block.end;
    ({ isLast } = block);
    if (isLast && at !== end) throw new ZstdError('something follows the last block');
  }
  return reach;
}

/** What the blocks of one frame have in common. */
class FrameDecoder {
  readonly output: FrameOutput;
  private readonly input: Uint8Array;
  private readonly sequences = new SequenceState();
  private readonly literalsMax: number;
  private huffman: HuffmanTable | null = null;
  /** Of one block; taken when the first is decoded. */
  private literals: Uint8Array | null = null;

  constructor(input: Uint8Array, target: Uint8Array) {
    this.input = input;
    this.output = { bytes: target, length: 0 };
    this.literalsMax = Math.min(BLOCK_BYTES_MAX, target.length);
  }

  decode({ type, size, start, end }: Block): void {
    const { input, output } = this;
    if (type === COMPRESSED_BLOCK) {
      const outputMax = Math.min(output.bytes.length, output.length + BLOCK_BYTES_MAX);
      const section = this.readLiterals(start, end);
      runSequences(this.sequences, input, section.end, end, section.literals, output, outputMax);
      return;
    }
    if (output.length + size > output.bytes.length) throw new ZstdError('a frame stands for more than it says');
    if (type === RAW_BLOCK) output.bytes.set(input.subarray(start, end), output.length);
    else output.bytes.fill(input[start]!, output.length, output.length + size);
    output.length += size;
  }

  /** The literals of the block in the input from `start` to `end`, and where their section ends. */
  private readLiterals(start: number, end: number): { readonly literals: Uint8Array; readonly end: number } {
    const { input } = this;
    const type = input[start]! & 3;
    const format = (input[start]! >> 2) & 3;
    if (type === RAW_LITERALS || type === REPEATED_LITERALS) {
      const headerBytes = [1, 2, 1, 3][format]!;
      const size = numberAt(input, start, headerBytes) >> (headerBytes === 1 ? 3 : 4);
      const from = start + headerBytes;
      const sectionEnd = from + (type === RAW_LITERALS ? size : 1);
      this.checkLiterals(size, sectionEnd, end);
      if (type === RAW_LITERALS) return { literals: input.subarray(from, sectionEnd), end: sectionEnd };
      return { literals: this.room(size).fill(input[from]!), end: sectionEnd };
    }
    const headerBytes = [3, 3, 4, 5][format]!;
    const sizeBits = [10, 10, 14, 18][format]!;
    const sizes = Math.floor(numberAt(input, start, headerBytes) / 16);
    const size = sizes % 2 ** sizeBits;
    const sectionEnd = start + headerBytes + Math.floor(sizes / 2 ** sizeBits);
    this.checkLiterals(size, sectionEnd, end);
    const streams = this.readTree(type, start + headerBytes, sectionEnd);
    const literals = this.room(size);
    if (format === 0) readHuffmanStream(this.huffman!, input, streams, sectionEnd, literals, 0, size);
    else this.readFourStreams(streams, sectionEnd, literals);
    return { literals, end: sectionEnd };
  }

  /** Reads the Huffman code, where there is a new one; returns where the streams begin. */
  private readTree(type: number, start: number, end: number): number {
    if (type === TREELESS_LITERALS) {
      if (this.huffman === null) throw new ZstdError('a Huffman code is used again that was never there');
      return start;
    }
    const read = readHuffmanTable(this.input, start, end);
    this.huffman = read.table;
    return read.end;
  }

  private readFourStreams(start: number, end: number, literals: Uint8Array): void {
    const { input } = this;
    const quarter = (literals.length + 3) >> 2;
    let at = start + 6;
    if (at > end || 3 * quarter > literals.length) throw new ZstdError('the streams of literals are cut off');
    for (let stream = 0; stream < 4; stream += 1) {
      const streamEnd = stream === 3 ? end : at + numberAt(input, start + 2 * stream, 2);
      if (streamEnd > end) throw new ZstdError('the streams of literals are cut off');
      const to = stream === 3 ? literals.length : (stream + 1) * quarter;
      readHuffmanStream(this.huffman!, input, at, streamEnd, literals, stream * quarter, to);
      at = streamEnd;
    }
  }

  private checkLiterals(size: number, sectionEnd: number, end: number): void {
    if (size > this.literalsMax) throw new ZstdError('a block has more literals than it may');
    if (sectionEnd > end) throw new ZstdError('the literals are cut off');
  }

  private room(size: number): Uint8Array {
    this.literals ??= new Uint8Array(this.literalsMax);
    return this.literals.subarray(0, size);
  }
}

/** The little-endian number of `count` bytes at `at`; exact up to 6 of them. */
function numberAt(bytes: Uint8Array, at: number, count: number): number {
  let number = 0;
  for (let index = count - 1; index >= 0; index -= 1) number = number * 256 + bytes[at + index]!;
  return number;
}
