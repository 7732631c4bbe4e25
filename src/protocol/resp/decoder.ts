/**
 * Bytes of a RESP connection to commands: the multibulk form that clients send (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`)
 * and inline lines (`GET k\r\n`). One decoder per connection; it does no I/O, holds no bytes, and is a few numbers
 * large.
 *
 * A frame that is whole in the buffer is read in one pass, with no allocation; its arguments are views of the
 * receive buffer. A frame that is not yet whole is only measured: the decoder remembers how far it came, counted
 * from the frame's start (so the caller may move the bytes to another buffer), and goes on from there; when the last
 * byte is in, one pass from the start fills the command. So each byte is looked at a bounded number of times,
 * however the network cuts it.
 *
 *     *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $500000\r\n xxxxxxxxx...
 *     |frame start                                 |position   argumentsLeft 1, bulkLength 500000
 *
 * Behaviour and error texts are those of Redis 7.2 (`processMultibulkBuffer`, `processInlineBuffer`), its quirks
 * included: a header line ends at CR and the byte after it is not looked at, nor are the two after a bulk; a NUL
 * byte before the end of a line hides the rest, so such a line runs into its length limit. One thing is stricter
 * than there: a line's limit holds wherever the network cuts the line.
 *
 * Nothing that a peer sends makes it throw, and nothing is allocated by a length that a peer states. bench/suite.ts
 * (pipelined GET) guards the one-pass path.
 */
import type { Command } from '../command.ts';
import { isNotInteger, parseInteger } from '../numbers.ts';
import { splitInlineArguments } from './inline.ts';
import { ASTERISK, DOLLAR, MINUS } from './type-bytes.ts';

/** `decode`: the frame is not whole; call again with the same start once more bytes are there. */
export const NEED_MORE = 0;
/** `decode`: the peer broke the protocol; `error` is what to answer before closing. */
export const PROTOCOL_ERROR = -1;

export interface RespDecoderLimits {
  /** Most arguments of one command. */
  readonly argumentCountMax: number;
  /** Longest argument in bytes. */
  readonly bulkBytesMax: number;
  /** Longest inline line and longest header line, in bytes without their end. */
  readonly inlineBytesMax: number;
}

/** What a peer that must still authenticate may send, as in Redis. */
export const UNAUTHENTICATED_ARGUMENT_COUNT_MAX = 10;
export const UNAUTHENTICATED_BULK_BYTES_MAX = 16_384;

export class RespDecoder {
  /**
   * False while the peer must still give a password: then tighter limits hold. The session keeps it true to the
   * facts.
   */
  authenticated = true;
  /**
   * After PROTOCOL_ERROR: the reply's text without `-`. A byte above 0x7f stands in it as U+DC00 + byte (see
   * `RespWriter.error`).
   */
  error = '';
  /**
   * After NEED_MORE: at least this many bytes of the frame are missing. A hint for skipping calls, not a size to
   * allocate.
   */
  bytesWanted = 1;

  private readonly limits: RespDecoderLimits;
  private phase: Phase = Phase.frameStart;
  /** Where to go on, relative to the frame's start: a line not whole yet, or the bulk whose length is known. */
  private position = 0;
  /** How many bytes of the line at `position` are known to hold no line end. */
  private scanned = 0;
  private argumentsLeft = 0;
  /** Length of the bulk at `position`, or -1 while its header is to be read. */
  private bulkLength = -1;

  constructor(limits: RespDecoderLimits) {
    this.limits = limits;
  }

  /**
   * Reads one frame from `bytes[start..end)` into `command`. Returns the bytes it took (> 0; `command.count` is 0
   * for a frame without arguments, which gets no reply), NEED_MORE, or PROTOCOL_ERROR, in which the decoder then
   * stays. `command` is valid until the next call of any decoder that fills it; it is unspecified unless the result
   * is > 0.
   */
  decode(bytes: Uint8Array, start: number, end: number, command: Command): number {
    if (this.phase === Phase.frameStart) {
      if (start >= end) {
        this.bytesWanted = 1;
        return NEED_MORE;
      }
      if (bytes[start] === ASTERISK) return this.decodeMultibulk(bytes, start, end, command);
      this.beginLine(Phase.inline, 0);
      return this.decodeInline(bytes, start, end, command);
    }
    return this.resume(bytes, start, end, command);
  }

  /** As `decode`, between two frames, for one that may be read again: 0 where it is not whole or is broken, and the decoder is then as before. */
  decodeWhole(bytes: Uint8Array, start: number, end: number, command: Command): number {
    const taken = this.decode(bytes, start, end, command);
    return taken > 0 ? taken : this.finish(0);
  }

  /** Goes on with a frame that an earlier call found not whole. */
  private resume(bytes: Uint8Array, start: number, end: number, command: Command): number {
    if (this.phase === Phase.failed) return PROTOCOL_ERROR;
    if (this.phase === Phase.inline) return this.decodeInline(bytes, start, end, command);
    if (this.phase === Phase.count) return this.decodeMultibulk(bytes, start, end, command);
    if (this.bulkLength >= 0) {
      const missing = start + this.position + this.bulkLength + 2 - end;
      if (missing > 0) {
        this.bytesWanted = missing;
        return NEED_MORE;
      }
    }
    command.reset(bytes);
    const measured = this.readArguments(bytes, start, start + this.position, end, command);
    if (measured <= 0) return measured;
    // The whole frame is here: this pass from its start finds no surprise and fills the command. What the
    // peer was allowed while the frame was measured, it stays allowed.
    const authenticated = this.authenticated;
    this.authenticated = true;
    const taken = this.decode(bytes, start, end, command);
    this.authenticated = authenticated;
    return taken;
  }

  private decodeMultibulk(bytes: Uint8Array, start: number, end: number, command: Command): number {
    const argumentsAt = this.readCount(bytes, start, end);
    if (argumentsAt <= 0) return argumentsAt;
    command.reset(bytes);
    return this.readArguments(bytes, start, argumentsAt, end, command);
  }

  /** Reads `*<count>`: sets `argumentsLeft` and returns the offset after the line, NEED_MORE or PROTOCOL_ERROR. */
  private readCount(bytes: Uint8Array, start: number, end: number): number {
    // One digit, by far the most frequent, needs no search for the line's end.
    const digit = end - start >= 4 && bytes[start + 2] === CR ? bytes[start + 1]! - ZERO : -1;
    if (digit >= 0 && digit <= 9 && digit <= this.limits.argumentCountMax) {
      this.argumentsLeft = digit;
      return start + 4;
    }
    if (this.phase !== Phase.count) this.beginLine(Phase.count, 0);
    const length = this.measureLine(bytes, start, end, CR);
    if (length === UNFINISHED) return NEED_MORE;
    if (length === TOO_LONG) return this.fail('too big mbulk count string');
    const count = parseInteger(bytes, start + 1, length - 1);
    // Below zero any 64-bit integer means "no arguments".
    const negative = bytes[start + 1] === MINUS && !isNotInteger(count);
    // What is no integer compares false to everything, and so is refused here.
    if (!negative && !(count <= this.limits.argumentCountMax)) return this.fail('invalid multibulk length');
    if (!negative && count > UNAUTHENTICATED_ARGUMENT_COUNT_MAX && !this.authenticated) {
      return this.fail('unauthenticated multibulk length');
    }
    this.argumentsLeft = negative ? 0 : count;
    return start + length + 2;
  }

  /** Reads the arguments that are left, the first at `at`, and appends them to `command`. */
  private readArguments(bytes: Uint8Array, start: number, at: number, end: number, command: Command): number {
    const bulkBytesMax = this.authenticated ? this.limits.bulkBytesMax : -1;
    let left = this.argumentsLeft;
    let next = at;
    let length = this.bulkLength;
    while (left > 0) {
      if (length < 0) {
        // `$` and up to eight digits without a leading zero, then CR and one more byte: anything else goes the long way.
        let cursor = next + 1;
        let digit = cursor < end && bytes[next] === DOLLAR ? bytes[cursor]! - ZERO : -1;
        if (digit > 0 && digit <= 9) {
          length = 0;
          do {
            length = length * 10 + digit;
            cursor += 1;
            digit = cursor < end ? bytes[cursor]! - ZERO : -1;
          } while (digit >= 0 && digit <= 9 && length < 10_000_000);
        } else if (digit === 0) {
          length = 0;
          cursor += 1;
        }
        if (length >= 0 && length <= bulkBytesMax && cursor + 1 < end && bytes[cursor] === CR) {
          next = cursor + 2;
        } else {
          this.argumentsLeft = left;
          this.bulkLength = -1;
          const result = this.readBulkHeader(bytes, start, next, end);
          if (result <= 0) return result;
          length = this.bulkLength;
          next = result;
        }
      }
      const after = next + length + 2;
      if (after > end) {
        this.phase = Phase.arguments;
        this.position = next - start;
        this.scanned = 0;
        this.argumentsLeft = left;
        this.bulkLength = length;
        this.bytesWanted = after - end;
        return NEED_MORE;
      }
      command.push(next, length);
      next = after;
      length = -1;
      left -= 1;
    }
    return this.finish(next - start);
  }

  /** Reads one `$<length>` at `at`, with all checks: sets `bulkLength` and returns the offset after the line. */
  private readBulkHeader(bytes: Uint8Array, start: number, at: number, end: number): number {
    if (this.phase !== Phase.arguments || this.position !== at - start) this.beginLine(Phase.arguments, at - start);
    const lineLength = this.measureLine(bytes, start, end, CR);
    if (lineLength === UNFINISHED) return NEED_MORE;
    if (lineLength === TOO_LONG) return this.fail('too big bulk count string');
    if (bytes[at] !== DOLLAR) return this.fail(`expected '$', got '${errorCharacter(bytes[at]!)}'`);
    const length = parseInteger(bytes, at + 1, lineLength - 1);
    if (!(length >= 0 && length <= this.limits.bulkBytesMax)) return this.fail('invalid bulk length');
    if (length > UNAUTHENTICATED_BULK_BYTES_MAX && !this.authenticated) return this.fail('unauthenticated bulk length');
    this.bulkLength = length;
    return at + lineLength + 2;
  }

  private decodeInline(bytes: Uint8Array, start: number, end: number, command: Command): number {
    const length = this.measureLine(bytes, start, end, LF);
    if (length === UNFINISHED) return NEED_MORE;
    if (length === TOO_LONG) return this.fail('too big inline request');
    const endsInCr = length > 0 && bytes[start + length - 1] === CR;
    if (!splitInlineArguments(bytes, start, start + length - (endsInCr ? 1 : 0), command)) {
      return this.fail('unbalanced quotes in request');
    }
    return this.finish(length + 1);
  }

  /**
   * Bytes of the line at `position` before `terminator`, or UNFINISHED, or TOO_LONG. A CR counts once the byte after
   * it is there. What was searched is not searched again when more bytes have come.
   */
  private measureLine(bytes: Uint8Array, start: number, end: number, terminator: number): number {
    const lineStart = start + this.position;
    const lengthMax = this.limits.inlineBytesMax;
    const scanEnd = Math.min(end, lineStart + lengthMax + 1);
    let at = lineStart + this.scanned;
    let byte = NUL;
    while (at < scanEnd) {
      byte = bytes[at]!;
      if (byte === terminator || byte === NUL) break;
      at += 1;
    }
    const found = at < scanEnd && byte === terminator;
    if (found && (terminator === LF || at + 1 < end)) return at - lineStart;
    this.scanned = at - lineStart;
    this.bytesWanted = 1;
    return !found && end - lineStart > lengthMax ? TOO_LONG : UNFINISHED;
  }

  private beginLine(phase: Phase, position: number): void {
    this.phase = phase;
    this.position = position;
    this.scanned = 0;
    this.bulkLength = -1;
  }

  private finish(taken: number): number {
    this.phase = Phase.frameStart;
    this.bulkLength = -1;
    return taken;
  }

  private fail(reason: string): number {
    this.phase = Phase.failed;
    this.error = `ERR Protocol error: ${reason}`;
    return PROTOCOL_ERROR;
  }
}

/**
 * A byte as it stands in an error text: ASCII as itself, others in the escape that RespWriter.error turns back into
 * the byte.
 */
function errorCharacter(byte: number): string {
  if (byte === CR || byte === LF) return ' ';
  return String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
}

const Phase = { frameStart: 0, inline: 1, count: 2, arguments: 3, failed: 4 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

const UNFINISHED = -1;
const TOO_LONG = -2;

const NUL = 0;
const LF = 0x0a;
const CR = 0x0d;
const ZERO = 0x30;
