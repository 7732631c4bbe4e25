/**
 * The Shoal protocol: a reply that waits for replicas is put away, and nothing waits behind it, since replies may come in any order. Each request has its own
 * demand, or the node's (`--ack`).
 *
 *     writer ── keep ─► entries, in order of the log ── look ─► so many have it, or the wait is over ─► the session's output
 *
 * What progress lets go is found from the front; an entry that no replica at all is far enough for ends that look. Deadlines are looked at with each tick. A session of
 * which much waits reads no further requests.
 */
import type { Limits } from '../../config/node-options.ts';
import { MINUS } from '../../protocol/resp/type-bytes.ts';
import { AT_STATUS, FIRST_ERROR_STATUS } from '../../protocol/shoal/frame.ts';
import { asNotReplicated, firstOfValue, withValue } from '../../protocol/shoal/changed-reply.ts';
import { setReplicaCount, type ShoalWriter } from '../../protocol/shoal/writer.ts';
import { NO_SLOT, type SlotGate } from '../cluster/slot-gate.ts';
import { KeptBytes } from '../kept-bytes.ts';
import type { DetachedReplies } from '../reply-gate/reply-wait.ts';
import type { SessionOutput } from '../session-output.ts';
import type { Session } from '../session.ts';
import { notReplicatedLine, notReplicatedText } from './ack-texts.ts';
import type { AckDemand } from './batch-acks.ts';
import type { ThreadReplicas } from './thread-replicas.ts';

/** Replies of one session that may wait at one time; beyond it its next requests wait. */
const SESSION_COUNT_MAX = 16_384;
const SPARE_COUNT_MAX = 4096;

/**
 * What the reply becomes where the wait was in vain. `counted`: what it is, with how many have it, as the request demanded. The others are for demands of the node: a
 * status of its own, or an error of RESP as the value of a `forward`.
 */
export type LateForm = 'counted' | 'status' | 'resp';

class Entry {
  session: Session | null = null;
  readonly reply = new KeptBytes();
  slot = 0;
  position = 0;
  replicaCount = 0;
  waitMs = 0;
  deadlineMs = 0;
  form: LateForm = 'counted';
}

export interface DetachedAckParts {
  readonly replicas: ThreadReplicas;
  /** Of requests that demand nothing themselves; null: none. */
  readonly demand: AckDemand | null;
  readonly output: SessionOutput;
  readonly limits: Limits;
  readonly monotonicMs: () => number;
  /** Whether what this node has served may be answered now. */
  readonly mayAnswer: (monotonicMs: number) => boolean;
}

export class DetachedAcks implements DetachedReplies {
  private readonly parts: DetachedAckParts;
  private entries: Entry[] = [];
  private readonly spare: Entry[] = [];

  constructor(parts: DetachedAckParts) {
    this.parts = parts;
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Whether `session`, which `slots` has judged a request of, is to read no further ones for now. */
  isFull({ detachedCount, detachedBytes }: Session): boolean {
    return detachedCount >= SESSION_COUNT_MAX || detachedBytes > this.parts.limits.outputPauseBytes;
  }

  /**
   * Puts the reply that stands in `writer` from `mark` on away, where it must wait: because its request demands so, or else the node. Else it stays, and says how many
   * replicas have it, where it has room for that.
   */
  keep(
    session: Session,
    slots: SlotGate,
    writer: ShoalWriter,
    mark: number,
    asked: AckDemand | null,
    form: LateForm,
  ): void {
    const { replicas, demand: byDefault, monotonicMs } = this.parts;
    const demand = asked ?? byDefault;
    const slot = slots.concerned;
    if (demand === null || slot === NO_SLOT || !tellsOfData(writer, mark, form)) return;
    const { position } = replicas;
    if (replicas.areAt(slot, position, demand.replicaCount)) {
      if (asked !== null) setReplicaCount(writer.bytes, mark, replicas.countOf(slot, position, demand.replicaCount));
      return;
    }
    const entry = this.spare.pop() ?? new Entry();
    entry.session = session;
    entry.reply.append(writer.bytes, mark, writer.length);
    entry.slot = slot;
    entry.position = position;
    entry.replicaCount = demand.replicaCount;
    entry.waitMs = demand.timeoutMs;
    entry.deadlineMs = monotonicMs() + demand.timeoutMs;
    entry.form = asked === null ? form : 'counted';
    writer.length = mark;
    session.detachedCount += 1;
    session.detachedBytes += entry.reply.length;
    this.entries.push(entry);
    replicas.ask();
  }

  look(monotonicMs: number, isTick: boolean): readonly Session[] {
    const { entries } = this;
    const { replicas, output } = this.parts;
    const sentTo: Session[] = [];
    let kept = 0;
    let at = 0;
    for (; at < entries.length; at += 1) {
      const entry = entries[at]!;
      if (!isTick && replicas.areAllBefore(entry.position)) break;
      if (this.isSettled(entry, monotonicMs)) {
        sentTo.push(entry.session!);
        this.putBack(entry);
      } else {
        entries[kept] = entry;
        kept += 1;
      }
    }
    if (kept === at) return sentTo;
    entries.copyWithin(kept, at);
    entries.length -= at - kept;
    output.flushScheduled();
    return sentTo;
  }

  close(): void {
    this.entries = [];
  }

  /** Whether it waits no more: its reply is sent, or nobody is there to get it. */
  private isSettled(entry: Entry, monotonicMs: number): boolean {
    const session = entry.session!;
    if (session.closed) return true;
    const { replicas, output } = this.parts;
    const isThere = replicas.areAt(entry.slot, entry.position, entry.replicaCount);
    if (!isThere && monotonicMs < entry.deadlineMs) return false;
    if (!this.parts.mayAnswer(monotonicMs)) {
      session.connection.destroy();
      return true;
    }
    const reply = this.replyOf(entry, isThere);
    output.enqueueReplies(session, reply, 0, reply === entry.reply.bytes ? entry.reply.length : reply.length);
    output.schedule(session);
    return true;
  }

  private replyOf({ reply, slot, position, replicaCount, waitMs, form }: Entry, isThere: boolean): Uint8Array {
    if (isThere && form !== 'counted') return reply.bytes;
    const count = this.parts.replicas.countOf(slot, position, isThere ? replicaCount : 0);
    if (form === 'counted') setReplicaCount(reply.bytes, 0, count);
    else if (form === 'status') {
      return asNotReplicated(reply.bytes, count, notReplicatedText(count, replicaCount, waitMs));
    } else {
      return withValue(reply.bytes, Buffer.from(`-${notReplicatedLine(count, replicaCount, waitMs)}\r\n`, 'latin1'));
    }
    return reply.bytes;
  }

  private putBack(entry: Entry): void {
    const session = entry.session!;
    session.detachedCount -= 1;
    session.detachedBytes -= entry.reply.length;
    entry.session = null;
    entry.reply.reset();
    if (this.spare.length < SPARE_COUNT_MAX) this.spare.push(entry);
  }
}

/** Whether the reply from `mark` on tells what was done, or is there: an error is answered at once. */
function tellsOfData(writer: ShoalWriter, mark: number, form: LateForm): boolean {
  if (writer.length <= mark || writer.bytes[mark + AT_STATUS]! >= FIRST_ERROR_STATUS) return false;
  return form !== 'resp' || firstOfValue(writer.bytes.subarray(mark, writer.length)) !== MINUS;
}
