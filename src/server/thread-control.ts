/** What handlers and other threads have a data thread do to its connections (`ConnectionControl`), beside answering them. */
import type { Command } from '../protocol/command.ts';
import type { Reply } from '../protocol/reply.ts';
import type { OutputBytes } from '../protocol/output-bytes.ts';
import type { ClusterNews } from './cluster/thread-cluster.ts';
import type { CommandEntry } from './command-table.ts';
import type { Dispatcher } from './dispatch.ts';
import type { ConnectionControl } from './execution-context.ts';
import type { OwnerAnswers } from './forwarding/owner-answers.ts';
import type { Forwarder } from './forwarding/forwarder.ts';
import type { MutableContext } from './mutable-context.ts';
import { type NodeGate, NodeGateBit } from './node-gate.ts';
import type { PausedSessions } from './paused-sessions.ts';
import type { ReplyGate } from './reply-gate/reply-gate.ts';
import type { BlockedCommand } from './reply-gate/reply-wait.ts';
import type { ReplyWriter } from './reply-writer.ts';
import { clearSession } from './session-cleanup.ts';
import type { SessionOutput } from './session-output.ts';
import type { Session } from './session.ts';
import type { UnblockReason } from './threads/questions.ts';

export interface ThreadControlParts {
  readonly context: MutableContext;
  readonly gate: NodeGate;
  readonly dispatcher: Dispatcher;
  readonly output: SessionOutput;
  readonly replies: ReplyGate;
  readonly paused: PausedSessions;
  readonly forwarder: Forwarder | null;
  /** Of all protocols. */
  readonly writers: readonly OutputBytes[];
}

export class ThreadControl implements ConnectionControl {
  private readonly parts: ThreadControlParts;
  runsTransaction = false;

  constructor(parts: ThreadControlParts) {
    this.parts = parts;
  }

  runQueued(entry: CommandEntry, command: Command, reply: ReplyWriter): void {
    this.runsTransaction = true;
    try {
      this.parts.dispatcher.runQueued(entry, command, reply);
    } finally {
      this.runsTransaction = false;
    }
  }

  block(session: Session, blocked: BlockedCommand): boolean {
    // A link between nodes carries the requests of many clients: none of them may hold the others up.
    if (this.runsTransaction || session.incoming?.isRunning === true) return false;
    this.parts.replies.block(session, blocked);
    return true;
  }

  askOwners(session: Session, replicaCount: number, waitMs: number): OwnerAnswers | null {
    return this.parts.forwarder?.askOwners(session, replicaCount, waitMs) ?? null;
  }

  unblock(session: Session, reason: UnblockReason): boolean {
    const { blocked } = session;
    if (blocked === null || !blocked.endsEarly) return false;
    const answer = reason === 'timeout' ? blocked.answer : (reply: Reply): void => reply.error(UNBLOCKED);
    session.blocked = { ...blocked, answer, deadlineMs: 0 };
    this.parts.replies.request();
    return true;
  }

  sendGathered(): void {
    this.parts.output.sendGathered();
  }

  closeAfterReply(session: Session): void {
    if (session.closing) return;
    session.closing = true;
    this.parts.context.node.tracking.disable(session);
    session.activeAtMs = this.parts.context.node.clock.monotonicMs();
    this.parts.output.schedule(session);
  }

  kill(session: Session): void {
    // The session whose command runs still reads its arguments, and gets its reply.
    const { output } = this.parts;
    if (session === output.current) {
      this.closeAfterReply(session);
      return;
    }
    // What it was answered already it gets.
    if (session.isGathered) output.sendGathered();
    session.connection.destroy();
  }

  resumePaused(): void {
    this.parts.paused.request();
  }

  slotsChanged(): void {
    this.parts.context.node.tracking.slotsChanged();
    this.resumePaused();
  }

  clusterNews(news: ClusterNews): void {
    const { cluster, topologyWaits } = this.parts.context.node;
    cluster?.takeNews(news);
    this.parts.forwarder?.topologyChanged();
    if (cluster !== null) topologyWaits.announce(cluster.topology);
    this.parts.paused.request();
  }

  settingsChanged(): void {
    const { context, gate, writers } = this.parts;
    for (const writer of writers) writer.limitBytes = context.limits.outputBufferBytesMax;
    const { settings, clients } = context.node;
    if (settings.password === '') for (const session of clients.all()) session.setAuthenticated(true);
    gate.set(NodeGateBit.memoryLimited, settings.isMemoryLimited);
    gate.set(NodeGateBit.replicasMissing, settings.replicaCountMin > 0);
  }

  protocolChanged(session: Session): void {
    session.codec.begin(session);
  }

  resetSession(session: Session): void {
    const { context } = this.parts;
    clearSession(session, context.store, context.node);
    session.reset(context.node.settings.password === '');
    context.store.countsUse = true;
    this.protocolChanged(session);
  }
}

const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';
