/**
 * Redis's glob patterns over bytes, for KEYS, SCAN, PSUBSCRIBE and CONFIG GET:
 *
 *     *        any bytes, also none
 *     ?        one byte
 *     [abc]    one of these bytes; [a-z] a range (its ends in either order); [^a] one that is not listed
 *     \x       the byte x itself, also inside brackets
 *
 * Corners are as in Redis 7: an unclosed bracket ends with the pattern, a backslash at the end stands for itself, range
 * ends compare as signed bytes (as Redis built for x86 does), and the empty text matches
 * only the empty pattern, so callers that want `*` to match an empty key test for it first.
 *
 * Cost: on a mismatch only the last star is tried at the next byte. An earlier star cannot help, because all that follows
 * the last star fits somewhere after wherever the earlier one put it, or nowhere. So the work is at most
 * pattern length × text length, and a pattern full of stars is not an attack.
 */

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const BRACKET_OPEN = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_CLOSE = 0x5d;
const CARET = 0x5e;
const HYPHEN = 0x2d;

/** `matchOne`'s answer where the byte does not fit. */
const MISMATCH = -1;

/** Whether all of the text fits the pattern. */
export function globMatches(
  pattern: Uint8Array,
  patternStart: number,
  patternLength: number,
  text: Uint8Array,
  textStart: number,
  textLength: number,
): boolean {
  if (textLength === 0) return patternLength === 0;
  const patternEnd = patternStart + patternLength;
  const textEnd = textStart + textLength;
  let at = patternStart;
  let offset = textStart;
  let afterStar = MISMATCH;
  let starOffset = 0;
  while (offset < textEnd) {
    if (at < patternEnd && pattern[at] === STAR) {
      at = skipStars(pattern, at, patternEnd);
      if (at === patternEnd) return true;
      afterStar = at;
      starOffset = offset;
      continue;
    }
    const next = at < patternEnd ? matchOne(pattern, at, patternEnd, text[offset]!) : MISMATCH;
    if (next !== MISMATCH) {
      at = next;
      offset += 1;
      continue;
    }
    if (afterStar === MISMATCH) return false;
    starOffset += 1;
    offset = starOffset;
    at = afterStar;
  }
  return skipStars(pattern, at, patternEnd) === patternEnd;
}

/** Whether the pattern is a lone `*`, which matches every text, the empty one too. */
export function isMatchAll(pattern: Uint8Array, start: number, length: number): boolean {
  return length === 1 && pattern[start] === STAR;
}

function skipStars(pattern: Uint8Array, at: number, end: number): number {
  let after = at;
  while (after < end && pattern[after] === STAR) after += 1;
  return after;
}

/** Where the pattern goes on after the element at `at` took `byte`, or MISMATCH. The element is not a star. */
function matchOne(pattern: Uint8Array, at: number, end: number, byte: number): number {
  const element = pattern[at]!;
  if (element === QUESTION_MARK) return at + 1;
  if (element === BRACKET_OPEN) return matchBracket(pattern, at + 1, end, byte);
  if (element === BACKSLASH && at + 1 < end) return pattern[at + 1] === byte ? at + 2 : MISMATCH;
  return element === byte ? at + 1 : MISMATCH;
}

/** As `matchOne`, for the bracket whose first inner byte is at `first`. */
function matchBracket(pattern: Uint8Array, first: number, end: number, byte: number): number {
  const negated = first < end && pattern[first] === CARET;
  let at = negated ? first + 1 : first;
  let listed = false;
  while (at < end && pattern[at] !== BRACKET_CLOSE) {
    if (pattern[at] === BACKSLASH && at + 1 < end) {
      if (pattern[at + 1] === byte) listed = true;
      at += 2;
    } else if (at + 2 < end && pattern[at + 1] === HYPHEN) {
      if (isInRange(pattern[at]!, pattern[at + 2]!, byte)) listed = true;
      at += 3;
    } else {
      if (pattern[at] === byte) listed = true;
      at += 1;
    }
  }
  if (listed === negated) return MISMATCH;
  return at < end ? at + 1 : end;
}

function isInRange(left: number, right: number, byte: number): boolean {
  const first = signed(left);
  const last = signed(right);
  const value = signed(byte);
  return first <= last ? value >= first && value <= last : value >= last && value <= first;
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}
