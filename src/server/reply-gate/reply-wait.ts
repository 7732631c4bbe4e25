/**
 * What replies may have to wait for after their commands have run: that what was written is on disk, or with other nodes. Whoever knows how
 * far such a thing has come is asked; the gate (reply-gate.ts) knows nothing of it.
 */
import type { Reply } from '../../protocol/reply.ts';

/** How it stands with what is waited for. */
export const WaitState = {
  waiting: 0,
  /** The replies may leave. */
  over: 1,
  /** It will never come, so nobody can be told that the commands did what they did. */
  broken: 2,
} as const;
export type WaitState = (typeof WaitState)[keyof typeof WaitState];

/** One kind of thing to wait for, for all sessions of a data thread. */
export interface ReplyWait {
  /** The session reads no further requests meanwhile: those who write are to be slowed down, not only told later. */
  readonly holdsRequests: boolean;
  /** `mark`: which of its kind, as whoever made the wait said. Asked again until it is not `waiting`. */
  look(mark: number, sinceMs: number, monotonicMs: number): WaitState;
}

/** Says after a batch what its replies are to wait for. */
export interface BatchRule {
  /** A batch begins. */
  begin(): void;
  /** What the replies written now wait for, because of what was done since the last call; null: nothing. */
  judge(): ReplyWait | null;
  /** Where things stand behind the last change that `judge` saw; goes with the wait that it gave. */
  readonly mark: number;
}

/** A command that is answered later, such as WAITAOF. The session's further requests wait until then. */
export interface BlockedCommand {
  readonly wait: ReplyWait;
  readonly mark: number;
  /** Monotonic ms after which it is answered all the same; infinite: never. */
  readonly deadlineMs: number;
  /** CLIENT UNBLOCK may end it before. */
  readonly endsEarly: boolean;
  /** Writes the reply. `state`: `waiting` where the deadline has passed. */
  readonly answer: (reply: Reply, state: WaitState) => void;
}
