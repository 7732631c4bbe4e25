/**
 * What a handler works with. One per data thread, set up again before each command: no object per request.
 */
import type { Limits } from '../config/node-options.ts';
import type { Command } from '../protocol/command.ts';
import type { Reply } from '../protocol/reply.ts';
import type { StoreApi } from '../store/api.ts';
import type { KeyBatch } from '../store/key-batch.ts';
import type { ItemInfo, ItemSnapshot, Key, WriteOptions } from '../store/types.ts';
import type { ClusterNews } from './cluster/thread-cluster.ts';
import type { CommandEntry } from './command-table.ts';
import type { OwnerAnswers } from './forwarding/owner-answers.ts';
import type { NodeServices } from './node-services.ts';
import type { BlockedCommand } from './reply-gate/reply-wait.ts';
import type { Session } from './session.ts';
import type { UnblockReason } from './threads/questions.ts';

/** All that a command on keys and values needs. */
export interface KeyspaceContext {
  readonly store: StoreApi;
  readonly limits: Limits;
  /** The session's selected database. */
  database: number;
  /** ms since 1970; the same for a batch of commands. */
  nowMs: number;
  /** In [0, 1). */
  readonly random01: () => number;
  // Scratch, for use within one handler call:
  readonly key: Key;
  readonly otherKey: Key;
  readonly writeOptions: WriteOptions;
  readonly info: ItemInfo;
  readonly snapshot: ItemSnapshot;
  readonly otherSnapshot: ItemSnapshot;
  readonly batch: KeyBatch;
}

export interface ExecutionContext extends KeyspaceContext {
  session: Session;
  readonly node: NodeServices;
  readonly control: ConnectionControl;
}

/** What a handler may do to connections and to the running of commands. */
export interface ConnectionControl {
  /** Runs a queued command of the current session, with its statistics, and appends its reply. */
  runQueued(entry: CommandEntry, command: Command, reply: Reply): void;
  /** Whether the current command is one of those that EXEC runs. */
  readonly runsTransaction: boolean;
  /** Answers the current command later, and nothing else of the session before. False where it may not wait (EXEC): then answer it now. */
  block(session: Session, blocked: BlockedCommand): boolean;
  /** Ends a wait in a command early, after this batch. False where the session does not wait, or not in a command that ends early. */
  unblock(session: Session, reason: UnblockReason): boolean;
  /** See `Forwarder.askOwners`. */
  askOwners(session: Session, replicaCount: number, waitMs: number): OwnerAnswers | null;
  /** Sends what other sessions were answered and waits to be sent together. */
  sendGathered(): void;
  /** Ends the session once its replies are sent; its further requests are not read. */
  closeAfterReply(session: Session): void;
  /** Closes another session at once. */
  kill(session: Session): void;
  /** Looks again at sessions that CLIENT PAUSE holds back, after this batch. */
  resumePaused(): void;
  /** The slot table has changed: sessions that wait for a slot are looked at again after this batch, and clients that cache are told of lost slots. */
  slotsChanged(): void;
  /** The control thread tells of the cluster: sessions that wait for a slot are looked at again after this batch. */
  clusterNews(news: ClusterNews): void;
  /** Settings changed (CONFIG SET): takes over those that are kept elsewhere. */
  settingsChanged(): void;
  /** The protocol of the current session changed: replies from here on are written in it. */
  protocolChanged(session: Session): void;
  /** Back to the state of a new connection (RESET), the protocol and authentication included. */
  resetSession(session: Session): void;
}
