/**
 * What is wrong with a frame that could be read: a version or an opcode that is not known, flags, key, value or fields that its
 * opcode does not have. Such a request is answered with the fault and the connection goes on, because the frame's
 * length is known whatever it says.
 */
import {
  ACK_REPLICA_COUNT_MAX,
  ACK_WAIT_MS_MAX,
  AWAIT_SLOT_BYTES,
  COPY_AGE_BYTES,
  FIELD_BYTES,
  Flag,
  FLAGS_ALLOWED,
  INTEGER_BYTES,
  Opcode,
  OPCODE_COUNT,
  Status,
  TOPOLOGY_REQUEST_BYTES,
  TTL_MS_MAX,
  VERSION_MAX,
  VERSION_MIN,
} from './frame.ts';
import { KEY_ARGUMENT, type Operation, VALUE_ARGUMENT } from './operation.ts';

export interface FrameFault {
  readonly status: Status;
  /** For people. */
  readonly text: string;
}

/** The fault of `operation` on a connection that speaks `version`; null where it may run. Costs no object where there is none. */
export function frameFault(operation: Operation, version: number): FrameFault | null {
  const { opcode, flags } = operation;
  if (operation.version !== (opcode === Opcode.hello ? VERSION_MIN : version)) return UNSUPPORTED_VERSION;
  const shape = SHAPES[opcode];
  if (shape === undefined) return UNKNOWN_OPCODE;
  if ((flags & ~shape.flags) !== 0) return UNKNOWN_FLAGS;
  let fieldsBytes = 0;
  if ((flags & (Flag.ttl | Flag.version | Flag.ack)) !== 0) {
    if ((flags & Flag.ttl) !== 0) fieldsBytes += FIELD_BYTES;
    if ((flags & Flag.version) !== 0) fieldsBytes += FIELD_BYTES;
    if ((flags & Flag.ack) !== 0) fieldsBytes += FIELD_BYTES;
  }
  if (operation.fieldsBytes !== fieldsBytes) return WRONG_FIELDS;
  if (!shape.hasKey && operation.length(KEY_ARGUMENT) !== 0) return UNEXPECTED_KEY;
  const valueLength = operation.length(VALUE_ARGUMENT);
  if (valueLength < shape.valueBytesMin) return SHORT_VALUE;
  if (valueLength > shape.valueBytesMax) return UNEXPECTED_VALUE;
  if (flags === 0) return null;
  if ((flags & Flag.ttl) !== 0) {
    if (!(operation.ttlMs >= 1 && operation.ttlMs <= TTL_MS_MAX)) return TTL_OUT_OF_RANGE;
    if ((flags & Flag.keepTtl) !== 0) return TTL_AND_KEEP_TTL;
  }
  if ((flags & Flag.ack) !== 0) {
    const { ackWaitMs, ackReplicaCount } = operation;
    if (ackWaitMs < 1 || ackWaitMs > ACK_WAIT_MS_MAX) return ACK_WAIT_OUT_OF_RANGE;
    if (ackReplicaCount < 1 || ackReplicaCount > ACK_REPLICA_COUNT_MAX) return ACK_COUNT_OUT_OF_RANGE;
  }
  if ((flags & Flag.ifAbsent) !== 0 && (flags & (Flag.ifPresent | Flag.version)) !== 0) return CONDITIONS_EXCLUDE;
  return null;
}

interface Shape {
  readonly flags: number;
  readonly hasKey: boolean;
  readonly valueBytesMin: number;
  readonly valueBytesMax: number;
}

/** What the requests of each opcode look like, by opcode. */
const SHAPES: readonly (Shape | undefined)[] = shapes([
  [Opcode.hello, false, 1, Number.POSITIVE_INFINITY],
  [Opcode.ping, false, 0, Number.POSITIVE_INFINITY],
  [Opcode.get, true, 0, 0],
  [Opcode.set, true, 0, Number.POSITIVE_INFINITY],
  [Opcode.delete, true, 0, 0],
  [Opcode.exists, true, 0, 0],
  [Opcode.increment, true, INTEGER_BYTES, INTEGER_BYTES],
  [Opcode.touch, true, 0, 0],
  [Opcode.call, false, 1, Number.POSITIVE_INFINITY],
  [Opcode.topology, false, TOPOLOGY_REQUEST_BYTES, TOPOLOGY_REQUEST_BYTES],
  [Opcode.getCopy, true, COPY_AGE_BYTES, COPY_AGE_BYTES],
  [Opcode.forward, false, 1, Number.POSITIVE_INFINITY],
  [Opcode.moveItems, false, 1, Number.POSITIVE_INFINITY],
  [Opcode.replicate, false, 1, Number.POSITIVE_INFINITY],
  [Opcode.awaitReplicas, false, AWAIT_SLOT_BYTES, AWAIT_SLOT_BYTES],
  [Opcode.control, false, 1, Number.POSITIVE_INFINITY],
]);

function shapes(rows: readonly (readonly [Opcode, boolean, number, number])[]): readonly (Shape | undefined)[] {
  const byOpcode: (Shape | undefined)[] = Array.from({ length: OPCODE_COUNT }, () => undefined);
  for (const [opcode, hasKey, valueBytesMin, valueBytesMax] of rows) {
    byOpcode[opcode] = { flags: FLAGS_ALLOWED[opcode], hasKey, valueBytesMin, valueBytesMax };
  }
  return byOpcode;
}

const UNSUPPORTED_VERSION: FrameFault = {
  status: Status.unsupportedVersion,
  text: `this connection does not speak that version: hello is of version ${VERSION_MIN}, the rest of the version that it agreed on (this node has ${VERSION_MIN} to ${VERSION_MAX})`,
};
const UNKNOWN_OPCODE: FrameFault = { status: Status.unknownOpcode, text: 'no such opcode' };
const UNKNOWN_FLAGS = badRequest('flags that this opcode does not have');
const WRONG_FIELDS = badRequest('the bytes of the fields are not those that the flags bring');
const UNEXPECTED_KEY = badRequest('a key, where this opcode has none');
const UNEXPECTED_VALUE = badRequest('a value that is longer than this opcode has one');
const SHORT_VALUE = badRequest('a value that is shorter than this opcode needs');
const TTL_OUT_OF_RANGE = badRequest(`a time to live is 1 to ${TTL_MS_MAX} ms`);
const TTL_AND_KEEP_TTL = badRequest('a time to live and keepTtl exclude each other');
const ACK_WAIT_OUT_OF_RANGE = badRequest(`ack waits for 1 to ${ACK_WAIT_MS_MAX} ms`);
const ACK_COUNT_OUT_OF_RANGE = badRequest(`ack is for 1 to ${ACK_REPLICA_COUNT_MAX} replicas, and zeros behind them`);
const CONDITIONS_EXCLUDE = badRequest('ifAbsent excludes ifPresent and a version');

function badRequest(text: string): FrameFault {
  return { status: Status.badRequest, text };
}
