/**
 * The Shoal protocol: operations, which have handlers of their own, and calls, which are commands in frames.
 *
 * A connection says hello first. Until that succeeded anything else is refused, and values are held to a tighter limit. What is
 * refused leaves the connection open, as long as the next frame can be found.
 */
import { ShoalError } from '../base/errors.ts';
import { Command } from '../protocol/command.ts';
import { readCallWords, readWords } from '../protocol/shoal/call.ts';
import { ShoalDecoder } from '../protocol/shoal/decoder.ts';
import { readU16, readU32 } from '../protocol/shoal/bytes.ts';
import { FORWARD_COUNT_BYTES, FORWARD_HEAD_BYTES, ForwardForm, readForwardHead } from '../protocol/shoal/forward.ts';
import {
  AT_STATUS,
  AWAIT_EVERY_SLOT,
  Flag,
  HEADER_BYTES,
  Opcode,
  Status,
  VERSION_MIN,
} from '../protocol/shoal/frame.ts';
import { KEY_ARGUMENT, Operation, VALUE_ARGUMENT } from '../protocol/shoal/operation.ts';
import { type FrameFault, frameFault } from '../protocol/shoal/validation.ts';
import type { ShoalWriter } from '../protocol/shoal/writer.ts';
import type { Limits } from '../config/node-options.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { Codec } from './codec.ts';
import { Executed } from './executed.ts';
import type { Dispatcher } from './dispatch.ts';
import { type CommandTable, KeyUse } from './command-table.ts';
import type { ForwardedRequest } from './forwarding/forwarded-request.ts';
import { forwardProblem, IncomingForwards } from './forwarding/incoming-forwards.ts';
import { readTransaction } from './forwarding/read-transaction.ts';
import type { BlockedCommand, WaitState } from './reply-gate/reply-wait.ts';
import type { AckDemand } from './replicas/batch-acks.ts';
import type { DetachedAcks } from './replicas/detached-acks.ts';
import type { ThreadCopies } from './replicas/thread-copies.ts';
import { RequestWindow } from './request-window.ts';
import { EVERY_SLOT } from './cluster/slot-gate.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { Gate } from './session.ts';
import type { Session } from './session.ts';

export class ShoalCodec extends RequestWindow<Operation> implements Codec {
  readonly writer: ShoalWriter;
  private readonly dispatcher: Dispatcher;
  private readonly limits: Limits;
  /** Null where the node is in no cluster. */
  private readonly acks: DetachedAcks | null;
  private readonly copies: ThreadCopies | null;
  private readonly decoder: ShoalDecoder;
  private readonly table: CommandTable;
  /** The words of a call. */
  private readonly command = new Command();
  /** A request inside of a forwarded one. */
  private readonly inner = new Operation();
  private readonly demand = { replicaCount: 0, timeoutMs: 0 };

  constructor(writer: ShoalWriter, dispatcher: Dispatcher, { limits, node }: ExecutionContext) {
    super(dispatcher.store, () => new Operation());
    this.writer = writer;
    this.dispatcher = dispatcher;
    this.table = dispatcher.table;
    this.limits = limits;
    this.acks = node.acks?.detached ?? null;
    this.copies = node.copies;
    this.decoder = new ShoalDecoder(limits);
  }

  begin(_session: Session): void {
    // Each request says by itself which version its reply is in.
    this.forget();
    this.writer.epoch = this.dispatcher.epoch;
  }

  decode(session: Session, bytes: Uint8Array, start: number, end: number): number {
    this.decoder.greeted = (session.gates & Gate.ungreeted) === 0;
    return this.take(session, bytes, start, end);
  }

  execute(session: Session): Executed {
    const { current: operation, writer } = this;
    // A greeting is of the first version, whatever it then agrees on.
    writer.start(operation.requestId, operation.opcode === Opcode.hello ? VERSION_MIN : session.shoalVersion);
    const fault = faultOf(session, operation);
    if (fault === null && operation.opcode === Opcode.forward) return this.executeForward(session, operation);
    // Who puts a topology's epoch into its requests routes by it.
    if (operation.epoch !== 0) session.knowsCluster = true;
    return this.executeFrame(session, operation, fault);
  }

  forward(session: Session, request: ForwardedRequest, clusterTag: number): void {
    const { current: operation } = this;
    const start = operation.start(KEY_ARGUMENT) - operation.fieldsBytes - HEADER_BYTES;
    const end = operation.start(VALUE_ARGUMENT) + operation.length(VALUE_ARGUMENT);
    request.form = ForwardForm.frame;
    request.requestId = operation.requestId;
    request.frame.putFrame(operation.bytes, start, end, session.database, clusterTag);
  }

  answerBlocked(session: Session, blocked: BlockedCommand, state: WaitState): void {
    const { writer } = this;
    writer.start(session.blockedRequestId, session.shoalVersion);
    const mark = writer.length;
    blocked.answer(writer.beginCall(), state);
    writer.endCall(mark);
  }

  get ackWaitMs(): number {
    return this.current.ackWaitMs;
  }

  get words(): null {
    return null;
  }

  refuseProtocol(session: Session): void {
    const { decoder, writer } = this;
    writer.start(decoder.requestId, session.shoalVersion);
    writer.fail(decoder.status, decoder.error);
  }

  refuseConnection(session: Session, line: string): void {
    this.writer.start(NO_REQUEST, session.shoalVersion);
    this.writer.error(line);
  }

  protected read(_session: Session, bytes: Uint8Array, start: number, end: number, operation: Operation): number {
    return this.decoder.decode(bytes, start, end, operation);
  }

  protected readAhead(_session: Session, bytes: Uint8Array, start: number, end: number, operation: Operation): number {
    // Of others nothing is read ahead.
    this.decoder.greeted = true;
    return Math.max(0, this.decoder.decode(bytes, start, end, operation));
  }

  protected identify(operation: Operation): KeyUse {
    const opcode = operation.opcode === Opcode.getCopy ? Opcode.get : operation.opcode;
    return this.table.operations[opcode]?.entry.keyUse ?? KeyUse.none;
  }

  private executeFrame(session: Session, operation: Operation, fault: FrameFault | null): Executed {
    const { writer } = this;
    const mark = writer.length;
    const demand = fault === null ? this.demandOf(operation) : null;
    if (demand !== null) writer.withReplicaCount();
    const executed = this.executeOpcode(session, operation, fault);
    if (executed === Executed.done) this.acks?.keep(session, this.dispatcher.slots!, writer, mark, demand, 'status');
    return executed;
  }

  private executeOpcode(session: Session, operation: Operation, fault: FrameFault | null): Executed {
    if (fault === null && operation.opcode === Opcode.call) return this.executeCall(session, operation);
    if (fault === null && operation.opcode === Opcode.awaitReplicas) return this.executeAwait(operation);
    if (fault === null && operation.opcode === Opcode.getCopy) return this.executeGetCopy(session, operation);
    return this.dispatcher.executeOperation(session, operation, fault, this.writer);
  }

  /** A `get` that may read a copy. */
  private executeGetCopy(session: Session, operation: Operation): Executed {
    const { copies, dispatcher } = this;
    copies?.ask(readU32(operation.bytes, operation.start(VALUE_ARGUMENT)));
    operation.opcode = Opcode.get;
    const executed = dispatcher.executeOperation(session, operation, null, this.writer);
    operation.opcode = Opcode.getCopy;
    copies?.endAsking();
    return executed;
  }

  /** Answers nothing but how many replicas have what was done in a slot. */
  private executeAwait(operation: Operation): Executed {
    const { writer, dispatcher } = this;
    const number = readU16(operation.bytes, operation.start(VALUE_ARGUMENT));
    const slot = number === AWAIT_EVERY_SLOT ? EVERY_SLOT : number;
    if (!operation.has(Flag.ack) || slot >= SLOT_COUNT) writer.fail(Status.badRequest, 'a slot, or all, and ack');
    else if (dispatcher.slots?.concern(slot) !== true) writer.error('ERR The slot is not served here');
    else writer.ok();
    return Executed.done;
  }

  /** What the request itself wants its reply to wait for, until the next call; or null. */
  private demandOf(operation: Operation): AckDemand | null {
    if (!operation.has(Flag.ack)) return null;
    this.demand.replicaCount = operation.ackReplicaCount;
    this.demand.timeoutMs = operation.ackWaitMs;
    return this.demand;
  }

  /** Runs what another node passes on, in the database that it says, and never passes it on again. */
  private executeForward(session: Session, operation: Operation): Executed {
    const { writer, dispatcher } = this;
    const incoming = (session.incoming ??= new IncomingForwards());
    const { head } = incoming;
    const start = operation.start(VALUE_ARGUMENT);
    const end = start + operation.length(VALUE_ARGUMENT);
    const isWhole = end - start > FORWARD_HEAD_BYTES && readForwardHead(operation.bytes, start, head);
    const problem = isWhole ? forwardProblem(head, dispatcher.clusterTag) : 'a forward whose head is not whole';
    if (problem !== null) {
      writer.fail(Status.badRequest, problem);
      return Executed.done;
    }
    const { database } = session;
    const mark = writer.length;
    session.database = head.database;
    incoming.isRunning = true;
    let executed: Executed;
    try {
      const requestStart = start + FORWARD_HEAD_BYTES;
      executed =
        head.form === ForwardForm.frame
          ? this.executeInner(session, operation.bytes, requestStart, end)
          : this.executeCommands(session, operation.bytes, requestStart, end, head.form);
    } catch (error) {
      // It may cost the client its reply, but not the others on the link theirs.
      if (!(error instanceof ShoalError) || error.code !== 'LimitExceeded') throw error;
      writer.abandonCall(mark);
      writer.fail(Status.refused, error.message);
      return Executed.done;
    } finally {
      incoming.isRunning = false;
      session.database = database;
    }
    const status = executed === Executed.done && writer.length > mark ? writer.bytes[mark + AT_STATUS] : Status.ok;
    if (status === Status.moved || status === Status.tryAgain) incoming.noteRefusal(dispatcher.slots!.slot);
    return executed;
  }

  /** Runs the request frame in `bytes[start..end)`, which is inside of another one. */
  private executeInner(session: Session, bytes: Uint8Array, start: number, end: number): Executed {
    const { inner, decoder, writer } = this;
    decoder.greeted = true;
    if (decoder.decode(bytes, start, end, inner) !== end - start) {
      writer.fail(Status.badRequest, 'a forward whose frame is not whole');
      return Executed.done;
    }
    const fault = NEVER_FORWARDED.has(inner.opcode) ? NOT_FORWARDED : frameFault(inner, session.shoalVersion);
    return this.executeFrame(session, inner, fault);
  }

  private executeCommands(session: Session, bytes: Uint8Array, start: number, end: number, form: number): Executed {
    const protocol = form === ForwardForm.resp3 || form === ForwardForm.transaction3 ? 3 : 2;
    if (form === ForwardForm.resp2 || form === ForwardForm.resp3) {
      return this.executeWords(session, bytes, start, end, protocol);
    }
    const { writer, dispatcher } = this;
    const queue = readTransaction(bytes, start, end, this.table, this.limits);
    if (typeof queue === 'string') {
      writer.fail(Status.badRequest, queue);
      return Executed.done;
    }
    const mark = writer.length;
    const executed = dispatcher.executeTransaction(session, queue, writer.beginCall(protocol));
    return this.endForward(session, mark, executed);
  }

  private endForward(session: Session, mark: number, executed: Executed): Executed {
    const { writer, acks, dispatcher } = this;
    if (executed !== Executed.done) {
      writer.abandonCall(mark);
      return executed;
    }
    writer.endForward(mark);
    acks?.keep(session, dispatcher.slots!, writer, mark, null, 'resp');
    return executed;
  }

  /** Runs the words in `bytes[start..end)`, behind their count, and answers as that version of RESP does. */
  private executeWords(session: Session, bytes: Uint8Array, start: number, end: number, protocol: 2 | 3): Executed {
    const { command, writer, dispatcher, limits } = this;
    const wordsStart = start + FORWARD_COUNT_BYTES;
    const count = wordsStart <= end ? readU32(bytes, start) : 0;
    const problem = readWords(bytes, wordsStart, end, count, limits.argumentCountMax, command);
    if (problem !== null) {
      writer.fail(Status.badRequest, problem);
      return Executed.done;
    }
    const mark = writer.length;
    const executed = dispatcher.execute(session, this.table.find(command, 0), command, writer.beginCall(protocol));
    return this.endForward(session, mark, executed);
  }

  private executeCall(session: Session, operation: Operation): Executed {
    const { command, writer, dispatcher } = this;
    const problem = readCallWords(operation, this.limits.argumentCountMax, command);
    if (problem !== null) {
      return dispatcher.executeOperation(session, operation, { status: Status.badRequest, text: problem }, writer);
    }
    const mark = writer.length;
    const executed = dispatcher.execute(session, this.table.find(command, 0), command, writer.beginCall());
    if (executed === Executed.done) writer.endCall(mark);
    else writer.abandonCall(mark);
    if (executed === Executed.blocked) session.blockedRequestId = operation.requestId;
    return executed;
  }
}

function faultOf(session: Session, operation: Operation): FrameFault | null {
  if ((session.gates & Gate.ungreeted) !== 0 && operation.opcode !== Opcode.hello) return HELLO_FIRST;
  return frameFault(operation, session.shoalVersion);
}

/** What concerns a connection and no key. */
const NEVER_FORWARDED: ReadonlySet<number> = new Set([Opcode.hello, Opcode.topology, Opcode.forward]);
const NOT_FORWARDED: FrameFault = { status: Status.badRequest, text: 'a request that is not forwarded' };
const HELLO_FIRST: FrameFault = { status: Status.unauthenticated, text: 'hello first' };
/** The id of replies that answer no request. */
const NO_REQUEST = 0;
