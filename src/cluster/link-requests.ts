/**
 * The requests of a `PeerLink` that have no reply yet, by the number that their frame carries. A number is a place in the table and how often it
 * went round, so finding one costs a load and a comparison, and a late reply to one that was given up finds nobody.
 */

/** How a request ended that got no reply. */
export const LinkFault = {
  /** It never left this process, so nobody has run it. */
  unsent: 0,
  /** The connection ended after it was sent: it may have been run. */
  lost: 1,
  /** Its deadline passed after it was sent: it may have been run, or be run yet. */
  late: 2,
} as const;
export type LinkFault = (typeof LinkFault)[keyof typeof LinkFault];

/** A reply frame, valid during the call that hands it over; one object for all. */
export interface LinkReply {
  readonly status: number;
  readonly bytes: Buffer;
  /** Where the frame begins, its value begins, and both end. */
  readonly frameStart: number;
  readonly valueStart: number;
  readonly end: number;
}

/** Who waits for a reply: exactly one of these is called for each request that was taken, and never inside `send`. */
export interface LinkRequest {
  onReply(reply: LinkReply): void;
  /** `reason` is for people. */
  onFault(fault: LinkFault, reason: string): void;
}

/** Most requests in flight. A power of two. */
export const IN_FLIGHT_MAX = 4096;
/** Twice as many places as requests, so that a free one is near. */
const PLACE_COUNT: number = IN_FLIGHT_MAX * 2;
const PLACE_MASK: number = PLACE_COUNT - 1;
/** The greeting's; no request has it. */
export const GREETING_ID = 0;

export class LinkRequests {
  /** How many are waiting. */
  count = 0;
  /** No deadline is before it. */
  earliestDeadlineMs = Number.POSITIVE_INFINITY;
  private readonly waiting: (LinkRequest | null)[] = new Array<LinkRequest | null>(PLACE_COUNT).fill(null);
  private readonly ids = new Uint32Array(PLACE_COUNT);
  private readonly deadlinesMs = new Float64Array(PLACE_COUNT);
  private readonly queuePlaces = new Float64Array(PLACE_COUNT);
  private nextId = 1;

  get isFull(): boolean {
    return this.count >= IN_FLIGHT_MAX;
  }

  /** Keeps a request whose frame begins at `queuePlace` of the queue, and returns its number. */
  add(request: LinkRequest, deadlineMs: number, queuePlace: number): number {
    let id = this.nextId;
    while (id === GREETING_ID || this.waiting[id & PLACE_MASK] !== null) id = (id + 1) >>> 0;
    this.nextId = (id + 1) >>> 0;
    const place = id & PLACE_MASK;
    this.waiting[place] = request;
    this.ids[place] = id;
    this.deadlinesMs[place] = deadlineMs;
    this.queuePlaces[place] = queuePlace;
    this.count += 1;
    if (deadlineMs < this.earliestDeadlineMs) this.earliestDeadlineMs = deadlineMs;
    return id;
  }

  /** Takes the request with that number out; null where nobody waits for it any more. */
  take(id: number): LinkRequest | null {
    const place = id & PLACE_MASK;
    const request = this.waiting[place]!;
    if (request === null || this.ids[place] !== id) return null;
    this.waiting[place] = null;
    this.count -= 1;
    return request;
  }

  /** Takes out all whose deadline is over, or all (`Infinity`), in the order in which they were added, and gives each to `end`. */
  expire(nowMs: number, end: (request: LinkRequest, queuePlace: number) => void): void {
    if (nowMs < this.earliestDeadlineMs) return;
    let earliestMs = Number.POSITIVE_INFINITY;
    const due: [LinkRequest, number][] = [];
    // From behind the newest number on, places are in the order of numbers, but for those that were stepped over.
    for (let step = 0; step < PLACE_COUNT && this.count > 0; step += 1) {
      const place = (this.nextId + step) & PLACE_MASK;
      const request = this.waiting[place]!;
      if (request === null) continue;
      const deadlineMs = this.deadlinesMs[place]!;
      if (deadlineMs > nowMs) {
        earliestMs = Math.min(earliestMs, deadlineMs);
        continue;
      }
      this.waiting[place] = null;
      this.count -= 1;
      due.push([request, this.queuePlaces[place]!]);
    }
    this.earliestDeadlineMs = earliestMs;
    // At the end: what is told may add requests.
    for (const [request, queuePlace] of due) end(request, queuePlace);
  }
}
