/** Requests of the Shoal protocol as a node that a test plays reads them, and its replies: in the plainest way. */
import {
  AT_EPOCH,
  AT_FIELDS_BYTES,
  AT_KEY_LENGTH,
  AT_OPCODE,
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  AT_VERSION,
  HEADER_BYTES,
  Opcode,
  REPLY_MAGIC,
} from '../../src/protocol/shoal/frame.ts';

export interface WireRequest {
  readonly id: number;
  readonly opcode: number;
  /** Of the topology that the client knows. */
  readonly epoch: number;
  readonly key: string;
  readonly value: Buffer;
  /** Of a `call`. */
  readonly words: readonly string[];
}

export interface WireReply {
  readonly id: number;
  readonly status: number;
  readonly epoch: number;
  readonly value: Uint8Array;
}

/** The requests that `bytes` consist of, which must be whole. */
export function wireRequests(bytes: Buffer): WireRequest[] {
  const requests: WireRequest[] = [];
  for (let at = 0; at < bytes.length; ) {
    const keyStart = at + HEADER_BYTES + bytes.readUInt16LE(at + AT_FIELDS_BYTES);
    const valueStart = keyStart + bytes.readUInt16LE(at + AT_KEY_LENGTH);
    const end = valueStart + bytes.readUInt32LE(at + AT_VALUE_LENGTH);
    const opcode = bytes[at + AT_OPCODE]!;
    const value = Buffer.from(bytes.subarray(valueStart, end));
    requests.push({
      id: bytes.readUInt32LE(at + AT_REQUEST_ID),
      opcode,
      epoch: bytes.readUInt32LE(at + AT_EPOCH),
      key: bytes.toString('utf8', keyStart, valueStart),
      value,
      words: opcode === Opcode.call ? wordsOf(value) : [],
    });
    at = end;
  }
  return requests;
}

export function wireReply({ id, status, epoch, value }: WireReply): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + value.length);
  frame[0] = REPLY_MAGIC;
  frame[AT_VERSION] = 1;
  frame[AT_STATUS] = status;
  frame.writeUInt32LE(id, AT_REQUEST_ID);
  frame.writeUInt32LE(epoch, AT_EPOCH);
  frame.writeUInt32LE(value.length, AT_VALUE_LENGTH);
  frame.set(value, HEADER_BYTES);
  return frame;
}

function wordsOf(value: Buffer): string[] {
  const words: string[] = [];
  for (let at = 2; at < value.length; ) {
    const end = at + 4 + value.readUInt32LE(at);
    words.push(value.toString('utf8', at + 4, end));
    at = end;
  }
  return words;
}
