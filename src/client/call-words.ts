/** The words of a `call` as the value of its request. */
import { CALL_COUNT_BYTES, CALL_WORD_LENGTH_BYTES } from '../protocol/shoal/frame.ts';
import { invalid } from './call-options.ts';
import type { Key } from './request.ts';

/** Numbers travel as decimal text. Throws `InvalidArgument` where it is no list of words. */
export function encodeCall(words: readonly (Key | number)[]): Uint8Array {
  if (!Array.isArray(words) || words.length === 0 || words.length > COUNT_MAX) {
    throw invalid(`a call is a list of 1 to ${COUNT_MAX} words`);
  }
  const count = Buffer.allocUnsafe(CALL_COUNT_BYTES);
  count.writeUInt16LE(words.length);
  const parts: Uint8Array[] = [count];
  for (const word of words) {
    const bytes = wordBytes(word);
    const length = Buffer.allocUnsafe(CALL_WORD_LENGTH_BYTES);
    length.writeUInt32LE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

function wordBytes(word: unknown): Uint8Array {
  if (word instanceof Uint8Array) return word;
  if (typeof word === 'string') return Buffer.from(word, 'utf8');
  if (typeof word === 'number' && Number.isFinite(word)) return Buffer.from(String(word), 'latin1');
  throw invalid(`the words of a call are strings, bytes and numbers, not ${typeof word}`);
}

const COUNT_MAX = 0xffff;
