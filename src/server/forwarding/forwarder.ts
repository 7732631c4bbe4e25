/**
 * What a data thread does with requests whose keys another node has: sends them to that node over a link of its own, again where that
 * is needed, and has the replies given to the clients in the order of their requests.
 *
 *     data thread ── mayTake, pass ─► link to the owner ──► its data thread (IncomingForwards)
 *          ▲                            │ reply
 *          └───── ReplyOrder ◄──────────┤
 *                                       └ moved, tryAgain, lost ──► again, where that is safe and in time
 *
 * A request is sent again where nobody can have run it (it was refused, or never left), or where it only reads. Otherwise, and
 * when FORWARD_MS_MAX is over, the client is told so by an error. Requests of one client on one slot run in the client's order, however
 * often they are refused: the link keeps order, the receiver refuses what overtakes (protocol/shoal/forward.ts), and after a refusal no new request
 * of the client is sent until all are answered.
 */
import { LinkFault, type LinkReply } from '../../cluster/link-requests.ts';
import { LINK_TICK_MS, type PeerLink } from '../../cluster/peer-link.ts';
import type { Command } from '../../protocol/command.ts';
import { writeU32 } from '../../protocol/shoal/bytes.ts';
import { ForwardForm } from '../../protocol/shoal/forward.ts';
import { AT_REQUEST_ID, Status } from '../../protocol/shoal/frame.ts';
import type { SlotGate } from '../cluster/slot-gate.ts';
import type { Codec } from '../codec.ts';
import type { TimerHandle } from '../environment.ts';
import type { Session } from '../session.ts';
import type { ForwarderParts, ForwardHost } from './forwarder-parts.ts';
import type { ForwardedOutcome, ForwardedRequest } from './forwarded-request.ts';
import {
  clusterTag,
  errorReply,
  movedTo,
  OWNER_REFUSES,
  SLOT_NOT_SERVED,
  STILL_MOVING,
  UNCERTAIN,
  UNREACHABLE,
} from './forward-replies.ts';
import { ForwardRetries } from './forward-retries.ts';
import { LinkPool } from './link-pool.ts';
import { ReplyOrder } from './reply-order.ts';
import { askOwners, type OwnerAnswers } from './owner-answers.ts';
import { RequestShelf } from './request-shelf.ts';
import { SessionForwards } from './session-forwards.ts';
import { JoinedReply, splitCommand } from './split-command.ts';

/** How long a request may take, all attempts together, beside what its owner waits for replicas; as long as one that waits here for its slot. */
export const FORWARD_MS_MAX = 5000;
/** Between a refusal that will pass and the next attempt: doubled from one to the next. */
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 20;
/** How often a request is sent straight on to where its keys have moved; then it waits as after any refusal. */
const HOPS_MAX = 4;
/** What the owner's input may have to hold beside the request itself. */
const FRAME_MARGIN_BYTES = 64 * 1024;

export class Forwarder implements ForwardedOutcome {
  /** Hash of the cluster's name, which goes with each request. */
  readonly clusterTag: number;
  private readonly parts: ForwarderParts;
  private readonly links: LinkPool;
  private readonly shelf = new RequestShelf(this);
  private readonly replies: ReplyOrder;
  private readonly retries: ForwardRetries;
  private timer: TimerHandle | null = null;

  constructor(parts: ForwarderParts) {
    this.parts = parts;
    const { transport, cluster, clock, timers, random01, password, limits } = parts;
    this.retries = new ForwardRetries(timers, () => this.retry());
    this.clusterTag = clusterTag(cluster.topology.cluster);
    this.links = new LinkPool({
      transport,
      addressOf: (host) => cluster.addressOf(host),
      password,
      name: 'shoal-peer',
      monotonicMs: () => clock.monotonicMs(),
      random01,
      replyBytesMax: () => limits.outputBufferBytesMax,
      onSettled: () => this.replies.settle(),
    });
    this.replies = new ReplyOrder({
      output: parts.output,
      limits,
      shelf: this.shelf,
      flushLinks: () => this.links.flush(),
    });
  }

  /** To be called once, before the first request. */
  serve(host: ForwardHost): void {
    this.replies.serve(host);
  }

  /**
   * Whether the session's next request, which `gate` has judged, may be sent now. If not the session is to be held: it is let go when it is worth
   * another try.
   */
  mayTake(session: Session, gate: SlotGate): boolean {
    const forwards = (session.forwards ??= new SessionForwards());
    const link = gate.hasManySlots ? null : this.links.to(gate.owner!);
    const isBlocked = forwards.isSettling || forwards.isFull(this.parts.limits.outputPauseBytes);
    if (!isBlocked && link?.isFull !== true && !this.replies.isFull) return true;
    this.replies.hold(session, 'room', link);
    return false;
  }

  /** The session is to be held until all of its requests are answered. */
  awaitAll(session: Session): void {
    this.replies.hold(session, 'all', null);
  }

  /** Sends on the request that `codec` has read, which `gate` has judged. What was answered before it must have been handed to the output. */
  pass(session: Session, codec: Codec, gate: SlotGate, isMuted: boolean): void {
    if (session.forwards!.count === 0) session.forwards!.slotTableVersion = gate.judgedVersion;
    if (gate.hasManySlots) {
      this.passParts(session, codec.words!, isMuted);
      return;
    }
    const request = this.newRequest(session, gate.slot, isMuted, codec.ackWaitMs);
    codec.forward(session, request, this.clusterTag);
    this.begin(request, this.links.to(gate.owner!));
  }

  /** A part for each slot, for those of this node too. */
  private passParts(session: Session, command: Command, isMuted: boolean): void {
    const entry = session.lastCommand!;
    const parts = splitCommand(entry, command);
    const joined = new JoinedReply(entry, parts);
    const requests = parts.map((part) => {
      const request = this.newRequest(session, part.slot, isMuted, 0);
      request.form = session.protocol === 3 ? ForwardForm.resp3 : ForwardForm.resp2;
      request.frame.putCommand(part.command, request.form, session.database, this.clusterTag);
      request.share = { part, joined, last: request };
      return request;
    });
    const last = requests.at(-1)!;
    for (const request of requests) {
      request.share!.last = last;
      const owner = this.parts.cluster.ownerOf(request.slot);
      this.begin(request, owner === null ? null : this.links.to(owner));
    }
    // What this node has itself is on its way too: nothing behind it may come first.
    session.forwards!.slotTableVersion = NO_VERSION;
  }

  /** `ackWaitMs`: how long the request itself has its owner wait for replicas. */
  private newRequest(session: Session, slot: number, isMuted: boolean, ackWaitMs: number): ForwardedRequest {
    const { clock, ackTimeoutMs } = this.parts;
    const request = this.shelf.take();
    const timeoutMs = FORWARD_MS_MAX + Math.max(ackWaitMs, ackTimeoutMs);
    request.begin(session, slot, isMuted, clock.monotonicMs() + timeoutMs);
    return request;
  }

  /** `link`: null where nobody has the slot. */
  private begin(request: ForwardedRequest, link: PeerLink | null): void {
    const { length } = request.frame;
    this.replies.await(request);
    this.keepTicking();
    if (length > this.parts.limits.inputBufferBytesMax - FRAME_MARGIN_BYTES) {
      this.fail(request, `ERR A request of ${length} bytes is too long to be passed on to the node that has its keys`);
    } else if (link === null || !this.trySend(request, link)) {
      this.retryLater(request);
    }
  }

  /** See `askOwners`. */
  askOwners(session: Session, replicaCount: number, waitMs: number): OwnerAnswers | null {
    this.keepTicking();
    const deadlineMs = this.parts.clock.monotonicMs() + waitMs + FORWARD_MS_MAX;
    return askOwners(this.links, session, replicaCount, waitMs, deadlineMs);
  }

  private keepTicking(): void {
    this.timer ??= this.parts.timers.every(LINK_TICK_MS, () => this.tick());
  }

  /** The batch is over: what it sent goes out. */
  endBatch(): void {
    this.links.flush();
    this.replies.settleDue();
  }

  /** Links to nodes that are no more are closed: what waits for them would wait in vain. */
  topologyChanged(): void {
    this.links.keepOnly(this.parts.cluster.topology);
  }

  /** The session is gone, and nobody wants its replies. */
  forget(session: Session): void {
    this.replies.forget(session);
  }

  /** Replies of this node behind what is under way; they were allowed to be sent. */
  keepBehind(session: Session, bytes: Uint8Array, start: number, end: number): void {
    this.replies.keepBehind(session, bytes, start, end);
  }

  /** Ends all links; clients that wait are told. */
  close(): void {
    this.timer?.stop();
    this.timer = null;
    this.retries.close();
    this.links.close('this node stops');
  }

  replied(request: ForwardedRequest, reply: LinkReply): void {
    const { status, bytes, valueStart, end } = reply;
    const { session, link } = request;
    if (session === null) {
      this.shelf.putBack(request);
    } else if (status === Status.moved) {
      this.moved(request, bytes.toString('utf8', valueStart, end));
    } else if (status === Status.tryAgain) {
      this.retryLater(request);
    } else {
      if (!request.isReadonly && link !== null) session.forwards!.noteWritten(link, request.slot);
      this.give(request, reply);
    }
  }

  private give(request: ForwardedRequest, { status, bytes, frameStart, valueStart, end }: LinkReply): void {
    if (request.form === ForwardForm.frame) {
      writeU32(bytes, frameStart + AT_REQUEST_ID, request.requestId);
      this.replies.give(request, bytes, frameStart, end);
    } else if (status === Status.ok) {
      this.replies.give(request, bytes, valueStart, end);
    } else {
      const text = bytes.toString('utf8', valueStart, end);
      this.fail(request, status === Status.clusterDown ? `CLUSTERDOWN ${text}` : `${OWNER_REFUSES}: ${text}`);
    }
  }

  failed(request: ForwardedRequest, fault: LinkFault, reason: string): void {
    if (request.session === null) {
      this.shelf.putBack(request);
    } else if (fault === LinkFault.unsent || (fault === LinkFault.lost && request.isReadonly)) {
      this.retryLater(request, `${UNREACHABLE}: ${reason}`);
    } else if (fault === LinkFault.late && request.isReadonly) {
      this.fail(request, `TRYAGAIN The node that has the slot gave no answer within ${FORWARD_MS_MAX} ms`);
    } else {
      this.fail(request, `${UNCERTAIN}: ${reason}`);
    }
  }

  private trySend(request: ForwardedRequest, link: PeerLink): boolean {
    const { frame } = request;
    frame.setRefusals(link.refusalCount);
    if (!link.send(frame.bytes, frame.length, request, request.deadlineMs)) return false;
    request.link = link;
    this.links.noteSent(link);
    return true;
  }

  private moved(request: ForwardedRequest, text: string): void {
    const forwards = request.session!.forwards!;
    forwards.isSettling = true;
    request.link = null;
    const address = movedTo(text);
    request.hopCount += 1;
    const isInTime = this.parts.clock.monotonicMs() < request.deadlineMs;
    if (address !== null && request.hopCount <= HOPS_MAX && isInTime) {
      const link = this.links.at(address.host, address.port);
      if (!forwards.overtakes(request, link) && this.trySend(request, link)) return;
    }
    this.retryLater(request);
  }

  /** Sends it again in a while, to whoever has its slot then. `line`: the error if there is no time for it. */
  private retryLater(request: ForwardedRequest, line: string = STILL_MOVING): void {
    request.session!.forwards!.isSettling = true;
    request.link = null;
    request.trouble = line;
    request.retryMs = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, request.retryMs * 2));
    this.keepForRetry(request, request.retryMs);
  }

  private keepForRetry(request: ForwardedRequest, delayMs: number): void {
    request.retryAtMs = this.parts.clock.monotonicMs() + delayMs;
    if (request.retryAtMs >= request.deadlineMs) this.fail(request, request.trouble);
    else this.retries.add(request);
  }

  private retry(): void {
    this.retries.takeDue(this.parts.clock.monotonicMs(), (request) => this.sendAgain(request));
    this.replies.settle();
  }

  private tick(): void {
    this.links.tick();
    this.replies.settle();
    if (this.replies.inFlightCount > 0 || !this.links.areIdle) return;
    this.timer?.stop();
    this.timer = null;
  }

  private sendAgain(request: ForwardedRequest): void {
    if (request.session === null) {
      this.shelf.putBack(request);
      return;
    }
    request.hopCount = 0;
    if (this.parts.clock.monotonicMs() >= request.deadlineMs) {
      this.fail(request, request.trouble);
      return;
    }
    const owner = this.parts.cluster.ownerOf(request.slot);
    if (owner === null) {
      this.retryLater(request, SLOT_NOT_SERVED);
      return;
    }
    const link = this.links.to(owner);
    // Those before it go first, and soon.
    if (request.session.forwards!.overtakes(request, link)) this.keepForRetry(request, RETRY_MS_MIN);
    else if (!this.trySend(request, link)) this.retryLater(request);
  }

  private fail(request: ForwardedRequest, line: string): void {
    const bytes = errorReply(request.form, request.requestId, line);
    this.replies.give(request, bytes, 0, bytes.length);
  }
}

/** No version of a slot table is this one. */
const NO_VERSION = -1;
