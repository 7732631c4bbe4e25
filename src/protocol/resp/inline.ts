/**
 * An inline line to arguments, by Redis's rules (`sdssplitargs`): blanks separate; in "double quotes" `\n \r \t \b \a
 * \xHH` are escapes and a backslash before anything else stands for that; in 'single quotes' only `\'` is one; a
 * quote may begin inside a word, but what follows the closing quote must be a blank or the end.
 *
 * A line without quotes costs nothing: its arguments are views of it. One with quotes (people type those) is
 * unescaped into a buffer of the line's length, which lives as long as the command.
 */
import type { Command } from '../command.ts';

/** Splits `bytes[start..end)`, a line without its end, into `command`. False where quotes are unbalanced. */
export function splitInlineArguments(bytes: Uint8Array, start: number, end: number, command: Command): boolean {
  command.reset(bytes);
  let at = start;
  while (at < end) {
    while (at < end && isBlank(bytes[at]!)) at += 1;
    const wordStart = at;
    while (at < end && !endsWord(bytes[at]!)) {
      if (bytes[at] === DOUBLE_QUOTE || bytes[at] === SINGLE_QUOTE) return splitQuoted(bytes, start, end, command);
      at += 1;
    }
    if (at > wordStart) command.push(wordStart, at - wordStart);
  }
  return true;
}

function splitQuoted(bytes: Uint8Array, start: number, end: number, command: Command): boolean {
  const unescaped = Buffer.allocUnsafe(end - start);
  command.reset(unescaped);
  let length = 0;
  let at = start;
  for (;;) {
    while (at < end && isBlank(bytes[at]!)) at += 1;
    if (at >= end) return true;
    const wordStart = length;
    let quote = 0;
    for (;;) {
      const byte = at < end ? bytes[at]! : NONE;
      if (quote === 0) {
        if (byte === NONE || endsWord(byte)) break;
        at += 1;
        if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
          quote = byte;
          continue;
        }
        unescaped[length] = byte;
      } else if (byte === NONE) {
        return false;
      } else if (byte === quote) {
        at += 1;
        if (at < end && !isBlank(bytes[at]!)) return false;
        break;
      } else if (quote === SINGLE_QUOTE && byte === BACKSLASH && at + 1 < end && bytes[at + 1] === SINGLE_QUOTE) {
        unescaped[length] = SINGLE_QUOTE;
        at += 2;
      } else if (quote === DOUBLE_QUOTE && byte === BACKSLASH && at + 1 < end) {
        const high = at + 3 < end && bytes[at + 1] === LETTER_X ? hexDigit(bytes[at + 2]!) : NONE;
        const low = high === NONE ? NONE : hexDigit(bytes[at + 3]!);
        unescaped[length] = low === NONE ? unescape(bytes[at + 1]!) : high * 16 + low;
        at += low === NONE ? 2 : 4;
      } else {
        unescaped[length] = byte;
        at += 1;
      }
      length += 1;
    }
    command.push(wordStart, length - wordStart);
  }
}

/** C's `isspace`. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Vertical tab and form feed are blanks before a word but part of one inside it. */
function endsWord(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function unescape(byte: number): number {
  switch (byte) {
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    case 0x62:
      return 0x08;
    case 0x61:
      return 0x07;
    default:
      return byte;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const folded = byte | 0x20;
  return folded >= 0x61 && folded <= 0x66 ? folded - 0x61 + 10 : NONE;
}

const NONE = -1;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;
