/**
 * What replies may have to wait for after their commands have run: that what was written is on disk, or with other nodes. Whoever knows how
 * far such a thing has come is asked; the gate (reply-gate.ts) knows nothing of it.
 */
import type { Reply } from '../../protocol/reply.ts';
import type { Session } from '../session.ts';

/** How it stands with what is waited for. */
export const WaitState = {
  waiting: 0,
  /** The replies may leave. */
  over: 1,
  /** It will never come, so nobody can be told that the commands did what they did. */
  broken: 2,
  /** It did not come in time: the replies leave as `ReplyWait.rewrite` makes them. */
  late: 3,
} as const;
export type WaitState = (typeof WaitState)[keyof typeof WaitState];

/** One kind of thing to wait for, for all sessions of a data thread. */
export interface ReplyWait {
  /** The session reads no further requests meanwhile: those who write are to be slowed down, not only told later. */
  readonly holdsRequests: boolean;
  /** `mark`: which of its kind, as whoever made the wait said. Asked again until it is not `waiting`. */
  look(mark: number, sinceMs: number, monotonicMs: number): WaitState;
  /** What the replies that waited become where it is `late`; those that no wait was for are behind them. */
  rewrite?(bytes: Uint8Array): Uint8Array;
}

/** Says after a batch what its replies are to wait for. */
export interface BatchRule {
  /** A batch begins. */
  begin(): void;
  /** What the replies written now for `session` wait for, because of what was done since the last call; null: nothing. */
  judge(session: Session): ReplyWait | null;
  /** Goes with the wait that `judge` gave. */
  readonly mark: number;
}

/** Replies that wait outside of their session's output, so that nothing else waits behind them. */
export interface DetachedReplies {
  readonly isEmpty: boolean;
  /** So much of the session's waits that it is to read no further requests. */
  isFull(session: Session): boolean;
  /** Sends what waits no more; any of it may be due where `isTick`, else only by progress. Returns whose it was, once or more often. */
  look(monotonicMs: number, isTick: boolean): readonly Session[];
  close(): void;
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
