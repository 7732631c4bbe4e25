/** Another answer in the place of a reply frame that was written already: to the same request, in the same version. */
import { copyBytes } from '../../base/bytes.ts';
import { readU16, writeInt64, writeU16, writeU32 } from './bytes.ts';
import {
  AT_FIELDS_BYTES,
  AT_FLAGS,
  AT_STATUS,
  AT_VALUE_LENGTH,
  FIELD_BYTES,
  Flag,
  HEADER_BYTES,
  Status,
} from './frame.ts';

/** `reply` with this value, and no fields. */
export function withValue(reply: Uint8Array, value: Uint8Array): Buffer {
  return changed(reply, reply[AT_STATUS]!, 0, value);
}

/** `reply` as `notReplicated`: `replicaCount` replicas have it, and a text for people. */
export function asNotReplicated(reply: Uint8Array, replicaCount: number, text: string): Buffer {
  const frame = changed(reply, Status.notReplicated, FIELD_BYTES, Buffer.from(text, 'utf8'));
  frame[AT_FLAGS] = Flag.ack;
  writeInt64(frame, HEADER_BYTES, replicaCount);
  return frame;
}

/** The first byte of the value; undefined where there is none. */
export function firstOfValue(reply: Uint8Array): number | undefined {
  return reply[HEADER_BYTES + readU16(reply, AT_FIELDS_BYTES)];
}

function changed(reply: Uint8Array, status: number, fieldsBytes: number, value: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + fieldsBytes + value.length);
  copyBytes(reply, 0, frame, 0, HEADER_BYTES);
  frame[AT_STATUS] = status;
  frame[AT_FLAGS] = 0;
  writeU16(frame, AT_FIELDS_BYTES, fieldsBytes);
  writeU32(frame, AT_VALUE_LENGTH, value.length);
  copyBytes(value, 0, frame, HEADER_BYTES + fieldsBytes, value.length);
  return frame;
}
