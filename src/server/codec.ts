/**
 * How the requests of one protocol are read, run and answered. One of each kind per data thread; which one a session has is
 * decided by the first byte that its peer sends. The data thread does all else, the same for every protocol.
 */
import type { Command } from '../protocol/command.ts';
import type { OutputBytes } from '../protocol/output-bytes.ts';
import type { Executed } from './executed.ts';
import type { ForwardedRequest } from './forwarding/forwarded-request.ts';
import type { BlockedCommand, WaitState } from './reply-gate/reply-wait.ts';
import type { Session } from './session.ts';

export interface Codec {
  /** Where the replies are written. */
  readonly writer: OutputBytes;
  /** The replies to come are for `session`, in the form that it speaks from here on. */
  begin(session: Session): void;
  /**
   * Reads the request at `bytes[start..end)`, and keeps it for `execute`. Returns the bytes that it takes (> 0), NEED_MORE (0) or
   * PROTOCOL_ERROR (-1).
   */
  decode(session: Session, bytes: Uint8Array, start: number, end: number): number;
  /**
   * `bytes[start..end)`, which begin a request, are to be decoded later in this group: the key of the first, if it is whole, is noted among the store's keys
   * ahead.
   */
  lookAhead(session: Session, bytes: Uint8Array, start: number, end: number): void;
  /** All that was looked at has been decoded, or never will be. */
  endGroup(): void;
  /** Runs the request that was read last, and writes its reply. */
  execute(session: Session): Executed;
  /** Puts the request that was read last into `request`, as it goes to the node that has its keys in the cluster `clusterTag`. */
  forward(session: Session, request: ForwardedRequest, clusterTag: number): void;
  /** How long the request that was read last wants replicas to be waited for; 0: it does not. */
  readonly ackWaitMs: number;
  /** The words of the request that was read last; null where the protocol has none. */
  readonly words: Command | null;
  /** Writes the reply to the request that blocked. */
  answerBlocked(session: Session, blocked: BlockedCommand, state: WaitState): void;
  /** After PROTOCOL_ERROR: answers what is wrong. */
  refuseProtocol(session: Session): void;
  /** Answers `line`, a RESP error, to no request: the connection is about to be closed. */
  refuseConnection(session: Session, line: string): void;
}
