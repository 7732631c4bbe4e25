/**
 * The words of a `call`, which its value holds: a count, then each word behind its length.
 *
 *     u16 count | u32 length, word | u32 length, word | …
 */
import type { Command } from '../command.ts';
import { readU16, readU32 } from './bytes.ts';
import { CALL_COUNT_BYTES, CALL_WORD_LENGTH_BYTES } from './frame.ts';
import { type Operation, VALUE_ARGUMENT } from './operation.ts';

/** Makes the words of `operation` the arguments of `command`, as views of its bytes. Returns what is wrong with them, or null. */
export function readCallWords(operation: Operation, countMax: number, command: Command): string | null {
  const { bytes } = operation;
  const start = operation.start(VALUE_ARGUMENT);
  const end = start + operation.length(VALUE_ARGUMENT);
  command.reset(bytes);
  if (end - start < CALL_COUNT_BYTES) return TRUNCATED;
  return readWords(bytes, start + CALL_COUNT_BYTES, end, readU16(bytes, start), countMax, command);
}

/** Makes the `count` words that stand in `bytes[start..end)`, each behind its length, the arguments of `command`. Returns what is wrong with them, or null. */
export function readWords(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  countMax: number,
  command: Command,
): string | null {
  command.reset(bytes);
  if (count === 0) return 'a call of no words';
  if (count > countMax) return `a call of ${count} words, where ${countMax} are allowed`;
  let at = start;
  for (let index = 0; index < count; index += 1) {
    if (end - at < CALL_WORD_LENGTH_BYTES) return TRUNCATED;
    const length = readU32(bytes, at);
    at += CALL_WORD_LENGTH_BYTES;
    if (end - at < length) return TRUNCATED;
    command.push(at, length);
    at += length;
  }
  return at === end ? null : 'bytes behind the last word of a call';
}

const TRUNCATED = 'a call whose words end before its value says';
