/**
 * WAIT of a session whose writes were passed on: the nodes that did them are asked how many replicas have them, a question for each slot. Whoever did a
 * write is asked, and not whoever has its slot now: a node that took over from a dead one cannot know what was lost.
 */
import { LinkFault, type LinkReply, type LinkRequest } from '../../cluster/link-requests.ts';
import { writeU16, writeU32 } from '../../protocol/shoal/bytes.ts';
import {
  AT_FIELDS_BYTES,
  AT_FLAGS,
  AT_OPCODE,
  AT_VALUE_LENGTH,
  AT_VERSION,
  AWAIT_EVERY_SLOT,
  AWAIT_SLOT_BYTES,
  FIELD_BYTES,
  Flag,
  HEADER_BYTES,
  Opcode,
  REQUEST_MAGIC,
  Status,
  VERSION_MIN,
} from '../../protocol/shoal/frame.ts';
import { EVERY_SLOT } from '../cluster/slot-gate.ts';
import type { Session } from '../session.ts';
import type { LinkPool } from './link-pool.ts';

export class OwnerAnswers implements LinkRequest {
  /** Questions without an answer. */
  pendingCount = 0;
  /** Somebody who did a write cannot say, now or any more, how many have it. */
  isLost = false;
  /** Of all writes, how many replicas have the one that the fewest have. */
  fewest = Number.POSITIVE_INFINITY;

  onReply({ status, bytes, frameStart, valueStart }: LinkReply): void {
    this.pendingCount -= 1;
    if (status === Status.ok && valueStart === frameStart + HEADER_BYTES + FIELD_BYTES) {
      this.fewest = Math.min(this.fewest, bytes[frameStart + HEADER_BYTES]!);
    } else this.isLost = true;
  }

  onFault(_fault: LinkFault, _reason: string): void {
    this.pendingCount -= 1;
    this.isLost = true;
  }
}

/**
 * Asks the nodes that did what `session` has written elsewhere whether `replicaCount` replicas have it; each may wait for `waitMs` until so many do. Null: it has
 * written nothing elsewhere. All of its requests are answered; what they say later than `deadlineMs` of the monotonic clock does not count.
 */
export function askOwners(
  links: LinkPool,
  { forwards }: Session,
  replicaCount: number,
  waitMs: number,
  deadlineMs: number,
): OwnerAnswers | null {
  if (forwards === null || forwards.written.size === 0) return null;
  const answers = new OwnerAnswers();
  for (const [link, slots] of forwards.written) {
    for (const slot of slots.list) {
      const frame = awaitFrame(slot, replicaCount, waitMs);
      answers.pendingCount += 1;
      if (link.send(frame, frame.length, answers, deadlineMs)) links.noteSent(link);
      else answers.onFault(LinkFault.unsent, 'the link is closed, or full');
    }
  }
  return answers;
}

/** Asks for how many replicas have what was done in `slot`, or EVERY_SLOT; the answer waits for `waitMs`, 1 to ACK_WAIT_MS_MAX, until `replicaCount` do. */
function awaitFrame(slot: number, replicaCount: number, waitMs: number): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + FIELD_BYTES + AWAIT_SLOT_BYTES);
  frame[0] = REQUEST_MAGIC;
  frame[AT_VERSION] = VERSION_MIN;
  frame[AT_OPCODE] = Opcode.awaitReplicas;
  frame[AT_FLAGS] = Flag.ack;
  writeU16(frame, AT_FIELDS_BYTES, FIELD_BYTES);
  writeU32(frame, AT_VALUE_LENGTH, AWAIT_SLOT_BYTES);
  writeU32(frame, HEADER_BYTES, waitMs);
  writeU32(frame, HEADER_BYTES + 4, replicaCount);
  writeU16(frame, HEADER_BYTES + FIELD_BYTES, slot === EVERY_SLOT ? AWAIT_EVERY_SLOT : slot);
  return frame;
}
