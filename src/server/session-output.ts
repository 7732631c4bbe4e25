/**
 * The way out of a data thread: replies from the shared writer to the socket in one write, what the socket does not take to
 * the session's own queue, and pushed messages behind it.
 *
 *     writer.bytes --write--> socket            as long as nothing is queued
 *            \--append--> session.output --write on drain--> socket
 *
 * The end of a session's queue may have to wait for something else than the socket (reply-gate/held-replies.ts).
 *
 * Between `gather` and `endGathering` replies of several sessions wait for each other, to be handed to the system in one call (`WriteBatch`). Whatever
 * else is to be sent to one of these sessions sends them first.
 *
 * A session's queue never passes `limits.outputBufferBytesMax`: one that would is dropped and the connection closed.
 * Closing happens in `flush*` and `close*` only, never inside `deliver`, which runs in the middle of a command.
 */
import type { Limits } from '../config/node-options.ts';
import { WRITE_CLOSED, WRITE_RETAINED, type WriteBatch } from '../io/transport.ts';
import type { OutputBytes } from '../protocol/output-bytes.ts';
import type { Clock, Log } from './environment.ts';
import type { Outbox } from './outbox.ts';
import { OutputBuffer } from './output-buffer.ts';
import type { Session } from './session.ts';
import type { Traffic } from './traffic.ts';

/** Keeps what follows replies that are not there yet. */
export interface BehindReplies {
  keepBehind(session: Session, bytes: Uint8Array, start: number, end: number): void;
}

/** Tells whether requests that were served may be answered, in a cluster. */
export interface ServingRight {
  /** Some request of the batch at hand was served by that right. */
  readonly hasServed: boolean;
  mayServe(monotonicMs: number): boolean;
}

/** After so long replies wait for no further batch. */
const GATHERING_MS_MAX = 0.1;
/** Where at least so much is left of replies, a new buffer for the next ones costs less than a copy of these. */
const ADOPTED_BYTES_MIN = 64 * 1024;

export class SessionOutput implements Outbox {
  /** The session whose command is running, or null. */
  current: Session | null = null;
  /** About how much was queued since the last `flushScheduled`. */
  scheduledBytes = 0;
  /** The writer of the session whose batch is running: that of its protocol. */
  writer: OutputBytes;
  /** Of a node in a cluster, this and the next. */
  private behind: BehindReplies | null = null;
  private right: ServingRight | null = null;
  /** Where replies are gathered; null where each is sent by itself. */
  private readonly batch: WriteBatch | null;
  private isGathering = false;
  private gatheringSinceMs = 0;
  /** The sessions whose replies are in `batch`, each at its place there. */
  private readonly gathered: (Session | null)[];
  /** 1 where the replies may leave only as long as the right to serve lasts. */
  private readonly gatheredServed: Uint8Array;
  private readonly limits: Limits;
  private readonly traffic: Traffic;
  private readonly clock: Clock;
  private readonly log: Log;
  /** Messages for `current`, to follow the reply that is being written. */
  private readonly deferred = new OutputBuffer();
  private scheduled: Session[] = [];

  constructor(
    writer: OutputBytes,
    limits: Limits,
    traffic: Traffic,
    clock: Clock,
    log: Log,
    batch: WriteBatch | null = null,
  ) {
    this.writer = writer;
    this.batch = batch;
    const places = batch === null ? 0 : batch.starts.length;
    this.gathered = Array.from({ length: places }, () => null);
    this.gatheredServed = new Uint8Array(places);
    this.limits = limits;
    this.traffic = traffic;
    this.clock = clock;
    this.log = log;
  }

  /** To be called once, before the first batch. */
  serve(behind: BehindReplies | null, right: ServingRight | null): void {
    this.behind = behind;
    this.right = right;
  }

  /** Whether messages for the current session wait for `flushDeferred`. */
  get hasDeferred(): boolean {
    return this.deferred.length > 0;
  }

  deliver(session: Session, bytes: Uint8Array, start: number, end: number): void {
    if (session.closed || session.closing || session.overflowed || session.isRefused) return;
    if (session === this.current) {
      const waiting = session.unsentBytes + this.writer.length + this.deferred.length;
      if (waiting + (end - start) > this.limits.outputBufferBytesMax) this.overflow(session);
      else this.deferred.append(bytes, start, end);
      return;
    }
    this.enqueue(session, bytes, start, end);
    this.schedule(session);
  }

  /** Has `session` looked at by the next `flushScheduled`. */
  schedule(session: Session): void {
    if (session.flushScheduled) return;
    session.flushScheduled = true;
    this.scheduled.push(session);
  }

  /** Puts the deferred messages after the replies written so far. */
  flushDeferred(session: Session): void {
    this.enqueueInOrder(session, this.writer.bytes, 0, this.writer.length);
    this.writer.reset();
    const { deferred } = this;
    while (deferred.length > 0) {
      this.enqueueInOrder(session, deferred.bytes, deferred.start, deferred.end);
      deferred.consume(deferred.end - deferred.start);
    }
    this.schedule(session);
  }

  /** Drops what the current session was to be sent: its connection is being closed. */
  discard(): void {
    this.writer.reset();
    this.deferred.release();
  }

  /** Sends the writer's bytes and what is deferred behind them to `session`, or queues what its socket does not take. The writer is empty afterwards. */
  flushReplies(session: Session): void {
    if (this.hasDeferred) {
      this.flushDeferred(session);
      return;
    }
    const { writer } = this;
    const { length } = writer;
    if (length === 0) return;
    if (session.isGathered) this.sendGathered();
    if (session.closed || session.isRefused) {
      writer.reset();
      return;
    }
    if (isAwaitingOthers(session)) {
      this.behind!.keepBehind(session, writer.bytes, 0, length);
      writer.reset();
      return;
    }
    if (session.awaitingDrain || session.output.length > 0 || session.holdsReplies) {
      this.enqueue(session, writer.bytes, 0, length);
      writer.reset();
      this.flushQueue(session);
      return;
    }
    if (this.isGathering && this.gatherReplies(session)) {
      writer.reset();
      return;
    }
    const taken = session.connection.write(writer.bytes, 0, length);
    this.traffic.writeCount += 1;
    if (taken === length) {
      this.countSent(session, length);
      writer.reset();
    } else if (taken === WRITE_RETAINED) {
      this.countSent(session, length);
      this.retain(session, length);
      writer.replaceBuffer();
    } else if (taken === WRITE_CLOSED) {
      writer.reset();
    } else {
      this.countSent(session, taken);
      this.keepRest(session, taken);
      this.awaitDrain(session);
      this.closeIfOverflowed(session);
    }
  }

  /** The replies of the sessions to come leave together, as far as that can be. */
  gather(): void {
    this.isGathering = this.batch !== null;
  }

  /** A batch has ended: sends what was gathered if it has waited long enough. */
  sendGatheredAt(monotonicMs: number): void {
    if (this.batch === null || this.batch.count === 0) return;
    if (this.batch.count === 1) this.gatheringSinceMs = monotonicMs;
    else if (monotonicMs - this.gatheringSinceMs >= GATHERING_MS_MAX) this.sendGathered();
  }

  endGathering(): void {
    this.sendGathered();
    this.isGathering = false;
    this.flushScheduled();
  }

  /**
   * Sends what was gathered, unless the right to answer it has ended meanwhile: then `flushScheduled` closes the connection. Closes nothing itself, as it may be
   * called in the middle of a command.
   */
  sendGathered(): void {
    const { batch, gathered, gatheredServed, right } = this;
    if (batch === null || batch.count === 0) return;
    const mayServe = right === null || right.mayServe(this.clock.monotonicMs());
    for (let i = 0; i < batch.count; i += 1) {
      const session = gathered[i]!;
      session.isGathered = false;
      if (mayServe || gatheredServed[i] === 0) continue;
      batch.drop(i);
      session.isRefused = true;
      this.schedule(session);
    }
    batch.send();
    this.traffic.writeCount += batch.count;
    for (let i = 0; i < batch.count; i += 1) {
      const taken = batch.taken[i]!;
      if (taken === WRITE_CLOSED) continue;
      const session = gathered[i]!;
      this.countSent(session, taken);
      const start = batch.starts[i]! + taken;
      if (start === batch.ends[i]!) continue;
      this.enqueue(session, batch.bytes, start, batch.ends[i]!);
      this.awaitDrain(session);
    }
    gathered.fill(null, 0, batch.count);
    batch.clear();
  }

  /** Puts the writer's bytes among what is gathered. False: they must be sent by themselves. */
  private gatherReplies(session: Session): boolean {
    const { batch, right, writer } = this;
    const place = batch!.count;
    if (session.closing || !batch!.add(session.connection, writer.bytes, 0, writer.length)) return false;
    this.gathered[place] = session;
    this.gatheredServed[place] = right !== null && right.hasServed ? 1 : 0;
    session.isGathered = true;
    return true;
  }

  /** Sends what is queued for the sessions that got messages in this batch. */
  flushScheduled(): void {
    this.scheduledBytes = 0;
    if (this.scheduled.length === 0) return;
    const sessions = this.scheduled;
    this.scheduled = [];
    for (const session of sessions) {
      session.flushScheduled = false;
      this.flushQueue(session);
    }
  }

  /** The socket takes bytes again. */
  drained(session: Session): void {
    session.awaitingDrain = false;
    session.retainedBytes = 0;
    session.outputProgressAtMs = this.clock.monotonicMs();
    this.flushQueue(session);
  }

  /** Sends what is queued for `session`, as far as its socket takes it, and closes it where that is due. */
  flushQueue(session: Session): void {
    if (session.isGathered) this.sendGathered();
    if (session.isRefused) session.connection.destroy();
    if (session.closed || this.closeIfOverflowed(session)) return;
    const { output } = session;
    while (!session.awaitingDrain) {
      const mayLeave = output.length - session.heldBytes;
      if (mayLeave === 0) break;
      const length = Math.min(output.end - output.start, mayLeave);
      const taken = session.connection.write(output.bytes, output.start, output.start + length);
      this.traffic.writeCount += 1;
      if (taken === WRITE_RETAINED) {
        this.countSent(session, length);
        output.giveAway(length);
        this.retain(session, length);
      } else if (taken === WRITE_CLOSED) {
        this.forget(session);
        return;
      } else {
        this.countSent(session, taken);
        output.consume(taken);
        if (taken < length) this.awaitDrain(session);
      }
    }
    this.endIfDone(session);
  }

  /** Ends a session that is closing once the transport has all of its output. */
  endIfDone(session: Session): void {
    if (!session.closing || session.closed || session.ending || session.output.length > 0) return;
    if (isAwaitingOthers(session)) return;
    session.ending = true;
    session.connection.end();
  }

  /** Queues what the socket left of the writer's bytes; of large replies the buffer itself, so that no value is copied twice. */
  private keepRest(session: Session, taken: number): void {
    const { writer, limits } = this;
    const { length } = writer;
    const rest = length - taken;
    if (rest < ADOPTED_BYTES_MIN || rest > limits.outputBufferBytesMax) {
      this.enqueue(session, writer.bytes, taken, length);
      writer.reset();
      return;
    }
    session.outputProgressAtMs = this.clock.monotonicMs();
    session.output.adopt(writer.bytes, taken, length);
    this.scheduledBytes += rest;
    writer.replaceBuffer();
  }

  /** Queues replies that came from elsewhere, behind all that is queued; `schedule` is the caller's. */
  enqueueReplies(session: Session, bytes: Uint8Array, start: number, end: number): void {
    if (start < end && !session.closed) this.enqueue(session, bytes, start, end);
  }

  /** Whether `keptBytes` beside what is unsent are more than may be kept for the session, which is then given up. */
  isTooMuch(session: Session, keptBytes: number): boolean {
    if (session.unsentBytes + keptBytes <= this.limits.outputBufferBytesMax) return false;
    this.overflow(session);
    return true;
  }

  private enqueueInOrder(session: Session, bytes: Uint8Array, start: number, end: number): void {
    if (isAwaitingOthers(session)) this.behind!.keepBehind(session, bytes, start, end);
    else this.enqueue(session, bytes, start, end);
  }

  private enqueue(session: Session, bytes: Uint8Array, start: number, end: number): void {
    if (session.isGathered) this.sendGathered();
    if (session.overflowed || session.isRefused) return;
    if (session.unsentBytes + (end - start) > this.limits.outputBufferBytesMax) {
      this.overflow(session);
      return;
    }
    if (session.unsentBytes === 0) session.outputProgressAtMs = this.clock.monotonicMs();
    session.output.append(bytes, start, end);
    if (session.held !== null) session.held.append(end - start);
    this.scheduledBytes += end - start;
  }

  /** Gives up on a session that has more to read than may be kept; the next flush closes it. */
  private overflow(session: Session): void {
    session.overflowed = true;
    this.forget(session);
    this.schedule(session);
  }

  /** Drops what is queued for a session, whatever it waits for. */
  forget(session: Session): void {
    session.output.release();
    session.held?.clear();
  }

  private closeIfOverflowed(session: Session): boolean {
    if (!session.overflowed || session.closed) return session.overflowed;
    this.traffic.outputLimitCloses += 1;
    const { outputBufferBytesMax } = this.limits;
    this.log(
      'warn',
      `closing ${session.connection.remoteAddress}: more than ${outputBufferBytesMax} bytes of output wait for it`,
    );
    session.connection.destroy();
    return true;
  }

  private awaitDrain(session: Session): void {
    if (!session.awaitingDrain) session.outputProgressAtMs = this.clock.monotonicMs();
    session.awaitingDrain = true;
  }

  private retain(session: Session, length: number): void {
    session.retainedBytes += length;
    this.awaitDrain(session);
  }

  private countSent(session: Session, length: number): void {
    session.sentBytes += length;
    this.traffic.sentBytes += length;
  }
}

/** Whether replies of other nodes come before what is written now. */
function isAwaitingOthers({ forwards }: Session): boolean {
  return forwards !== null && forwards.count !== 0;
}
