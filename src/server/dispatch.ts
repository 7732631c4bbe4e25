/**
 * From a decoded command or operation to its reply: finds the row, makes the checks in Redis's order, runs the handler.
 *
 * Nearly every command takes the short way: known, right number of arguments, nothing special about the
 * connection or the node (`gates` all zero), so: handler, one counter, done. Whatever is special goes the long
 * way, in the same order as Redis: authentication, MULTI, subscriptions, pause, queueing, and afterwards reply mode and
 * MONITOR.
 */
import { Command } from '../protocol/command.ts';
import { Status } from '../protocol/shoal/frame.ts';
import type { FrameFault } from '../protocol/shoal/validation.ts';
import type { Operation } from '../protocol/shoal/operation.ts';
import type { ShoalWriter } from '../protocol/shoal/writer.ts';
import type { AnswerWriter, ReplyWriter } from './reply-writer.ts';
import { Trait } from './command-table.ts';
import type { CommandEntry, CommandTable } from './command-table.ts';
import type { StoreApi } from '../store/api.ts';
import { NodeGateBit } from './node-gate.ts';
import type { NodeGate } from './node-gate.ts';
import { Gate } from './session.ts';
import type { Session } from './session.ts';
import type { SessionTracking } from './tracking/session-tracking.ts';
import type { TransactionQueue } from './transaction-queue.ts';
import type { ExecutionContext } from './execution-context.ts';
import { ErrorText, wrongArity } from './commands/error-text.ts';
import {
  changesConnectionError,
  DEBUG_REFUSED,
  diskFailingError,
  isCrossProtocolRequest,
  NO_AUTH,
  NO_REPLICAS,
  unknownCommandError,
  unknownSubcommandError,
} from './dispatch-errors.ts';
import { beginReply, finishReply } from './reply-mode.ts';
import { Executed } from './executed.ts';
import { clusterTag } from './forwarding/forward-replies.ts';
import { isLoopback } from './address.ts';
import { lacksReplicas } from './replicas/served-notes.ts';
import { CommandPlacement } from './cluster/command-placement.ts';
import { SlotGate } from './cluster/slot-gate.ts';

type Handler<Request extends Command, Writer extends AnswerWriter> = (
  context: ExecutionContext,
  request: Request,
  reply: Writer,
) => void;

export class Dispatcher {
  private readonly context: ExecutionContext;
  readonly table: CommandTable;
  private readonly gate: NodeGate;
  private readonly exec: CommandEntry;
  /** Null where the node is in no cluster. */
  readonly slots: SlotGate | null;
  private readonly placement: CommandPlacement | null;

  constructor(context: ExecutionContext, gate: NodeGate) {
    this.context = context;
    this.table = context.node.table;
    this.gate = gate;
    this.exec = this.table.find(EXEC, 0)!;
    const { cluster, clock } = context.node;
    this.slots = cluster === null ? null : new SlotGate(cluster, clock, context.store);
    this.placement = this.slots === null ? null : new CommandPlacement(this.slots, context.node);
    this.clusterTag = cluster === null ? null : clusterTag(cluster.topology.cluster);
    gate.set(NodeGateBit.clustered, cluster !== null);
  }

  /** Goes with requests that nodes pass on to each other; null where this one is in no cluster. */
  readonly clusterTag: number | null;

  /** Of the topology that this thread knows; 0: none. */
  get epoch(): number {
    return this.context.node.cluster?.topology.epoch ?? 0;
  }

  get store(): StoreApi {
    return this.context.store;
  }

  /** Runs a command whose first word names the row `found`, or none. */
  execute(session: Session, found: CommandEntry | null, command: Command, writer: ReplyWriter): Executed {
    const { context } = this;
    context.session = session;
    context.database = session.database;
    session.commandCount += 1;
    let entry = found;
    if (entry !== null && entry.subcommands.length !== 0 && command.count > 1) {
      const subcommand = entry.subcommand(command, 1);
      if (subcommand === null) {
        return this.refuse(session, null, unknownSubcommandError(command, entry.upperName), writer);
      }
      entry = subcommand;
    }
    if (entry === null) {
      if (!session.speaksShoal && isCrossProtocolRequest(command)) return Executed.hostile;
      return this.refuse(session, null, unknownCommandError(command), writer);
    }
    session.lastCommand = entry;
    if (!entry.accepts(command.count)) return this.refuse(session, entry, wrongArity(entry.name), writer);
    if ((entry.traits & session.refusedTraits) !== 0) {
      return this.refuse(session, entry, changesConnectionError(entry.name), writer);
    }
    if ((session.gates | this.gate.bits | (entry.traits & LONG_WAY)) !== 0) {
      return this.executeChecked(session, entry, entry.handler, command, writer);
    }
    this.run(entry, entry.handler, command, writer);
    return Executed.done;
  }

  /** As `execute`, for a request of the Shoal protocol; `fault` is what is wrong with it, or null. */
  executeOperation(session: Session, operation: Operation, fault: FrameFault | null, writer: ShoalWriter): Executed {
    const { context } = this;
    context.session = session;
    context.database = session.database;
    session.commandCount += 1;
    const row = this.table.operations[operation.opcode];
    if (fault !== null || row === undefined) {
      const mark = writer.length;
      const { status, text } = fault ?? NO_ROW;
      writer.fail(status, text);
      this.countRejection(row?.entry ?? null, writer, mark);
      return Executed.done;
    }
    const { entry, handler } = row;
    session.lastCommand = entry;
    if ((session.gates | this.gate.bits | (entry.traits & LONG_WAY)) !== 0) {
      return this.executeChecked(session, entry, handler, operation, writer);
    }
    this.run(entry, handler, operation, writer);
    return Executed.done;
  }

  /** Runs the transaction `queue`, which another node passes on, as EXEC does. */
  executeTransaction(session: Session, queue: TransactionQueue, writer: ReplyWriter): Executed {
    const { context, exec } = this;
    context.session = session;
    context.database = session.database;
    session.commandCount += 1;
    session.lastCommand = exec;
    session.transaction = queue;
    session.setGate(Gate.multi, true);
    const executed = this.executeChecked(session, exec, exec.handler, EXEC, writer);
    session.endTransaction(context.store);
    return executed;
  }

  /** Runs a command that passed its checks. */
  run<Request extends Command, Writer extends AnswerWriter>(
    entry: CommandEntry,
    handler: Handler<Request, Writer>,
    request: Request,
    writer: Writer,
  ): void {
    const { context } = this;
    const mark = writer.length;
    if ((entry.traits & Trait.slow) !== 0) context.control.sendGathered();
    handler(context, request, writer);
    const { statistics } = context.node;
    statistics.record(entry.index);
    const code = writer.errorCode(mark);
    if (code !== null) statistics.recordFailure(entry, code);
  }

  /** A queued command, inside EXEC. */
  runQueued(entry: CommandEntry, command: Command, writer: ReplyWriter): void {
    const { session } = this.context;
    const mark = writer.length;
    const { tracking } = this.context.node;
    if (session.tracking !== null) tracking.beginCommand(session, session.tracking, entry, command);
    this.run(entry, entry.handler, command, writer);
    tracking.endQueued();
    this.feedMonitors(session, entry, command);
    if (session.isMuted && (entry.traits & Trait.pushes) === 0) writer.rewind(mark);
  }

  private executeChecked<Request extends Command, Writer extends AnswerWriter>(
    session: Session,
    entry: CommandEntry,
    handler: Handler<Request, Writer>,
    command: Request,
    writer: Writer,
  ): Executed {
    const { traits } = entry;
    const mark = writer.length;
    if ((traits & Trait.guarded) !== 0 && !this.debugAllowed(session)) {
      return this.refuse(session, entry, DEBUG_REFUSED, writer);
    }
    if ((session.gates & Gate.unauthenticated) !== 0 && (traits & Trait.noAuth) === 0) {
      return this.refuse(session, entry, NO_AUTH, writer);
    }
    const inMulti = (session.gates & Gate.multi) !== 0;
    if (inMulti && (traits & Trait.noMulti) !== 0) {
      return this.refuse(session, entry, 'ERR Command not allowed inside a transaction', writer);
    }
    if ((this.gate.bits & NodeGateBit.memoryLimited) !== 0 && this.isOutOfMemory(session, traits)) {
      return this.refuse(session, entry, ErrorText.outOfMemory, writer);
    }
    const writes = ((traits | queuedTraits(session, traits)) & Trait.write) !== 0;
    if ((this.gate.bits & NodeGateBit.diskFailing) !== 0 && (writes || isHealthCheck(session, entry))) {
      return this.refuse(session, entry, diskFailingError(this.context.node.persistence!.state.failure), writer);
    }
    const needsReplicas = writes && (this.gate.bits & NodeGateBit.replicasMissing) !== 0;
    if (needsReplicas && this.slots === null) return this.refuse(session, entry, NO_REPLICAS, writer);
    if ((session.gates & Gate.subscribed) !== 0 && session.protocol === 2 && (traits & Trait.whileSubscribed) === 0) {
      const line = `ERR Can't execute '${entry.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
      return this.refuse(session, entry, line, writer);
    }
    if ((session.gates & Gate.monitor) !== 0 && (traits & (Trait.readonly | Trait.mayReplicate)) !== 0) {
      return this.refuse(session, entry, "ERR Replica can't interact with the keyspace", writer);
    }
    if ((this.gate.bits & NodeGateBit.paused) !== 0 && this.isPaused(session, traits)) return Executed.postponed;
    if (this.slots !== null && this.placement !== null) {
      const placed = this.placement.place(session, entry, command);
      if (typeof placed === 'string') return this.refuse(session, entry, placed, writer);
      if (placed !== null) return placed;
      if (needsReplicas && lacksReplicas(this.context.node, this.slots.concerned)) {
        return this.refuse(session, entry, NO_REPLICAS, writer);
      }
    }
    beginReply(session);
    if (inMulti && (traits & Trait.neverQueued) === 0) {
      this.queue(session, entry, command, writer);
      // QUEUED is a reply, also to a command whose own would be a push.
      finishReply(session, 0, writer, mark);
    } else {
      if (session.tracking === null) this.run(entry, handler, command, writer);
      else this.runTracked(session.tracking, entry, handler, command, writer);
      this.feedMonitors(session, entry, command);
      if (session.blocked !== null) return Executed.blocked;
      finishReply(session, traits, writer, mark);
      const refusal = this.placement === null ? null : this.placement.finish(session, writer, mark, writes);
      if (refusal !== null) return this.refuse(session, entry, refusal, writer);
    }
    if (session.tracking !== null) session.tracking.commandEnded(entry, (session.gates & Gate.multi) !== 0);
    return Executed.done;
  }

  /** As `run`, for a session whose client caches: what it reads is noted before it is looked up. */
  private runTracked<Request extends Command, Writer extends AnswerWriter>(
    tracking: SessionTracking,
    entry: CommandEntry,
    handler: Handler<Request, Writer>,
    command: Request,
    writer: Writer,
  ): void {
    const { node, session } = this.context;
    node.tracking.beginCommand(session, tracking, entry, command);
    try {
      this.run(entry, handler, command, writer);
    } finally {
      node.tracking.endCommand(tracking);
    }
  }

  /** Answers an error in place of running the command, and counts it; a transaction that is being queued has failed. */
  private refuse(session: Session, entry: CommandEntry | null, line: string, writer: AnswerWriter): Executed {
    const mark = writer.length;
    beginReply(session);
    this.writeRefusal(session, entry, line, writer);
    finishReply(session, 0, writer, mark);
    if (session.tracking !== null) session.tracking.commandEnded(entry, (session.gates & Gate.multi) !== 0);
    return Executed.done;
  }

  private writeRefusal(session: Session, entry: CommandEntry | null, line: string, writer: AnswerWriter): void {
    const mark = writer.length;
    let text = line;
    if (entry !== null && (entry.traits & Trait.exec) !== 0 && !session.speaksShoal) {
      session.endTransaction(this.context.store);
      text = `EXECABORT Transaction discarded because of: ${line.startsWith('ERR ') ? line.slice(4) : line}`;
    } else if ((session.gates & Gate.multi) !== 0) {
      session.transactionFailed = true;
    }
    writer.error(text);
    this.countRejection(entry, writer, mark);
  }

  private countRejection(entry: CommandEntry | null, writer: AnswerWriter, mark: number): void {
    this.context.node.statistics.recordRejection(entry, writer.errorCode(mark) ?? '');
  }

  private queue(session: Session, entry: CommandEntry, command: Command, writer: AnswerWriter): void {
    const queue = session.transaction!;
    // Nothing more is kept for a transaction that can only abort.
    if (session.transactionFailed) {
      writer.simple('QUEUED');
      return;
    }
    const { transactionBytesMax } = this.context.limits;
    if (queue.memoryBytesWith(command) > transactionBytesMax) {
      this.writeRefusal(session, entry, `ERR Transaction exceeds the limit of ${transactionBytesMax} bytes`, writer);
      return;
    }
    queue.push(entry, command);
    writer.simple('QUEUED');
  }

  /** Whether memory is over its limit and this command, or what it would queue or run, may take more. */
  private isOutOfMemory(session: Session, traits: number): boolean {
    const { store, node } = this.context;
    const queues = session.transaction !== null && (traits & Trait.neverQueued) === 0;
    const takesMore = queues || ((traits | queuedTraits(session, traits)) & Trait.deniedOutOfMemory) !== 0;
    return takesMore && store.stats().usedBytes > node.settings.memoryLimitBytes;
  }

  private isPaused(session: Session, traits: number): boolean {
    const mode = this.context.node.pause.mode(this.context.nowMs);
    if (mode === 'none') return false;
    if (mode === 'all') return true;
    return ((traits | queuedTraits(session, traits)) & Trait.mayReplicate) !== 0;
  }

  /** After the command: SELECT is shown with the database that it chose, as in Redis. */
  private feedMonitors(session: Session, entry: CommandEntry, command: Command): void {
    if ((this.gate.bits & NodeGateBit.monitored) === 0 || (entry.traits & Trait.unmonitored) !== 0) return;
    this.context.node.monitors.feed(session, this.context.database, entry, command, this.context.nowMs);
  }

  private debugAllowed(session: Session): boolean {
    const { debugCommand } = this.context.node.options;
    return debugCommand === 'yes' || (debugCommand === 'local' && isLoopback(session.connection.remoteAddress));
  }
}

/** As in Redis, PING tells of a disk that takes nothing. The Shoal protocol's asks only whether the node is there: it serves reads. */
function isHealthCheck(session: Session, entry: CommandEntry): boolean {
  return entry.name === 'ping' && !session.speaksShoal;
}

/** Rows that are looked at even where nothing else is special. */
const LONG_WAY = Trait.guarded | Trait.mayBlock;

/** The traits of what EXEC is about to run; none for another command. */
function queuedTraits(session: Session, traits: number): number {
  return (traits & Trait.exec) !== 0 && session.transaction !== null ? session.transaction.traits : 0;
}

/** The command of that name, as words. */
const EXEC: Command = new Command();
EXEC.reset(Buffer.from('EXEC', 'latin1'));
EXEC.push(0, EXEC.bytes.length);
/** An opcode that the protocol has and the table has not. */
const NO_ROW: FrameFault = { status: Status.unknownOpcode, text: 'no such opcode' };
