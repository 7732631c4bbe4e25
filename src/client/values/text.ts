/** Text from and to UTF-8, without the silent loss that both directions have: lone surrogates one way, bytes that are no UTF-8 the other. */
import { isUtf8 } from 'node:buffer';

/** The text that `bytes` hold from `start` to `end`, or null where they are not UTF-8. */
export function readText(bytes: Buffer, start: number, end: number): string | null {
  const text = bytes.toString('utf8', start, end);
  // Bytes that are no UTF-8 become U+FFFD, which text may hold as well: only then is it worth to look again.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) return null;
  return text;
}

/** Whether `text` comes back as it is from UTF-8: whether it has no lone surrogate. */
export function isWellFormed(text: string): boolean {
  return (text as unknown as NewerString).isWellFormed();
}

/** Part of every runtime that the client runs on, but newer than the library that it is checked against. */
interface NewerString {
  isWellFormed(): boolean;
}

const REPLACEMENT = '\ufffd';
