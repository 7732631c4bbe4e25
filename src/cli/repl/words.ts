/**
 * Splits a line into the words of a command, as redis-cli does: words stand between blanks; double quotes keep blanks and know escapes
 * (`\n \r \t \a \b \\ \" \xHH`), single quotes keep everything but `\'`. Works on bytes, so that a value may be any.
 */

/** A line's words, or what is wrong with it, as a sentence. */
export type SplitLine =
  | { readonly words: readonly Uint8Array[]; readonly problem: null }
  | { readonly words: null; readonly problem: string };

export function splitLine(line: Uint8Array): SplitLine {
  const words: Uint8Array[] = [];
  // A word is never longer than the line it stands in.
  const word = new Uint8Array(line.length);
  let at = 0;
  for (;;) {
    while (isBlank(line[at])) at += 1;
    if (at >= line.length) return { words, problem: null };
    let length = 0;
    let quote = 0;
    for (;;) {
      const byte = line[at];
      if (byte === undefined) {
        if (quote !== 0)
          return { words: null, problem: `a ${quote === DOUBLE ? 'double' : 'single'} quote is not closed` };
        break;
      }
      if (quote === 0) {
        if (isBlank(byte)) break;
        if (byte === DOUBLE || byte === SINGLE) quote = byte;
        else word[length++] = byte;
        at += 1;
      } else if (byte === quote) {
        at += 1;
        if (at < line.length && !isBlank(line[at]))
          return { words: null, problem: 'a blank is missing behind a closing quote' };
        break;
      } else if (byte === BACKSLASH && at + 1 < line.length) {
        const escape = readEscape(line, at, quote);
        word[length++] = escape.byte;
        at += escape.length;
      } else {
        word[length++] = byte;
        at += 1;
      }
    }
    words.push(word.slice(0, length));
  }
}

/** `word` as it must be written to be one word: as it is, or in double quotes with escapes. */
export function quoteWord(word: string): string {
  return /^[^\s"'\\\p{C}]+$/u.test(word) ? word : `"${escapeText(word)}"`;
}

/** The escapes of a text inside double quotes. */
function escapeText(text: string): string {
  return text.replace(/["\\\p{C}]/gu, (character) => {
    const known = NAMED_ESCAPES[character];
    if (known !== undefined) return known;
    return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  });
}

/** The byte that an escape at `at` stands for, and how many bytes it takes. */
function readEscape(line: Uint8Array, at: number, quote: number): { readonly byte: number; readonly length: number } {
  const next = line[at + 1] ?? 0;
  if (quote === SINGLE) {
    return next === SINGLE ? { byte: SINGLE, length: 2 } : { byte: BACKSLASH, length: 1 };
  }
  if (next === LOWER_X) {
    const high = hexDigit(line[at + 2]);
    const low = hexDigit(line[at + 3]);
    if (high >= 0 && low >= 0) return { byte: high * 16 + low, length: 4 };
  }
  return { byte: ESCAPES.get(next) ?? next, length: 2 };
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? -1 : digit;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d) || byte === 0;
}

const DOUBLE = 0x22;
const SINGLE = 0x27;
const BACKSLASH = 0x5c;
const LOWER_X = 0x78;

/** From the letter behind a backslash to its byte. */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x61, 0x07],
]);

export const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\u0007': '\\a',
};
