/**
 * Requests that are decoded before the one at hand runs, so that their keys can be hashed and their items be on the way from memory
 * (src/store/keys-ahead.ts). A codec extends it.
 *
 *     bytes   [ done │ current │ ahead │ ahead │ ... │ half a request ]
 *                     window: BATCH_PLACES requests at most
 *
 * Only requests that are whole are decoded ahead, and only once the one before them is the last one known; so a decoder is always
 * between two requests when the window is thrown away, which it is at each batch, and when a request changed what the session
 * is (AUTH, RESET, MULTI): what was decoded for another state is decoded again. A peer that has not authenticated or greeted
 * gets nothing ahead.
 *
 * Where several sessions have something, the first request of each is looked at before any of them runs, so that the items of all of them are on their way.
 */
import type { Command } from '../protocol/command.ts';
import type { StoreApi } from '../store/api.ts';
import { BATCH_FIRST, BATCH_PLACES, GROUP_PLACES } from '../store/keys-ahead.ts';
import { NO_PLACE } from '../store/types.ts';
import { KeyUse } from './command-table.ts';
import { Gate, type Session } from './session.ts';

export abstract class RequestWindow<Request extends Command> {
  private readonly store: StoreApi;
  private readonly requests: Request[];
  /** The place of the current request among them. */
  protected place = 0;
  /** The request that `take` read last. */
  protected current: Request;
  private readonly takenBytes = new Int32Array(REQUEST_PLACES);
  /** How many requests stand in the window, the current one included. */
  private count = 0;
  private bytes: Uint8Array | null = null;
  /** Where the request after the current one begins. */
  private nextStart = 0;
  private gates = 0;
  /** Whose requests were looked at in this group and are not taken yet; what follows is of each. */
  private readonly lookedAt: (Session | null)[] = Array.from({ length: GROUP_PLACES }, () => null);
  private lookedAtCount = 0;
  private lookedAtBytes: Uint8Array | null = null;
  private readonly lookedAtStarts = new Int32Array(GROUP_PLACES);
  private readonly lookedAtGates = new Int32Array(GROUP_PLACES);

  constructor(store: StoreApi, make: () => Request) {
    this.store = store;
    this.requests = Array.from({ length: REQUEST_PLACES }, make);
    this.current = this.requests[0]!;
  }

  /** As `Codec.decode`; reads as many requests ahead as there are, and room for. */
  protected take(session: Session, bytes: Uint8Array, start: number, end: number): number {
    const next = this.place + 1;
    if (next < this.count && start === this.nextStart && bytes === this.bytes && session.gates === this.gates) {
      const taken = this.takenBytes[next]!;
      this.place = next;
      this.current = this.requests[next]!;
      this.nextStart = start + taken;
      return taken;
    }
    this.count = 0;
    const index = session.lookedAt;
    if (this.lookedAt[index] === session && this.isLookedAt(index, session, bytes, start)) {
      this.lookedAt[index] = null;
      this.place = GROUP_PLACE + index;
      this.current = this.requests[this.place]!;
      return this.takenBytes[this.place]!;
    }
    const request = this.requests[0]!;
    this.place = 0;
    this.current = request;
    const taken = this.read(session, bytes, start, end, request);
    if (taken > 0) {
      if (start + taken < end && (session.gates & UNPROVEN) === 0) this.fill(session, bytes, start, taken, end);
      else this.identify(request, 0);
    }
    return taken;
  }

  /** Forgets what was looked at and not taken. */
  endGroup(): void {
    this.lookedAt.fill(null, 0, this.lookedAtCount);
    this.lookedAtCount = 0;
  }

  /**
   * As `Codec.lookAhead`. A request that came alone is taken as it was decoded here; of several, the first is decoded again, with those behind it.
   * At most GROUP_PLACES times in a group.
   */
  lookAhead(session: Session, bytes: Uint8Array, start: number, end: number): void {
    if ((session.gates & UNPROVEN) !== 0) return;
    const index = this.lookedAtCount;
    const place = GROUP_PLACE + index;
    const request = this.requests[place]!;
    const taken = this.readAhead(session, bytes, start, end, request);
    if (taken === 0) return;
    request.keyPlace = this.note(session, place);
    if (start + taken < end) return;
    this.lookedAtCount = index + 1;
    this.lookedAt[index] = session;
    this.lookedAtBytes = bytes;
    this.lookedAtStarts[index] = start;
    this.lookedAtGates[index] = session.gates;
    this.takenBytes[place] = taken;
    session.lookedAt = index;
  }

  /** Forgets what was decoded ahead. */
  protected forget(): void {
    this.count = 0;
  }

  /** Decodes one request as `Codec.decode` says. */
  protected abstract read(session: Session, bytes: Uint8Array, start: number, end: number, request: Request): number;
  /** As `read`; where there is no whole request it leaves the decoder as it was between requests, and returns 0. */
  protected abstract readAhead(
    session: Session,
    bytes: Uint8Array,
    start: number,
    end: number,
    request: Request,
  ): number;
  /** Finds out what the request in `place` is, and what it does with argument 1. */
  protected abstract identify(request: Request, place: number): KeyUse;

  private fill(session: Session, bytes: Uint8Array, start: number, firstTaken: number, end: number): void {
    const { keysAhead } = this.store;
    this.bytes = bytes;
    this.gates = session.gates;
    this.nextStart = start + firstTaken;
    let at = this.nextStart;
    let count = 1;
    while (count < BATCH_PLACES && at < end) {
      const taken = this.readAhead(session, bytes, at, end, this.requests[count]!);
      if (taken === 0) break;
      this.takenBytes[count] = taken;
      at += taken;
      count += 1;
    }
    keysAhead.begin(BATCH_FIRST);
    for (let place = 0; place < count; place += 1) {
      this.requests[place]!.keyPlace = this.note(session, place);
    }
    this.count = count;
    if (count > 1) keysAhead.fetch(BATCH_FIRST);
  }

  private isLookedAt(index: number, session: Session, bytes: Uint8Array, start: number): boolean {
    const isSame = bytes === this.lookedAtBytes && start === this.lookedAtStarts[index];
    return isSame && session.gates === this.lookedAtGates[index];
  }

  /** Finds out what the request in `place` is, and hashes its key into the next place of the keys ahead, which it returns; NO_PLACE where it has none. */
  private note(session: Session, place: number): number {
    const { keysAhead, keyBytesMax } = this.store;
    const request = this.requests[place]!;
    const use = this.identify(request, place);
    if (use === KeyUse.none || request.length(KEY_ARGUMENT) > keyBytesMax) return NO_PLACE;
    const { bytes, starts, lengths } = request;
    const start = starts[KEY_ARGUMENT]!;
    return keysAhead.note(bytes, start, lengths[KEY_ARGUMENT]!, session.database, use === KeyUse.value);
  }
}

/** Where the key stands in requests of both protocols. */
const KEY_ARGUMENT = 1;
/** Requests of other sessions stand behind those of the window. */
const GROUP_PLACE: number = BATCH_PLACES;
/** How many requests a codec may have to know at once. */
export const REQUEST_PLACES: number = GROUP_PLACE + GROUP_PLACES;
const UNPROVEN: number = Gate.unauthenticated | Gate.ungreeted;
