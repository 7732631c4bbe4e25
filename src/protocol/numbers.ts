/**
 * Integers as bytes, in both directions, without strings. A text is an integer by Redis's rule (`string2ll`): digits
 * with at most a leading `-`, no `+`, no blanks, no leading zeros (so neither `-0` nor `007`), within 64 bits.
 *
 * Most integers on the wire are safe in a number, so that is the fast path; the rest of the 64-bit range is told
 * apart and read again as a bigint by the few commands that care.
 */

/**
 * `parseInteger`: not an integer of 64 bits. The one result that differs from itself: test it with {@link
 * isNotInteger}.
 */
export const NOT_INTEGER = Number.NaN;
/** `parseInteger`: a 64-bit integer beyond what a number holds exactly; `parseBigInteger` gives it. */
export const BEYOND_SAFE = Number.POSITIVE_INFINITY;
/** Most bytes of a 64-bit integer: sign and 19 digits. */
export const INTEGER_BYTES_MAX = 20;

/** Whether `parseInteger` found no integer. */
export function isNotInteger(result: number): boolean {
  return result !== result;
}

/** The integer in these bytes, {@link NOT_INTEGER} or {@link BEYOND_SAFE}. Never allocates. */
export function parseInteger(bytes: Uint8Array, start: number, length: number): number {
  if (length === 0 || length > INTEGER_BYTES_MAX) return NOT_INTEGER;
  const negative = bytes[start] === MINUS;
  const first = negative ? start + 1 : start;
  const end = start + length;
  const digitCount = end - first;
  if (digitCount === 0) return NOT_INTEGER;
  if (bytes[first] === ZERO) return length === 1 ? 0 : NOT_INTEGER;
  const exactEnd = digitCount > EXACT_DIGITS ? first + EXACT_DIGITS : end;
  let value = 0;
  for (let offset = first; offset < exactEnd; offset += 1) {
    const digit = bytes[offset]! - ZERO;
    if (digit < 0 || digit > 9) return NOT_INTEGER;
    value = value * 10 + digit;
  }
  if (exactEnd === end) return negative ? -value : value;
  return parseLong(bytes, first, end, value, negative);
}

/** The 64-bit integer in these bytes, or null. Allocates: for what `parseInteger` calls {@link BEYOND_SAFE}. */
export function parseBigInteger(bytes: Uint8Array, start: number, length: number): bigint | null {
  const value = parseInteger(bytes, start, length);
  if (isNotInteger(value)) return null;
  if (value !== BEYOND_SAFE) return BigInt(value);
  const negative = bytes[start] === MINUS;
  let big = 0n;
  for (let offset = negative ? start + 1 : start; offset < start + length; offset += 1) {
    big = big * 10n + BigInt(bytes[offset]! - ZERO);
  }
  return negative ? -big : big;
}

/** How many bytes `writeInteger` needs for a safe integer. */
export function integerLength(value: number): number {
  return value < 0 ? 1 + digitCountOf(-value) : digitCountOf(value);
}

/** Writes a safe integer as decimal digits and returns the offset after them. The caller made room. */
export function writeInteger(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  if (rest < 0) {
    bytes[at] = MINUS;
    at += 1;
    rest = -rest;
  }
  if (rest <= INT32_MAX) return writeSmall(bytes, at, rest);
  const high = Math.floor(rest / BILLION);
  let low = rest - high * BILLION;
  at = writeSmall(bytes, at, high);
  for (let place = at + 8; place >= at; place -= 1) {
    const quotient = (low / 10) | 0;
    bytes[place] = ZERO + (low - quotient * 10);
    low = quotient;
  }
  return at + 9;
}

/** 16 to 19 digits, of which the first 15 are `head` already: checks the rest and both limits. */
function parseLong(bytes: Uint8Array, first: number, end: number, head: number, negative: boolean): number {
  let tail = 0;
  let scale = 1;
  for (let offset = first + EXACT_DIGITS; offset < end; offset += 1) {
    const digit = bytes[offset]! - ZERO;
    if (digit < 0 || digit > 9) return NOT_INTEGER;
    tail = tail * 10 + digit;
    scale *= 10;
  }
  if (end - first > INT64_DIGITS) return NOT_INTEGER;
  if (end - first === INT64_DIGITS) {
    const tailMax = negative ? INT64_TAIL + 1 : INT64_TAIL;
    if (head > INT64_HEAD || (head === INT64_HEAD && tail > tailMax)) return NOT_INTEGER;
  }
  const value = head * scale + tail;
  if (value > Number.MAX_SAFE_INTEGER) return BEYOND_SAFE;
  return negative ? -value : value;
}

/** Writes 0 … 2^31 - 1, in integer arithmetic only. */
function writeSmall(bytes: Uint8Array, offset: number, value: number): number {
  if (value < 10) {
    bytes[offset] = ZERO + value;
    return offset + 1;
  }
  if (value < 100) {
    const tens = (value / 10) | 0;
    bytes[offset] = ZERO + tens;
    bytes[offset + 1] = ZERO + (value - tens * 10);
    return offset + 2;
  }
  const end = offset + digitCountOf(value);
  let rest = value | 0;
  let place = end;
  while (rest >= 10) {
    const quotient = (rest / 10) | 0;
    place -= 1;
    bytes[place] = ZERO + (rest - quotient * 10);
    rest = quotient;
  }
  bytes[place - 1] = ZERO + rest;
  return end;
}

function digitCountOf(value: number): number {
  if (value < 100_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    if (value < 10_000) return value < 1000 ? 3 : 4;
    return 5;
  }
  let count = 6;
  for (let limit = 1_000_000; value >= limit && count < DIGITS_MAX; limit *= 10) count += 1;
  return count;
}

const ZERO = 0x30;
const MINUS = 0x2d;
const INT32_MAX = 0x7fff_ffff;
const BILLION = 1_000_000_000;
/** Digits that always fit a number exactly. */
const EXACT_DIGITS = 15;
/** Digits of the largest safe integer. */
const DIGITS_MAX = 16;
/** 2^63 - 1 is 922337203685477 5807: its digits, the first 15 of them, and the rest. */
const INT64_DIGITS = 19;
const INT64_HEAD = 922_337_203_685_477;
const INT64_TAIL = 5807;
