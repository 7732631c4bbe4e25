/**
 * One data thread: the connections that it serves, and the loop from bytes to replies.
 *
 *     onData ── decode in the receive buffer ── dispatch ── replies in one writer ── one write
 *        │ what is left over                                       │ what the socket does not take
 *        ▼                                                         ▼
 *     session.input                                           session.output
 *
 * A batch is all that one `onData` brings: the store is entered once, and all replies leave in one write, or with those of other
 * sessions; some leave before, whenever FLUSH_BYTES of them have come together. A session whose peer does not read is held: its requests
 * wait, unread or in `session.input`, until the socket drains. So reads of large values in a pipeline cost `limits.outputPauseBytes` and one reply.
 *
 * Invariants: the writer is empty between batches; a held session's connection is paused; nothing in
 * here or below throws on what a peer sends, and what is thrown all the same closes that one connection.
 */
import type { Connection, ConnectionHandler } from '../io/transport.ts';
import { NEED_MORE } from '../protocol/resp/decoder.ts';
import type { RespWriter } from '../protocol/resp/writer.ts';
import { REQUEST_MAGIC } from '../protocol/shoal/frame.ts';
import type { ShoalWriter } from '../protocol/shoal/writer.ts';
import { BatchClock } from './batch-clock.ts';
import type { Codec } from './codec.ts';
import { Dispatcher } from './dispatch.ts';
import { Executed } from './executed.ts';
import type { NodeEnvironment } from './environment.ts';
import type { Forwarder } from './forwarding/forwarder.ts';
import type { ForwardHost } from './forwarding/forwarder-parts.ts';
import { refusesInput, reportFault } from './lost-session.ts';
import type { MutableContext } from './mutable-context.ts';
import type { NodeGate } from './node-gate.ts';
import { PausedSessions } from './paused-sessions.ts';
import { dropsReply } from './reply-mode.ts';
import type { ReplyGate, ReplyGateHost } from './reply-gate/reply-gate.ts';
import type { BlockedCommand, WaitState } from './reply-gate/reply-wait.ts';
import { RefusedConnections } from './refused-connections.ts';
import { RespCodec } from './resp-codec.ts';
import { Hold, type Session } from './session.ts';
import { admit } from './session-admission.ts';
import { clearSession } from './session-cleanup.ts';
import { SessionGroup } from './session-group.ts';
import type { SessionOutput } from './session-output.ts';
import { ShoalCodec } from './shoal-codec.ts';
import { ThreadControl } from './thread-control.ts';
import type { MailSource } from './threads/threads.ts';

export interface DataThreadParts {
  readonly context: MutableContext;
  readonly gate: NodeGate;
  readonly respWriter: RespWriter;
  readonly shoalWriter: ShoalWriter;
  readonly output: SessionOutput;
  readonly environment: NodeEnvironment;
  /** Null where there is no other thread. */
  readonly mail: MailSource | null;
  /** Null where the node is in no cluster. */
  readonly forwarder: Forwarder | null;
  readonly replies: ReplyGate;
}

export class DataThread implements ConnectionHandler, ForwardHost, ReplyGateHost {
  readonly control: ThreadControl;
  readonly group: SessionGroup;
  private readonly context: MutableContext;
  private readonly resp: RespCodec;
  private readonly shoal: ShoalCodec;
  private readonly output: SessionOutput;
  private readonly environment: NodeEnvironment;
  private readonly mail: MailSource | null;
  private readonly dispatcher: Dispatcher;
  private readonly forwarder: Forwarder | null;
  private readonly replies: ReplyGate;
  /** Called after each connection's end. */
  onConnectionGone: (() => void) | null = null;
  readonly refused = new RefusedConnections();
  private readonly times: BatchClock;
  private readonly paused = new PausedSessions();

  constructor(parts: DataThreadParts) {
    const { context, gate, output, forwarder, replies, respWriter, shoalWriter } = parts;
    this.context = context;
    this.output = output;
    this.environment = parts.environment;
    this.mail = parts.mail;
    this.forwarder = forwarder;
    this.replies = replies;
    this.dispatcher = new Dispatcher(context, gate);
    output.serve(forwarder, this.dispatcher.slots);
    this.resp = new RespCodec(respWriter, this.dispatcher);
    this.shoal = new ShoalCodec(shoalWriter, this.dispatcher, context);
    this.times = new BatchClock(parts.environment.clock, context.node.statistics);
    this.group = new SessionGroup(context.store, output, this.times, [this.resp, this.shoal]);
    const { dispatcher, paused } = this;
    const writers = [respWriter, shoalWriter];
    this.control = new ThreadControl({ context, gate, dispatcher, output, replies, paused, forwarder, writers });
    context.control = this.control;
    forwarder?.serve(this);
    replies.serve(this);
  }

  onOpen(connection: Connection): void {
    const { clock } = this.environment;
    const session = admit(connection, this.resp, this.context, clock);
    connection.context = session;
    if (session === null) this.refused.turnAway(connection, clock.monotonicMs());
  }

  lookAhead(connection: Connection, bytes: Uint8Array, start: number, end: number): void {
    const session = connection.context as Session | null;
    if (session !== null) this.group.lookAhead(session, bytes, start, end);
  }

  onData(connection: Connection, bytes: Uint8Array, start: number, end: number): void {
    const session = connection.context as Session | null;
    if (session === null || session.closing || session.closed) return;
    const { traffic } = this.context.node;
    const length = end - start;
    this.group.makeWay(length);
    if (session.receivedBytes === 0 && bytes[start] === REQUEST_MAGIC) session.speakShoal(this.shoal);
    session.receivedBytes += length;
    traffic.receivedBytes += length;
    traffic.readCount += 1;
    this.beginBatch(session);
    try {
      if (session.input.length === 0 && session.holds === 0) {
        session.batchBytes = length;
        const processed = this.process(session, bytes, start, end);
        session.batchBytes = 0;
        if (processed < end) session.input.append(bytes, processed, end);
      } else {
        session.input.append(bytes, start, end);
        this.processInput(session);
      }
      if (refusesInput(session, this.context.limits, traffic, this.environment.log))
        this.control.closeAfterReply(session);
      session.input.receiveRest(connection);
    } catch (fault) {
      this.fail(session, fault);
    }
    this.endBatch(session);
  }

  onDrain(connection: Connection): void {
    const session = connection.context as Session | null;
    if (session === null || session.closed) return;
    this.output.drained(session);
    if ((session.holds & Hold.output) !== 0) this.releaseIfRead(session);
  }

  onClose(connection: Connection, error: Error | null): void {
    this.onConnectionGone?.();
    const session = connection.context as Session | null;
    if (session === null) {
      this.refused.forget(connection);
      return;
    }
    if (session.closed) return;
    session.closed = true;
    if (error !== null) this.environment.log('debug', `${connection.remoteAddress} closed: ${error.message}`);
    this.context.node.clients.remove(session);
    clearSession(session, this.context.store, this.context.node);
    this.forwarder?.forget(session);
    session.input.release();
    this.output.forget(session);
  }

  /** Does what other threads ask for; to be called when mail has come and no batch runs. */
  mailArrived(): void {
    this.mail?.readMail();
    this.output.flushScheduled();
    this.forwarder?.endBatch();
    if (this.paused.isDue) this.releasePaused();
    this.replies.look();
  }

  /** Sends what was scheduled outside a batch. */
  sendScheduled(): void {
    this.output.flushScheduled();
  }

  releaseForwards(session: Session): void {
    this.release(session, Hold.forwards);
  }

  repliesSent(session: Session): void {
    if ((session.holds & Hold.output) === 0) this.holdIfUnread(session);
  }

  /** Requests that other nodes are to answer are given up, and nothing is waited for any more. */
  stop(): void {
    this.forwarder?.close();
    this.replies.close();
  }

  repliesOpened(session: Session, areServed: boolean): void {
    const { slots } = this.dispatcher;
    if (areServed && !slots!.mayServe(this.environment.clock.monotonicMs())) {
      session.connection.destroy();
      return;
    }
    session.outputProgressAtMs = this.environment.clock.monotonicMs();
    this.output.flushQueue(session);
    if (session.closed) return;
    if ((session.holds & Hold.output) !== 0) this.releaseIfRead(session);
    this.fewerWait(session);
  }

  fewerWait(session: Session): void {
    const isHeld = !session.closed && (session.holds & Hold.replies) !== 0;
    if (isHeld && !this.replies.holdsRequests(session)) this.release(session, Hold.replies);
  }

  unblock(session: Session, blocked: BlockedCommand, state: WaitState): void {
    this.beginBatch(session);
    session.codec.answerBlocked(session, blocked, state);
    this.endBatch(session);
    if (!session.closed) this.release(session, Hold.blocked);
  }

  /** Lets the sessions go on that CLIENT PAUSE held back, if it is over. They find out for themselves if it is not. */
  releasePaused(): void {
    this.paused.release(() => {
      for (const session of this.context.node.clients.all()) {
        if ((session.holds & Hold.pause) !== 0) this.release(session, Hold.pause);
      }
    });
  }

  private beginBatch(session: Session): void {
    const { context, times } = this;
    times.begin();
    context.nowMs = times.nowMs;
    session.lastRequestAtMs = times.nowMs;
    session.activeAtMs = times.startedAtMs;
    session.codec.begin(session);
    this.output.writer = session.codec.writer;
    this.output.current = session;
    context.store.countsUse = !session.noTouch;
    if (this.dispatcher.slots !== null) this.dispatcher.slots.hasServed = false;
    context.store.enter();
    // After entering: what an exclusive section of another thread told all comes before this batch.
    if (this.mail !== null && this.mail.hasMail) this.mail.readMail();
    // What came before the batch goes out before its replies.
    if (this.output.hasDeferred) this.output.flushDeferred(session);
    this.replies.begin();
  }

  private endBatch(session: Session): void {
    this.context.store.leave();
    this.sendReplies(session, this.times.end());
    this.output.sendGatheredAt(this.times.startedAtMs);
    this.output.current = null;
    if ((session.holds & Hold.output) === 0) this.holdIfUnread(session);
    this.output.flushScheduled();
    this.forwarder?.endBatch();
    if (this.paused.isDue) this.releasePaused();
    if (this.replies.isDue) this.replies.look();
  }

  /** Executes the requests in `bytes[start..end)`; returns where the first byte is that was not consumed. */
  private process(session: Session, bytes: Uint8Array, start: number, end: number): number {
    // Another thread's CLIENT KILL may have come when the batch began.
    if (session.closing) return end;
    const { codec } = session;
    let offset = start;
    while (offset < end) {
      const taken = codec.decode(session, bytes, offset, end);
      if (taken <= 0) {
        if (taken === NEED_MORE) return offset;
        this.refuseProtocol(session, codec);
        return end;
      }
      const executed = codec.execute(session);
      if (executed === Executed.postponed) {
        this.hold(session, Hold.pause);
        this.paused.noteHeld();
        return offset;
      }
      if (executed >= Executed.elsewhere && !this.passOn(session, codec, executed))
        return session.closed ? end : offset;
      if (executed === Executed.hostile) {
        this.output.discard();
        session.connection.destroy();
      }
      if (this.output.hasDeferred) {
        this.keepReplies(session);
        this.output.flushDeferred(session);
      }
      if (session.closing || session.closed) return end;
      if (executed === Executed.blocked) this.hold(session, Hold.blocked);
      if (session.detachedCount !== 0 && this.replies.noteDetached(session)) this.hold(session, Hold.replies);
      if (this.output.scheduledBytes > SCHEDULED_BYTES) {
        this.output.flushScheduled();
        if (session.closed) return end;
        if (this.holdIfUnread(session)) return offset + taken;
      }
      offset += taken;
      if (codec.writer.length > FLUSH_BYTES) {
        this.sendReplies(session, null);
        if (session.closed) return end;
        this.holdIfUnread(session);
      }
      if (session.holds !== 0) return offset;
    }
    return offset;
  }

  /**
   * Sends, or has gathered to be sent, what the batch has answered so far, unless the right to answer it has ended meanwhile: another node may have what was written
   * here, so the client must not be told that it was done. `monotonicMs`: null for the clock's, where it matters.
   */
  private sendReplies(session: Session, monotonicMs: number | null): void {
    const { slots } = this.dispatcher;
    if (slots !== null && !slots.mayAnswer(monotonicMs ?? this.environment.clock.monotonicMs())) {
      this.output.discard();
      session.connection.destroy();
      return;
    }
    this.keepReplies(session);
    this.output.flushReplies(session);
  }

  /** Has what is written now wait for what the requests so far have done, where it must, behind what clients that cache are told of it. */
  private keepReplies(session: Session): void {
    this.context.node.tracking.matchOwn();
    if (this.replies.keep(session, this.dispatcher.slots)) this.hold(session, Hold.replies);
  }

  /** Sends the request that was read last to the node that has its keys. False where it must wait, or the session is closed. */
  private passOn(session: Session, codec: Codec, executed: Executed): boolean {
    const [forwarder, slots] = [this.forwarder!, this.dispatcher.slots!];
    if (executed === Executed.behindOthers) forwarder.awaitAll(session);
    else if (forwarder.mayTake(session, slots)) {
      this.sendReplies(session, null);
      if (session.closed) return false;
      forwarder.pass(session, codec, slots, dropsReply(session));
      return true;
    }
    this.hold(session, Hold.forwards);
    return false;
  }

  private processInput(session: Session): void {
    const { input } = session;
    if (session.holds !== 0 || input.length === 0) return;
    const end = this.process(session, input.bytes, input.start, input.end);
    if (!session.closed) input.consume(end - input.start);
  }

  private refuseProtocol(session: Session, codec: Codec): void {
    const { traffic, statistics } = this.context.node;
    traffic.protocolErrors += 1;
    statistics.recordError('ERR');
    codec.refuseProtocol(session);
    this.control.closeAfterReply(session);
  }

  private holdIfUnread(session: Session): boolean {
    if (session.unsentBytes <= this.context.limits.outputPauseBytes || session.closed) return false;
    this.hold(session, Hold.output);
    return true;
  }

  private releaseIfRead(session: Session): void {
    if (session.unsentBytes <= this.context.limits.outputPauseBytes >> 1) this.release(session, Hold.output);
  }

  private hold(session: Session, reason: number): void {
    if (session.holds === 0) session.connection.pause();
    session.holds |= reason;
  }

  /** Takes one reason to wait away; without any left, goes on with the requests that waited. */
  private release(session: Session, reason: number): void {
    session.holds &= ~reason;
    if (session.holds !== 0 || session.closed) return;
    session.connection.resume();
    if (session.input.length === 0 || session.closing) return;
    this.beginBatch(session);
    try {
      this.processInput(session);
      session.input.receiveRest(session.connection);
    } catch (fault) {
      this.fail(session, fault);
    }
    this.endBatch(session);
  }

  private fail(session: Session, fault: unknown): void {
    this.output.discard();
    reportFault(session, fault, this.context.node.traffic, this.environment.log);
    session.connection.destroy();
  }
}

/** Replies are sent once this much has come together, so that the peer can begin to read and the writer stays small. */
const FLUSH_BYTES = 64 * 1024;
/** As much of messages is sent in the middle of a batch: they may go to thousands, and who reads fast must not be cut off for what nobody sent yet. */
const SCHEDULED_BYTES = 1024 * 1024;
