/** Frames of the Shoal protocol as coordinators and nodes use them among themselves: an opcode or status, an id, and a value. */
import { writeU32 } from '../protocol/shoal/bytes.ts';
import {
  AT_OPCODE,
  AT_REQUEST_ID,
  AT_VALUE_LENGTH,
  AT_VERSION,
  HEADER_BYTES,
  Opcode,
  REPLY_MAGIC,
  REQUEST_MAGIC,
  VERSION_MIN,
} from '../protocol/shoal/frame.ts';
import { encodeHello } from '../protocol/shoal/hello.ts';

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

/** The `hello` of a node or coordinator: the default user, with this password and name. */
export function helloFrame(requestId: number, password: string, name: string): Buffer {
  return requestFrame(Opcode.hello, requestId, encodeHello({ user: '', password, database: 0, name }));
}
