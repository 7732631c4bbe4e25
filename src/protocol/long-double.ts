/**
 * INCRBYFLOAT's arithmetic. Redis computes with the x87 `long double`: 64 bits of significand, exponents to ±16,445,
 * one rounding (to nearest, ties to even) when the text is read, one when the numbers are added, and one when the
 * sum is printed with 17 decimals. JavaScript's doubles have 53 bits, and answer 3.1000000000000001 where Redis
 * answers 3.1. So these three steps are done here in exact integers, and every answer is Redis's to the last digit.
 *
 * A finite number is `negative ? - : +` significand × 2^exponent. Source: the C standard's `strtold` and
 * `printf("%.17Lf")` on x86-64.
 */
import { BEYOND_SAFE, isNotInteger, parseInteger } from './numbers.ts';

/** Why `addFloats` has no sum. */
export const FloatFault = {
  /** One of the texts is no number: `ERR value is not a valid float`. */
  notFloat: 1,
  /** The sum is infinite or undefined: `ERR increment would produce NaN or Infinity`. */
  notFinite: 2,
} as const;
export type FloatFault = (typeof FloatFault)[keyof typeof FloatFault];

/** Longest text that is taken for a number, in bytes: with it the work of one addition is bounded. */
export const FLOAT_BYTES_MAX = 5119;

/**
 * The sum of two numbers given as text, in Redis's human form: fixed notation, at most 17 decimals, no trailing
 * zeros. Allocates.
 */
export function addFloats(
  left: Uint8Array,
  leftStart: number,
  leftLength: number,
  right: Uint8Array,
  rightStart: number,
  rightLength: number,
): string | FloatFault {
  const leftInteger = parseInteger(left, leftStart, leftLength);
  const rightInteger = parseInteger(right, rightStart, rightLength);
  if (isSafe(leftInteger) && isSafe(rightInteger) && Number.isSafeInteger(leftInteger + rightInteger)) {
    return String(leftInteger + rightInteger);
  }
  const leftFloat = parseFloatText(left, leftStart, leftLength);
  const rightFloat = parseFloatText(right, rightStart, rightLength);
  if (leftFloat === null || rightFloat === null) return FloatFault.notFloat;
  if (leftFloat === INFINITE || rightFloat === INFINITE) return FloatFault.notFinite;
  const sum = add(leftFloat, rightFloat);
  return sum === null ? FloatFault.notFinite : format(sum);
}

interface LongDouble {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

/** Stands for either infinity: any sum with one is infinite or undefined, and both are refused alike. */
const INFINITE: LongDouble = { negative: false, significand: 0n, exponent: Number.POSITIVE_INFINITY };

const SIGNIFICAND_BITS = 64;
/** Exponent of the least subnormal's last bit. */
const EXPONENT_MIN = -16_445;
/** Exponent of the largest number's last bit. */
const EXPONENT_MAX = 16_320;
/** Decimal exponents beyond which the answer is known without computing with huge integers. */
const DECIMAL_EXPONENT_MAX = 5000;

const DECIMAL = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;
const HEXADECIMAL = /^([+-]?)0[xX](?:([\da-fA-F]+)(?:\.([\da-fA-F]*))?|\.([\da-fA-F]+))(?:[pP]([+-]?\d+))?$/;
const INFINITY = /^[+-]?inf(?:inity)?$/i;

/** As `strtold` reads it; null where Redis refuses it: blanks, nan, trailing bytes, out of range. */
function parseFloatText(bytes: Uint8Array, start: number, length: number): LongDouble | null {
  if (length === 0 || length > FLOAT_BYTES_MAX) return null;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('latin1');
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) return fromDecimal(decimal);
  const hexadecimal = HEXADECIMAL.exec(text);
  if (hexadecimal !== null) return fromHexadecimal(hexadecimal);
  return INFINITY.test(text) ? INFINITE : null;
}

function fromDecimal(match: RegExpExecArray): LongDouble | null {
  const fraction = match[3] ?? match[4] ?? '';
  const digits = ((match[2] ?? '') + fraction).replace(/^0+/, '');
  const negative = match[1] === '-';
  if (digits === '') return { negative, significand: 0n, exponent: 0 };
  const exponent = Number(match[5] ?? 0) - fraction.length;
  if (Math.abs(exponent + digits.length) > DECIMAL_EXPONENT_MAX) return null;
  const integer = BigInt(digits);
  return exponent >= 0
    ? round(negative, integer * 10n ** BigInt(exponent), 1n, 0)
    : round(negative, integer, 10n ** BigInt(-exponent), 0);
}

function fromHexadecimal(match: RegExpExecArray): LongDouble | null {
  const fraction = match[3] ?? match[4] ?? '';
  const negative = match[1] === '-';
  const integer = BigInt(`0x${(match[2] ?? '') + fraction}`);
  if (integer === 0n) return { negative, significand: 0n, exponent: 0 };
  return round(negative, integer, 1n, Number(match[5] ?? 0) - 4 * fraction.length);
}

/**
 * (numerator / denominator) × 2^exponent rounded to 64 bits; null where it becomes zero or infinite. `numerator` is
 * not 0.
 */
function round(negative: boolean, numerator: bigint, denominator: bigint, exponent: number): LongDouble | null {
  let shift = SIGNIFICAND_BITS - bitLength(numerator) + bitLength(denominator);
  if (quotientBits(numerator, denominator, shift) > SIGNIFICAND_BITS) shift -= 1;
  let lastBit = exponent - shift;
  if (lastBit < EXPONENT_MIN) {
    shift -= EXPONENT_MIN - lastBit;
    lastBit = EXPONENT_MIN;
    if (shift < -bitLength(numerator) - 1) return null;
  }
  if (lastBit > EXPONENT_MAX) return null;
  const scaled = shift >= 0 ? numerator << BigInt(shift) : numerator;
  const divisor = shift >= 0 ? denominator : denominator << BigInt(-shift);
  let significand = divideToEven(scaled, divisor);
  if (significand === 0n) return null;
  if (significand === 1n << BigInt(SIGNIFICAND_BITS)) {
    significand >>= 1n;
    lastBit += 1;
    if (lastBit > EXPONENT_MAX) return null;
  }
  return { negative, significand, exponent: lastBit };
}

/** The rounded sum; null where it is infinite. */
function add(left: LongDouble, right: LongDouble): LongDouble | null {
  const exponent = Math.min(left.exponent, right.exponent);
  const sum = aligned(left, exponent) + aligned(right, exponent);
  if (sum === 0n) return { negative: left.negative && right.negative, significand: 0n, exponent: 0 };
  return sum < 0n ? round(true, -sum, 1n, exponent) : round(false, sum, 1n, exponent);
}

function aligned(value: LongDouble, exponent: number): bigint {
  const integer = value.significand << BigInt(value.exponent - exponent);
  return value.negative ? -integer : integer;
}

/** As `printf("%.17Lf")` prints it, without trailing zeros and without a minus before zero. */
function format(value: LongDouble): string {
  const scale = 10n ** BigInt(DECIMALS);
  const scaled =
    value.exponent >= 0
      ? (value.significand << BigInt(value.exponent)) * scale
      : divideToEven(value.significand * scale, 1n << BigInt(-value.exponent));
  const digits = scaled.toString().padStart(DECIMALS + 1, '0');
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '');
  const integer = digits.slice(0, -DECIMALS);
  const text = fraction === '' ? integer : `${integer}.${fraction}`;
  return value.negative && text !== '0' ? `-${text}` : text;
}

const DECIMALS = 17;

function divideToEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const twiceRest = (dividend - quotient * divisor) * 2n;
  if (twiceRest > divisor || (twiceRest === divisor && (quotient & 1n) === 1n)) return quotient + 1n;
  return quotient;
}

function quotientBits(numerator: bigint, denominator: bigint, shift: number): number {
  return shift >= 0
    ? bitLength((numerator << BigInt(shift)) / denominator)
    : bitLength(numerator / (denominator << BigInt(-shift)));
}

function bitLength(value: bigint): number {
  const hexadecimal = value.toString(16);
  return (hexadecimal.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hexadecimal[0]!, 16)));
}

function isSafe(result: number): boolean {
  return !isNotInteger(result) && result !== BEYOND_SAFE;
}
