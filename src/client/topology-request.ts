/** The request for a topology, which a node answers at once or once there is a newer one, and what its reply says. */
import { Opcode, Status, TOPOLOGY_REQUEST_BYTES } from '../protocol/shoal/frame.ts';
import { unexpectedStatus } from './reply-errors.ts';
import { Request } from './request.ts';
import type { ReplyFrame } from './reply-frame.ts';

/** Asks for a topology that is newer than `epoch`, and lets the node wait up to `waitMs` for one. It is for the node that it is sent to. */
export function topologyRequest(epoch: number, waitMs: number): Request {
  const request = new Request(Opcode.topology, NO_KEY, true, topologyAnswer);
  const value = Buffer.allocUnsafe(TOPOLOGY_REQUEST_BYTES);
  value.writeUInt32LE(epoch, 0);
  value.writeUInt32LE(waitMs, 4);
  request.bytes = value;
  request.isForNode = true;
  return request;
}

/** The bytes of a topology, the caller's own; null: the node has none that is newer. */
function topologyAnswer(reply: ReplyFrame): Uint8Array | null {
  if (reply.status === Status.miss) return null;
  if (reply.status !== Status.ok) throw unexpectedStatus(reply);
  return new Uint8Array(reply.bytes.subarray(reply.valueStart, reply.valueEnd));
}

const NO_KEY = '';
