/**
 * What a data thread knows of the disk: whether writes are refused now, and what the replies to a batch with writes wait for.
 *
 *     log, fsync always       until what the batch wrote survives a loss of power
 *     far behind              until there is room for what the batch wrote, so that writers do not run away from the disk; they read no more meanwhile
 *     everything else         nothing
 *
 * Reads do not wait: a client may see what another has written before that is told that it is safe. The disk's positions are the change log's
 * sequences, and this thread's own changes say which one a batch needs.
 */
import type { PersistenceOptions } from '../../config/node-options.ts';
import { effectiveMode } from '../../config/persistence-options.ts';
import { type PersistenceState, PersistenceStatus } from '../../persistence/persistence-state.ts';
import type { ChangeRing } from '../../store/change-ring.ts';
import { type NodeGate, NodeGateBit } from '../node-gate.ts';
import { type BatchRule, type ReplyWait, WaitState } from '../reply-gate/reply-wait.ts';
import type { Session } from '../session.ts';

/** Without any progress for this long, a disk that is behind holds nobody up any more. */
const STUCK_MS_MAX = 1000;

export class ThreadPersistence implements BatchRule {
  readonly state: PersistenceState;
  readonly options: PersistenceOptions;
  readonly mode: 'snapshot' | 'log';
  /** Until changes survive a loss of power. */
  readonly durable: ReplyWait;
  mark = 0;
  private readonly changes: ChangeRing;
  private readonly gate: NodeGate;
  private readonly room: ReplyWait;
  private readonly answersLate: boolean;

  /** `changes`: this thread's side of the change log. */
  constructor(state: PersistenceState, options: PersistenceOptions, changes: ChangeRing, gate: NodeGate) {
    this.state = state;
    this.options = options;
    this.mode = effectiveMode(options) === 'log' ? 'log' : 'snapshot';
    this.changes = changes;
    this.gate = gate;
    this.durable = new DurableWait(state, options.onFailure === 'refuse-writes');
    this.room = new RoomWait(state);
    this.answersLate = this.mode === 'log' && options.fsync === 'always';
  }

  begin(): void {
    const refuses = this.isFailing && this.options.onFailure === 'refuse-writes';
    this.gate.set(NodeGateBit.diskFailing, refuses);
  }

  judge(session: Session): ReplyWait | null {
    const { requestedEnd } = this.changes;
    if (requestedEnd === this.mark) return null;
    this.mark = requestedEnd;
    session.changeMark = requestedEnd;
    if (this.answersLate) {
      // It is asleep where it has nothing to write.
      this.state.wake();
      return this.durable;
    }
    return this.state.hasRoom(requestedEnd) || this.isFailing ? null : this.room;
  }

  /** The position that the session's writes so far need, those of the batch that runs included; null: it has written nothing. */
  markOf(session: Session): number | null {
    const { requestedEnd } = this.changes;
    return requestedEnd === this.mark ? session.changeMark : requestedEnd;
  }

  /** A mark behind all changes of the node so far. */
  get end(): number {
    return this.changes.end;
  }

  /** The disk does not take what is written. */
  get isFailing(): boolean {
    return this.state.status === PersistenceStatus.failing;
  }
}

class DurableWait implements ReplyWait {
  readonly holdsRequests = false;
  private readonly state: PersistenceState;
  private readonly failureBreaks: boolean;

  constructor(state: PersistenceState, failureBreaks: boolean) {
    this.state = state;
    this.failureBreaks = failureBreaks;
  }

  look(mark: number): WaitState {
    const isFailing = this.state.status === PersistenceStatus.failing;
    if (this.state.isDurable(mark)) return WaitState.over;
    if (!isFailing) return WaitState.waiting;
    return this.failureBreaks ? WaitState.broken : WaitState.over;
  }
}

class RoomWait implements ReplyWait {
  readonly holdsRequests = true;
  private readonly state: PersistenceState;
  private seen = 0;
  private movedAtMs = 0;

  constructor(state: PersistenceState) {
    this.state = state;
  }

  look(mark: number, sinceMs: number, monotonicMs: number): WaitState {
    const { followed, status } = this.state;
    if (followed !== this.seen) {
      this.seen = followed;
      this.movedAtMs = monotonicMs;
    }
    if (this.state.hasRoom(mark) || status === PersistenceStatus.failing) return WaitState.over;
    return monotonicMs - Math.max(sinceMs, this.movedAtMs) > STUCK_MS_MAX ? WaitState.over : WaitState.waiting;
  }
}
