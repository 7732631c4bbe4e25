/**
 * The requests of one session that other nodes are to answer, in the client's order, and what waits behind them. Made with the first such
 * request of a session.
 *
 *     first ──► request ──► request ──► request         replies leave from the front only
 *                reply?      reply?      reply?
 *                behind      behind      behind          replies of this node in between
 */
import type { PeerLink } from '../../cluster/peer-link.ts';
import { Trait } from '../command-table.ts';
import { WrittenSlots } from '../replicas/written-slots.ts';
import type { ForwardedRequest } from './forwarded-request.ts';

/** Requests of one session that may be under way at once. */
export const SESSION_FORWARDS_MAX = 128;
/** What a reply is taken to be long until some have come: a new session begins with a few requests, whatever it asks for. */
const FIRST_REPLY_BYTES = 64 * 1024;
/** Part that the newest reply has in the average. */
const AVERAGE_PART = 1 / 8;

export class SessionForwards {
  count = 0;
  first: ForwardedRequest | null = null;
  private last: ForwardedRequest | null = null;
  /** Bytes that are kept for all of them. */
  keptBytes = 0;
  /** Version of the slot table before the first of them was judged: under another one a later request may belong elsewhere. */
  slotTableVersion = 0;
  /** One of them was refused and is sent again: no further one is sent until all are answered, or it might come first. */
  isSettling = false;
  /** Its next request waits: until all are answered, or for room here or in `link`. */
  isHeld = false;
  needsAll = false;
  link: PeerLink | null = null;
  /** Where the session has written, by the links to the nodes that did it. */
  readonly written = new Map<PeerLink, WrittenSlots>();
  /** It is in the list of sessions to which replies went. */
  isTouched = false;
  private averageReplyBytes = FIRST_REPLY_BYTES;

  add(request: ForwardedRequest): void {
    if (this.last === null) this.first = request;
    else this.last.next = request;
    this.last = request;
    this.count += 1;
  }

  /** Takes the first one out; what it keeps was forgotten before. */
  shift(): ForwardedRequest {
    const request = this.first!;
    this.first = request.next;
    if (this.first === null) this.last = null;
    this.count -= 1;
    return request;
  }

  /** Puts replies of this node behind all that is under way. */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.last!.behind.append(bytes, start, end);
    this.keptBytes += end - start;
  }

  /** A write to `slot` went over `link`, and was answered. */
  noteWritten(link: PeerLink, slot: number): void {
    const slots = this.written.get(link) ?? new WrittenSlots();
    this.written.set(link, slots);
    slots.add(slot);
  }

  noteReply(length: number): void {
    this.averageReplyBytes += (length - this.averageReplyBytes) * AVERAGE_PART;
  }

  /** Whether another request would keep more than `bytesMax`, by what replies were long so far, or is one too many. */
  isFull(bytesMax: number): boolean {
    if (this.count === 0) return false;
    return this.count >= SESSION_FORWARDS_MAX || this.expectedBytes > bytesMax;
  }

  /** Whether there is room again for more than one request. */
  hasRoom(bytesMax: number): boolean {
    return this.count <= SESSION_FORWARDS_MAX >> 1 && (this.count === 0 || this.expectedBytes <= bytesMax >> 1);
  }

  /** Whether what has these traits must wait until all replies are there, and not only keep its place: it changes what the session is, or asks about them. */
  mustAwait(traits: number): boolean {
    return this.count !== 0 && (traits & (Trait.changesConnection | Trait.mayBlock)) !== 0;
  }

  /** Whether the slot table has changed since the first of those that are under way was judged. */
  isOfAnotherVersion(slotTableVersion: number): boolean {
    return this.count !== 0 && slotTableVersion !== this.slotTableVersion;
  }

  /**
   * Whether `request`, sent over `link` now, might be run before one on the same slot that the client sent earlier: one that waits to be sent
   * again, or is under way to somebody else.
   */
  overtakes(request: ForwardedRequest, link: PeerLink): boolean {
    for (let earlier = this.first; earlier !== null && earlier !== request; earlier = earlier.next) {
      if (!earlier.isAnswered && earlier.slot === request.slot && earlier.link !== link) return true;
    }
    return false;
  }

  private get expectedBytes(): number {
    return this.keptBytes + this.count * this.averageReplyBytes;
  }
}
