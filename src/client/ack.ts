/**
 * Waiting for replicas: what a call may ask for, and what becomes of an answer that fewer replicas have. The call was done all the same, so
 * it is an error that carries the answer, and nothing is sent again.
 */
import { ShoalError } from '../base/errors.ts';
import { ACK_REPLICA_COUNT_MAX, ACK_WAIT_MS_MAX, Flag, Opcode } from '../protocol/shoal/frame.ts';
import type { ReplyFrame } from './reply-frame.ts';
import type { Request } from './request.ts';

/** How many replicas shall have what a call did, or has seen, before it resolves. */
export interface AckOptions {
  /** 0 to 4; 0: nobody waits. */
  readonly replicas: number;
  /** How long the node waits for them, 1 to 60,000; where left out, 1000, or half of the call's own deadline where that is less. */
  readonly timeoutMs?: number;
}

/** What a client waits for where its calls say nothing. */
export interface DefaultAckOptions extends AckOptions {
  /** `writes`, the default: get and exists do not wait. */
  readonly of?: 'writes' | 'all';
}

/** What is wrong with `ack`, as text, or null. */
export function ackProblem(ack: DefaultAckOptions): string | null {
  if (typeof ack !== 'object' || ack === null) return 'ack: give { replicas, timeoutMs }';
  const { replicas, timeoutMs, of } = ack;
  if (!isWhole(replicas, 0, ACK_REPLICA_COUNT_MAX)) {
    return `ack: ${String(replicas)} is not a whole number of replicas from 0 to ${ACK_REPLICA_COUNT_MAX}`;
  }
  if (timeoutMs !== undefined && !isWhole(timeoutMs, 1, ACK_WAIT_MS_MAX)) {
    return `ack: ${String(timeoutMs)} is not a whole number of ms from 1 to ${ACK_WAIT_MS_MAX}`;
  }
  if (of !== undefined && of !== 'writes' && of !== 'all') return 'ack: of is "writes" or "all"';
  return null;
}

/**
 * Has the reply to `request` wait for the replicas that the call asks for, or else for those that the client does. `timeoutMs`: the call's deadline. Throws
 * `InvalidArgument`.
 */
export function applyAck(
  request: Request,
  asked: AckOptions | undefined,
  byDefault: DefaultAckOptions | undefined,
  timeoutMs: number,
): void {
  if (asked === undefined) {
    if (byDefault !== undefined && concerns(byDefault, request.opcode)) waitFor(request, byDefault, timeoutMs);
    return;
  }
  const problem = ackProblem(asked);
  if (problem !== null) throw new ShoalError('InvalidArgument', problem);
  if (asked.timeoutMs !== undefined && asked.timeoutMs >= timeoutMs) {
    throw new ShoalError(
      'InvalidArgument',
      `ack: replicas cannot be waited for for ${asked.timeoutMs} ms in a call that ends after ${timeoutMs} ms`,
    );
  }
  waitFor(request, asked, timeoutMs);
}

/** The error of a call whose answer `reply` fewer replicas have than it asked for; null where so many have it. */
export function ackFailure(request: Request, reply: ReplyFrame, answer: unknown, node: string): ShoalError | null {
  const { replicaCount } = reply;
  if (replicaCount === null) {
    return new ShoalError('UnexpectedResponse', `${node} left out how many replicas have it`, { node });
  }
  if (replicaCount >= request.ackReplicaCount) return null;
  const message = `it was done, and ${replicaCount} of ${request.ackReplicaCount} replicas have it after ${request.ackWaitMs} ms`;
  return new ShoalError('NotReplicated', message, { node, replicaCount, answer });
}

function waitFor(request: Request, { replicas, timeoutMs }: AckOptions, callTimeoutMs: number): void {
  if (replicas === 0) return;
  request.flags |= Flag.ack;
  request.ackReplicaCount = replicas;
  // The node is to say how many have it before the caller gives up.
  const half = Math.min(WAIT_MS, Math.max(1, Math.floor(callTimeoutMs / 2)));
  request.ackWaitMs = timeoutMs !== undefined && timeoutMs < callTimeoutMs ? timeoutMs : half;
}

function concerns({ of }: DefaultAckOptions, opcode: Opcode): boolean {
  return WRITES.has(opcode) || (of === 'all' && READS.has(opcode));
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

const WRITES: ReadonlySet<Opcode> = new Set([Opcode.set, Opcode.delete, Opcode.increment, Opcode.touch]);
const READS: ReadonlySet<Opcode> = new Set([Opcode.get, Opcode.exists]);
/** Long enough for a replica that lost its connection for a moment. */
const WAIT_MS = 1000;
