/** The client's side of the protocol against the vectors that the node's side is tested with. */
import { expect, test } from 'bun:test';
import { ReplyReader } from '../../src/client/reply-reader.ts';
import { Request } from '../../src/client/request.ts';
import { RequestWriter } from '../../src/client/request-writer.ts';
import { AT_VERSION, Flag, Opcode, Status } from '../../src/protocol/shoal/frame.ts';
import { CLIENT_OPCODES, SHOAL_STEPS, type VectorReplyParts, type VectorRequestParts } from './shoal-vectors.ts';

const LIMITS = { keyBytesMax: 0xffff, valueBytesMax: 64 * 1024 * 1024 };
function encode(parts: VectorRequestParts, version: number): string {
  const request = new Request(Opcode[parts.opcode], Buffer.from(parts.key, 'hex'), false, () => undefined);
  for (const flag of parts.flags) request.flags |= Flag[flag];
  request.ttlMs = Number(parts.ttlMs ?? 0);
  request.version = BigInt(parts.version ?? 0);
  if (parts.ack !== undefined) {
    request.ackReplicaCount = parts.ack.replicas;
    request.ackWaitMs = parts.ack.waitMs;
  }
  request.bytes = Buffer.from(parts.value, 'hex');
  const writer = new RequestWriter();
  writer.append(request, parts.requestId, version, LIMITS, parts.epoch);
  return writer.bytes.toString('hex', 0, writer.length);
}

function decode(bytes: Buffer): VectorReplyParts {
  const seen: VectorReplyParts[] = [];
  const reader = new ReplyReader(1 << 30, (requestId, reply) => {
    const status = Object.entries(Status).find(([, code]) => code === reply.status)?.[0] as VectorReplyParts['status'];
    seen.push({
      status,
      requestId,
      epoch: reply.epoch,
      ...(reply.ttlMs === null ? {} : { ttlMs: String(reply.ttlMs) }),
      ...(reply.version === null ? {} : { version: String(reply.version) }),
      ...(reply.replicaCount === null ? {} : { replicas: reply.replicaCount }),
      value: reply.bytes.toString('hex', reply.valueStart, reply.valueEnd),
    });
    return true;
  });
  expect(reader.read(bytes, bytes.length)).toBe(true);
  expect(seen).toHaveLength(1);
  return seen[0]!;
}

/** Those that it can send: its times are whole and safe numbers. */
const sendable = SHOAL_STEPS.filter(
  ({ requestParts }) => requestParts !== undefined && Number.isSafeInteger(Number(requestParts.ttlMs ?? 0)),
);

test('there are vectors of every operation', () => {
  const opcodes = new Set(sendable.map(({ requestParts }) => requestParts!.opcode));
  expect([...opcodes].toSorted()).toEqual(CLIENT_OPCODES.toSorted());
});

test.each(sendable.map(({ name, request, requestParts }) => [name, request, requestParts!] as const))(
  'request: %s',
  (_name, request, parts) => {
    expect(encode(parts, Buffer.from(request, 'hex')[AT_VERSION]!)).toBe(request);
  },
);

test.each(SHOAL_STEPS.map(({ name, reply, replyParts }) => [name, reply, replyParts] as const))(
  'reply: %s',
  (_name, reply, parts) => {
    expect(decode(Buffer.from(reply, 'hex'))).toEqual(parts);
  },
);
