/**
 * Every error line that a command answers, in one place: the texts are Redis 7.2's, because clients and libraries match on
 * them. A line begins with its code (`ERR`, `OOM`, …); `Reply.error` adds the protocol's frame and turns CR and LF into spaces.
 */
export const ErrorText = {
  syntax: 'ERR syntax error',
  notAnInteger: 'ERR value is not an integer or out of range',
  notAFloat: 'ERR value is not a valid float',
  notAnIntegerInRange: 'ERR value is out of range, value must between -2147483648 and 2147483647',
  incrementOverflow: 'ERR increment or decrement would overflow',
  decrementOverflow: 'ERR decrement would overflow',
  floatOverflow: 'ERR increment would produce NaN or Infinity',
  offsetOutOfRange: 'ERR offset is out of range',
  valueTooLong: 'ERR string exceeds maximum allowed size (proto-max-bulk-len)',
  outOfMemory: "OOM command not allowed when used memory > 'maxmemory'.",
  noSuchKey: 'ERR no such key',
  sameObject: 'ERR source and destination objects are the same',
  badFirstDatabase: 'ERR invalid first DB index',
  badSecondDatabase: 'ERR invalid second DB index',
  databaseOutOfRange: 'ERR DB index is out of range',
  invalidCursor: 'ERR invalid cursor',
  expireNotExclusive: 'ERR NX and XX, GT or LT options at the same time are not compatible',
  expireGreaterAndLess: 'ERR GT and LT options at the same time are not compatible',
  idleTimeNotTracked:
    'ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
} as const;

/** Answers a count of arguments that the command's row cannot express (MSET's pairs). `name`: lower case, container first (`object|freq`). */
export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

/** An expiry that is not positive, or that does not fit 64 bits of milliseconds. */
export function invalidExpireTime(name: string): string {
  return `ERR invalid expire time in '${name}' command`;
}

/** EXPIRE's answer to an unknown word. */
export function unsupportedOption(option: string): string {
  return `ERR Unsupported option ${withoutTrailingLineEnds(option)}`;
}

/** Shoal's own: Redis takes keys of any length. */
export function keyTooLong(lengthBytes: number, limitBytes: number): string {
  return `${KEY_TOO_LONG} (${lengthBytes} bytes, limit ${limitBytes})`;
}

/** How every line of `keyTooLong` begins. */
export const KEY_TOO_LONG = 'ERR key is too long';

export const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';

function withoutTrailingLineEnds(text: string): string {
  return text.replace(/[\r\n]+$/, '');
}
