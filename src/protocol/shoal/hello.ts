/**
 * The value of a `hello`, which opens every connection and has the same shape in every version of the protocol.
 *
 *     u8 lowest version | u8 highest | u8 database | u8 zero | u8 length, user | u16 length, password | u8 length, name
 */
import { readU16 } from './bytes.ts';
import {
  HELLO_FIXED_BYTES,
  HELLO_NAME_LENGTH_BYTES,
  HELLO_PASSWORD_LENGTH_BYTES,
  HELLO_USER_LENGTH_BYTES,
  VERSION_MAX,
  VERSION_MIN,
} from './frame.ts';

/** Who says hello. The texts are copies. */
export interface HelloRequest {
  readonly versionMin: number;
  readonly versionMax: number;
  readonly database: number;
  readonly user: Uint8Array;
  readonly password: Uint8Array;
  readonly name: Uint8Array;
}

export interface Credentials {
  /** Empty: the default one. */
  readonly user: string;
  /** Empty: none is given. */
  readonly password: string;
  /** 0–15. */
  readonly database: number;
  /** What CLIENT LIST shows; empty: nothing. */
  readonly name: string;
}

/** The value of a `hello` from who has these credentials, which speaks every version that we know. */
export function encodeHello(credentials: Credentials): Uint8Array {
  const user = Buffer.from(credentials.user, 'utf8');
  const password = Buffer.from(credentials.password, 'utf8');
  const name = Buffer.from(credentials.name, 'utf8');
  const fixed = Buffer.from([VERSION_MIN, VERSION_MAX, credentials.database, 0]);
  const passwordLength = Buffer.from([password.length & 0xff, password.length >>> 8]);
  return Buffer.concat([
    fixed.subarray(0, HELLO_FIXED_BYTES),
    Buffer.of(user.length),
    user,
    passwordLength,
    password,
    Buffer.of(name.length),
    name,
  ]);
}

/** Reads `bytes[start..end)`, or returns what is wrong with it as text. */
export function readHello(bytes: Uint8Array, start: number, end: number): HelloRequest | string {
  if (end - start < HELLO_FIXED_BYTES + HELLO_USER_LENGTH_BYTES) return TRUNCATED;
  if (bytes[start + AT_ZERO] !== 0) return 'the fourth byte of hello is not 0';
  const userStart = start + HELLO_FIXED_BYTES + HELLO_USER_LENGTH_BYTES;
  const userEnd = userStart + bytes[userStart - HELLO_USER_LENGTH_BYTES]!;
  const passwordStart = userEnd + HELLO_PASSWORD_LENGTH_BYTES;
  if (passwordStart > end) return TRUNCATED;
  const passwordEnd = passwordStart + readU16(bytes, userEnd);
  const nameStart = passwordEnd + HELLO_NAME_LENGTH_BYTES;
  if (nameStart > end) return TRUNCATED;
  const nameEnd = nameStart + bytes[passwordEnd]!;
  if (nameEnd > end) return TRUNCATED;
  if (nameEnd < end) return 'bytes behind the name of hello';
  const versionMin = bytes[start]!;
  const versionMax = bytes[start + 1]!;
  if (versionMin > versionMax) return 'the lowest version of hello is above the highest';
  return {
    versionMin,
    versionMax,
    database: bytes[start + 2]!,
    user: copy(bytes, userStart, userEnd),
    password: copy(bytes, passwordStart, passwordEnd),
    name: copy(bytes, nameStart, nameEnd),
  };
}

/** `slice` would not do: that of a Buffer is a view. */
function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

const AT_ZERO = 3;
const TRUNCATED = 'hello ends before its parts do';
