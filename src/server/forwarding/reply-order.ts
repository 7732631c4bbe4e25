/**
 * Gives the replies of forwarded requests to the clients in the order in which these asked, counts what is kept for that, and lets sessions
 * go on that wait for replies or for room.
 *
 * It works between batches: `settle` writes to clients and lets sessions go on, and puts that off while a batch runs.
 */
import type { PeerLink } from '../../cluster/peer-link.ts';
import type { Limits } from '../../config/node-options.ts';
import type { Session } from '../session.ts';
import type { SessionOutput } from '../session-output.ts';
import type { ForwardHost } from './forwarder-parts.ts';
import type { ForwardedRequest, ReplyShare } from './forwarded-request.ts';
import { HeldSessions } from './held-sessions.ts';
import type { RequestShelf } from './request-shelf.ts';
import type { SessionForwards } from './session-forwards.ts';

/** What all sessions of the thread may have under way; beyond it their next requests wait. */
const FORWARD_BYTES_MAX: number = 256 * 1024 * 1024;

export interface ReplyOrderParts {
  readonly output: SessionOutput;
  readonly limits: Limits;
  readonly shelf: RequestShelf;
  /** Lets go what sessions have sent to other nodes. */
  readonly flushLinks: () => void;
}

export class ReplyOrder {
  /** Requests under way, of all sessions. */
  inFlightCount = 0;
  private readonly parts: ReplyOrderParts;
  private readonly held = new HeldSessions();
  private host: ForwardHost | null = null;
  private touched: Session[] = [];
  private keptBytes = 0;
  private isSettling = false;
  private isDue = false;

  constructor(parts: ReplyOrderParts) {
    this.parts = parts;
  }

  /** To be called once, before the first request. */
  serve(host: ForwardHost): void {
    this.host = host;
  }

  /** Whether all sessions together keep as much as they may. */
  get isFull(): boolean {
    return this.keptBytes >= FORWARD_BYTES_MAX;
  }

  /** The session is to be held: until there is room, in `link` where that is not null, or until all of its requests are answered. */
  hold(session: Session, until: 'room' | 'all', link: PeerLink | null): void {
    this.held.add(session, session.forwards!, until === 'all', link);
  }

  /** The reply to `request` will come, behind those that its session awaits already. */
  await(request: ForwardedRequest): void {
    const forwards = request.session!.forwards!;
    const { length } = request.frame;
    forwards.add(request);
    this.inFlightCount += 1;
    forwards.keptBytes += length;
    this.keptBytes += length;
  }

  /** The session is gone, and nobody wants its replies. */
  forget(session: Session): void {
    const { forwards } = session;
    if (forwards === null) return;
    session.forwards = null;
    this.held.forget(session);
    while (forwards.count > 0) {
      this.keptBytes -= forwards.first!.keptBytes;
      const request = forwards.shift();
      this.inFlightCount -= 1;
      // One that is under way comes back when it ends.
      if (request.isAnswered) this.parts.shelf.putBack(request);
      else request.session = null;
    }
  }

  /** Gives the reply to the client, or keeps it until those before it have come. */
  give(request: ForwardedRequest, bytes: Uint8Array, start: number, end: number): void {
    const forwards = request.session!.forwards!;
    forwards.noteReply(end - start);
    const { share } = request;
    if (share === null) this.place(request, bytes, request.isMuted ? end : start, end);
    else this.givePart(request, share, share.joined.take(share.part, bytes, start, end, request.isMuted));
  }

  /** The client's reply stands in the place of the last part; the others have none of their own. */
  private givePart(request: ForwardedRequest, share: ReplyShare, reply: Uint8Array): void {
    const { last } = share;
    if (request !== last) {
      last.reply.append(reply, 0, reply.length);
      request.session!.forwards!.keptBytes += reply.length;
      this.keptBytes += reply.length;
    }
    this.place(request, reply, 0, request === last ? reply.length : 0);
  }

  private place(request: ForwardedRequest, bytes: Uint8Array, from: number, end: number): void {
    const session = request.session!;
    const forwards = session.forwards!;
    if (forwards.first === request) {
      this.parts.output.enqueueReplies(session, bytes, from, end);
      this.shift(session, forwards);
      for (let next = forwards.first; next?.isAnswered; next = forwards.first) {
        this.parts.output.enqueueReplies(session, next.reply.bytes, 0, next.reply.length);
        this.shift(session, forwards);
      }
      if (forwards.count === 0) forwards.isSettling = false;
      this.touch(session, forwards);
      return;
    }
    request.isAnswered = true;
    request.reply.append(bytes, from, end);
    forwards.keptBytes += end - from;
    this.keptBytes += end - from;
    if (this.parts.output.isTooMuch(session, forwards.keptBytes)) this.touch(session, forwards);
  }

  /** The first one's reply is with the output: what is behind it follows, and it is done. */
  private shift(session: Session, forwards: SessionForwards): void {
    const { keptBytes } = forwards.first!;
    forwards.keptBytes -= keptBytes;
    this.keptBytes -= keptBytes;
    this.inFlightCount -= 1;
    const request = forwards.shift();
    const { behind } = request;
    if (behind.length > 0) this.parts.output.enqueueReplies(session, behind.bytes, 0, behind.length);
    this.parts.shelf.putBack(request);
  }

  /** Replies of this node behind what is under way; they were allowed to be sent. */
  keepBehind(session: Session, bytes: Uint8Array, start: number, end: number): void {
    const forwards = session.forwards!;
    forwards.append(bytes, start, end);
    this.keptBytes += end - start;
    if (this.parts.output.isTooMuch(session, forwards.keptBytes)) this.touch(session, forwards);
  }

  /** After a batch: what was put off. */
  settleDue(): void {
    if (this.isDue) this.settle();
  }

  private touch(session: Session, forwards: SessionForwards): void {
    this.parts.output.schedule(session);
    if (!forwards.isTouched) {
      forwards.isTouched = true;
      this.touched.push(session);
    }
    // Requests that fail inside a batch have nobody else who would look.
    this.isDue = true;
  }

  /** Writes to clients what has come for them, sends what is to go, and lets sessions go on; later, where a batch runs. */
  settle(): void {
    if (this.isSettling || this.parts.output.current !== null) {
      this.isDue = true;
      return;
    }
    const { host } = this;
    if (host === null) return;
    const { outputPauseBytes } = this.parts.limits;
    this.isSettling = true;
    do {
      this.isDue = false;
      this.parts.output.flushScheduled();
      const { touched } = this;
      this.touched = [];
      for (const session of touched) {
        if (session.forwards !== null) session.forwards.isTouched = false;
        if (!session.closed) host.repliesSent(session);
      }
      this.parts.flushLinks();
      if (!this.isFull) this.held.release(outputPauseBytes, (session) => host.releaseForwards(session));
    } while (this.isDue);
    this.isSettling = false;
  }
}
