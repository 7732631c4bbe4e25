/**
 * The option words of SET and GETEX, and times to live as clients give them.
 *
 * The options of one command travel as one number, so parsing them costs no object: the low bits are the words seen,
 * the rest is the position of the argument that holds the time (`expiryPosition`).
 *
 * Times are 64-bit integers on the wire and doubles here. A point in time that fits 64 bits but not a double exactly
 * (after the year 287,396) is stored as 2^53 - 1 ms.
 */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger, NOT_INTEGER } from '../../protocol/numbers.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { bigIntegerArgument, integerArgument, saturatedArgument } from './arguments.ts';

/** The words, as bits. */
export const StringOption = {
  ifAbsent: 1,
  ifPresent: 2,
  get: 4,
  keepExpiry: 8,
  persist: 16,
  seconds: 32,
  milliseconds: 64,
  atSeconds: 128,
  atMilliseconds: 256,
} as const;

/** `parseStringOptions`: an unknown word, or words that exclude each other. */
export const BAD_OPTIONS = -1;
/** Any of the words that give an expiry. */
export const ANY_EXPIRY =
  StringOption.seconds | StringOption.milliseconds | StringOption.atSeconds | StringOption.atMilliseconds;

const OPTION_BITS = 511;
const POSITION_UNIT = 512;

/** The options from argument `first` on, as `SET` or `GETEX` takes them; BAD_OPTIONS for a syntax error. */
export function parseStringOptions(command: Command, first: number, form: 'set' | 'getex'): number {
  let options = 0;
  let position = 0;
  for (let index = first; index < command.count; index += 1) {
    const hasNext = index + 1 < command.count;
    const option = form === 'set' ? setOption(command, index, hasNext) : getexOption(command, index, hasNext);
    if (option === 0 || (options & excludedBy(option)) !== 0) return BAD_OPTIONS;
    options |= option;
    if ((option & ANY_EXPIRY) !== 0) {
      index += 1;
      position = index;
    }
  }
  return options + position * POSITION_UNIT;
}

/** Whether the word `option` was given. */
export function hasOption(options: number, option: number): boolean {
  return (options & OPTION_BITS & option) !== 0;
}

/** Where the expiry's argument stands; 0 where there is none. */
export function expiryPosition(options: number): number {
  return Math.floor(options / POSITION_UNIT);
}

/** The words that must not have come before `option`. An expiry may be given again in the same unit: the last one counts. */
function excludedBy(option: number): number {
  switch (option) {
    case StringOption.ifAbsent:
      return StringOption.ifPresent;
    case StringOption.ifPresent:
      return StringOption.ifAbsent;
    case StringOption.get:
      return 0;
    case StringOption.keepExpiry:
    case StringOption.persist:
      return ANY_EXPIRY;
    default:
      return (ANY_EXPIRY & ~option) | StringOption.keepExpiry | StringOption.persist;
  }
}

function setOption(command: Command, index: number, hasNext: boolean): number {
  if (command.is(index, 'NX')) return StringOption.ifAbsent;
  if (command.is(index, 'XX')) return StringOption.ifPresent;
  if (command.is(index, 'GET')) return StringOption.get;
  if (command.is(index, 'KEEPTTL')) return StringOption.keepExpiry;
  return hasNext ? expiryOption(command, index) : 0;
}

function getexOption(command: Command, index: number, hasNext: boolean): number {
  if (command.is(index, 'PERSIST')) return StringOption.persist;
  return hasNext ? expiryOption(command, index) : 0;
}

function expiryOption(command: Command, index: number): number {
  if (command.is(index, 'EX')) return StringOption.seconds;
  if (command.is(index, 'PX')) return StringOption.milliseconds;
  if (command.is(index, 'EXAT')) return StringOption.atSeconds;
  if (command.is(index, 'PXAT')) return StringOption.atMilliseconds;
  return 0;
}

/** `expiryOfOption`, `timeArgument`: the time is an integer, but Redis refuses it (`ERR invalid expire time in …`). */
export const INVALID_TIME = Number.NEGATIVE_INFINITY;

/**
 * The point in time that SET, SETEX, PSETEX or GETEX mean by argument `index`, in ms since 1970: at least 1. Or NOT_INTEGER, or
 * INVALID_TIME where it is not positive or does not fit. `option` tells unit and kind.
 */
export function expiryOfOption(context: KeyspaceContext, command: Command, index: number, option: number): number {
  const unitMs = (option & (StringOption.seconds | StringOption.atSeconds)) !== 0 ? 1000 : 1;
  const baseMs = (option & (StringOption.seconds | StringOption.milliseconds)) !== 0 ? context.nowMs : 0;
  if (saturatedArgument(command, index) <= 0) return INVALID_TIME;
  return timeArgument(command, index, unitMs, baseMs);
}

/**
 * `baseMs` plus argument `index` in units of `unitMs`, in ms since 1970, at most 2^53 - 1 and possibly negative; NOT_INTEGER;
 * or INVALID_TIME where the product or the sum does not fit 64 bits.
 */
export function timeArgument(command: Command, index: number, unitMs: 1 | 1000, baseMs: number): number {
  const value = integerArgument(command, index);
  if (isNotInteger(value)) return NOT_INTEGER;
  if (Math.abs(value * unitMs) <= EXACT_MS_MAX) return value * unitMs + baseMs;
  return longTime(bigIntegerArgument(command, index), BigInt(unitMs), BigInt(Math.floor(baseMs)));
}

/** `timeArgument` for values whose product or sum a double would not hold exactly. */
function longTime(value: bigint, unitMs: bigint, baseMs: bigint): number {
  if (unitMs !== 1n && (value > INT64_MAX / unitMs || value < INT64_MIN / unitMs)) return INVALID_TIME;
  const time = value * unitMs + baseMs;
  if (time > INT64_MAX) return INVALID_TIME;
  if (time > BigInt(TIME_MS_MAX)) return TIME_MS_MAX;
  return time < -BigInt(TIME_MS_MAX) ? -TIME_MS_MAX : Number(time);
}

/** The latest expiry that is kept. */
const TIME_MS_MAX = Number.MAX_SAFE_INTEGER;
/** Up to this, adding the present stays exact and below TIME_MS_MAX. */
const EXACT_MS_MAX = 2 ** 52;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
