/**
 * Frames of the Shoal protocol for tests, built and read in the plainest way, apart from the product's own code: only the numbers
 * of the layout are shared.
 */
import {
  AT_EPOCH,
  AT_FIELDS_BYTES,
  AT_FLAGS,
  AT_KEY_LENGTH,
  AT_MAGIC,
  AT_OPCODE,
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  AT_VERSION,
  Flag,
  HEADER_BYTES,
  Opcode,
  REPLY_MAGIC,
  REQUEST_MAGIC,
  Status,
} from '../../src/protocol/shoal/frame.ts';

export type OpcodeName = keyof typeof Opcode;
export type StatusName = keyof typeof Status;
export type FlagName = keyof typeof Flag;

export interface RequestFields {
  readonly opcode: OpcodeName;
  readonly requestId?: number;
  readonly epoch?: number;
  /** Those of the fields below included. */
  readonly flags?: readonly FlagName[];
  readonly ttlMs?: number | bigint;
  readonly version?: bigint;
  readonly ack?: AckFields;
  readonly key?: string | Uint8Array;
  readonly value?: string | Uint8Array;
}

export interface AckFields {
  readonly replicas: number;
  readonly waitMs: number;
}

export interface ReplyFields {
  readonly status: StatusName;
  readonly requestId: number;
  readonly epoch: number;
  readonly ttlMs: number | null;
  readonly version: bigint | null;
  readonly replicas: number | null;
  readonly value: Buffer;
}

export function encodeFrame(request: RequestFields): Buffer {
  const key = Buffer.from(request.key ?? '');
  const value = Buffer.from(request.value ?? '');
  const fields: Buffer[] = [];
  let flags = 0;
  for (const flag of request.flags ?? []) flags |= Flag[flag];
  if (request.ttlMs !== undefined) {
    flags |= Flag.ttl;
    fields.push(u64(BigInt(request.ttlMs)));
  }
  if (request.version !== undefined) {
    flags |= Flag.version;
    fields.push(u64(request.version));
  }
  if (request.ack !== undefined) {
    flags |= Flag.ack;
    fields.push(u64((BigInt(request.ack.replicas) << 32n) | BigInt(request.ack.waitMs)));
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header[AT_MAGIC] = REQUEST_MAGIC;
  header[AT_VERSION] = 1;
  header[AT_OPCODE] = Opcode[request.opcode];
  header[AT_FLAGS] = flags;
  header.writeUInt32LE(request.requestId ?? 0, AT_REQUEST_ID);
  header.writeUInt32LE(request.epoch ?? 0, AT_EPOCH);
  header.writeUInt16LE(key.length, AT_KEY_LENGTH);
  header.writeUInt16LE(fields.length * 8, AT_FIELDS_BYTES);
  header.writeUInt32LE(value.length, AT_VALUE_LENGTH);
  return Buffer.concat([header, ...fields, key, value]);
}

/** The replies that `bytes` consist of. Throws where they do not. */
export function decodeReplies(bytes: Buffer): ReplyFields[] {
  const replies: ReplyFields[] = [];
  let at = 0;
  while (at < bytes.length) {
    const header = bytes.subarray(at, at + HEADER_BYTES);
    if (header.length < HEADER_BYTES) throw new Error('a reply is cut in its header');
    if (header[AT_MAGIC] !== REPLY_MAGIC) throw new Error(`no reply: ${bytes.toString('latin1', at, at + 80)}`);
    if (header[AT_VERSION] !== 1) throw new Error(`a reply of version ${header[AT_VERSION]}`);
    if (header.readUInt16LE(AT_KEY_LENGTH) !== 0) throw new Error('a reply with a key');
    const status = (Object.keys(Status) as StatusName[]).find((name) => Status[name] === header[AT_STATUS]);
    if (status === undefined) throw new Error(`an unknown status ${header[AT_STATUS]}`);
    const flags = header[AT_FLAGS]!;
    let fieldAt = at + HEADER_BYTES;
    const valueAt = fieldAt + header.readUInt16LE(AT_FIELDS_BYTES);
    const end = valueAt + header.readUInt32LE(AT_VALUE_LENGTH);
    if (end > bytes.length) throw new Error('a reply is cut');
    let ttlMs: number | null = null;
    let version: bigint | null = null;
    let replicas: number | null = null;
    if ((flags & Flag.ttl) !== 0) {
      ttlMs = Number(bytes.readBigUInt64LE(fieldAt));
      fieldAt += 8;
    }
    if ((flags & Flag.version) !== 0) {
      version = bytes.readBigUInt64LE(fieldAt);
      fieldAt += 8;
    }
    if ((flags & Flag.ack) !== 0) {
      replicas = Number(bytes.readBigUInt64LE(fieldAt));
      fieldAt += 8;
    }
    if (fieldAt !== valueAt) throw new Error('fields that the flags do not tell');
    const requestId = header.readUInt32LE(AT_REQUEST_ID);
    const epoch = header.readUInt32LE(AT_EPOCH);
    const value = Buffer.from(bytes.subarray(valueAt, end));
    replies.push({ status, requestId, epoch, ttlMs, version, replicas, value });
    at = end;
  }
  return replies;
}

export interface HelloFields {
  readonly versions?: readonly [number, number];
  readonly database?: number;
  readonly user?: string;
  readonly password?: string;
  readonly name?: string;
}

export function encodeHello(hello: HelloFields = {}, requestId = 0): Buffer {
  const user = Buffer.from(hello.user ?? '');
  const password = Buffer.from(hello.password ?? '');
  const name = Buffer.from(hello.name ?? '');
  const [lowest, highest] = hello.versions ?? [1, 1];
  const value = Buffer.concat([
    Buffer.of(lowest, highest, hello.database ?? 0, 0, user.length),
    user,
    Buffer.of(password.length & 0xff, password.length >>> 8),
    password,
    Buffer.of(name.length),
    name,
  ]);
  return encodeFrame({ opcode: 'hello', requestId, value });
}

/** The value of a `call`. */
export function callWords(words: readonly (string | Uint8Array)[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16LE(words.length);
  const parts: Buffer[] = [count];
  for (const word of words) {
    const bytes = Buffer.from(word as string);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** The value of an `increment`. */
export function int64(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
