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
 */
import type { Command } from '../protocol/command.ts';
import type { StoreApi } from '../store/api.ts';
import { BATCH_FIRST, BATCH_PLACES } from '../store/keys-ahead.ts';
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
  private readonly takenBytes = new Int32Array(BATCH_PLACES);
  /** How many requests stand in the window, the current one included. */
  private count = 0;
  private bytes: Uint8Array | null = null;
  /** Where the request after the current one begins. */
  private nextStart = 0;
  private gates = 0;

  constructor(store: StoreApi, make: () => Request) {
    this.store = store;
    this.requests = Array.from({ length: WINDOW_PLACES }, make);
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
    const request = this.requests[0]!;
    this.place = 0;
    this.count = 0;
    this.current = request;
    const taken = this.read(session, bytes, start, end, request);
    if (taken > 0) {
      if (start + taken < end && (session.gates & UNPROVEN) === 0) this.fill(session, bytes, start, taken, end);
      else this.identify(request, 0);
    }
    return taken;
  }

  /**
   * Notes the key of the first request in `bytes[start..end)`, which `take` will be given later, among the keys ahead. The session is between two requests.
   * At most GROUP_PLACES times for a group.
   */
  lookAhead(session: Session, bytes: Uint8Array, start: number, end: number): void {
    if ((session.gates & UNPROVEN) !== 0) return;
    if (this.readAhead(session, bytes, start, end, this.requests[LOOKED_AT]!) > 0) this.note(session, LOOKED_AT);
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
/** Behind the places of a window: the request that is only looked at. */
const LOOKED_AT: number = BATCH_PLACES;
/** How many requests a codec may have to know at once. */
export const WINDOW_PLACES: number = BATCH_PLACES + 1;
const UNPROVEN: number = Gate.unauthenticated | Gate.ungreeted;
