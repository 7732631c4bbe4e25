/** Frames of the Shoal protocol as coordinators and nodes use them among themselves: an opcode or status, an id, and a value. */
import { writeU32 } from '../protocol/shoal/bytes.ts';
import {
  AT_OPCODE,
  AT_REQUEST_ID,
  AT_VALUE_LENGTH,
  AT_VERSION,
  HEADER_BYTES,
  HELLO_FIXED_BYTES,
  HELLO_NAME_LENGTH_BYTES,
  HELLO_PASSWORD_LENGTH_BYTES,
  HELLO_USER_LENGTH_BYTES,
  REPLY_MAGIC,
  REQUEST_MAGIC,
  VERSION_MAX,
  VERSION_MIN,
} from '../protocol/shoal/frame.ts';

/** Header and value in one buffer. `code`: an opcode or a status. */
function frame(magic: number, code: number, requestId: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + value.length);
  bytes[0] = magic;
  bytes[AT_VERSION] = VERSION_MIN;
  bytes[AT_OPCODE] = code;
  writeU32(bytes, AT_REQUEST_ID, requestId);
  writeU32(bytes, AT_VALUE_LENGTH, value.length);
  bytes.set(value, HEADER_BYTES);
  return bytes;
}

export function requestFrame(opcode: number, requestId: number, value: Uint8Array): Buffer {
  return frame(REQUEST_MAGIC, opcode, requestId, value);
}

export function replyFrame(status: number, requestId: number, value: Uint8Array): Buffer {
  return frame(REPLY_MAGIC, status, requestId, value);
}

/** The value of a `hello` with this password and name, for the default user. */
export function helloValue(password: string, name: string): Buffer {
  const passwordBytes = Buffer.from(password, 'utf8');
  const nameBytes = Buffer.from(name, 'latin1');
  const passwordAt = HELLO_FIXED_BYTES + HELLO_USER_LENGTH_BYTES + HELLO_PASSWORD_LENGTH_BYTES;
  const nameAt = passwordAt + passwordBytes.length + HELLO_NAME_LENGTH_BYTES;
  const value = Buffer.alloc(nameAt + nameBytes.length);
  value[0] = VERSION_MIN;
  value[1] = VERSION_MAX;
  value.writeUInt16LE(passwordBytes.length, passwordAt - HELLO_PASSWORD_LENGTH_BYTES);
  passwordBytes.copy(value, passwordAt);
  value[nameAt - HELLO_NAME_LENGTH_BYTES] = nameBytes.length;
  nameBytes.copy(value, nameAt);
  return value;
}
