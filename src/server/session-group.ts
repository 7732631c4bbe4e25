/**
 * Sessions whose requests came at the same time: the items of their first requests are fetched from memory together
 * (src/store/keys-ahead.ts), and their replies leave together (`SessionOutput.gather`).
 */
import type { GroupHandler } from '../io/transport.ts';
import type { StoreApi } from '../store/api.ts';
import { GROUP_FIRST, GROUP_PLACES } from '../store/keys-ahead.ts';
import type { BatchClock } from './batch-clock.ts';
import type { Codec } from './codec.ts';
import type { Session } from './session.ts';
import type { SessionOutput } from './session-output.ts';

/** More than a request or two, or a value that is long to copy. */
const QUICK_BYTES_MAX = 4 * 1024;

export class SessionGroup implements GroupHandler {
  private readonly store: StoreApi;
  private readonly output: SessionOutput;
  private readonly times: BatchClock;
  private readonly codecs: readonly Codec[];
  private lookedAtCount = 0;

  constructor(store: StoreApi, output: SessionOutput, times: BatchClock, codecs: readonly Codec[]) {
    this.store = store;
    this.output = output;
    this.times = times;
    this.codecs = codecs;
  }

  beginGroup(): void {
    this.times.beginGroup();
    this.output.gather();
    this.lookedAtCount = 0;
    this.store.keysAhead.begin(GROUP_FIRST);
  }

  /** `bytes[start..end)` came for the session, and will be processed after those of others. */
  lookAhead(session: Session, bytes: Uint8Array, start: number, end: number): void {
    const isBetweenRequests = session.input.length === 0 && session.receivedBytes > 0;
    if (!isBetweenRequests || session.holds !== 0 || session.closing || this.lookedAtCount === GROUP_PLACES) return;
    this.lookedAtCount += 1;
    session.codec.lookAhead(session, bytes, start, end);
  }

  /** `length` bytes are about to be processed: replies to others do not wait for what may be many requests. */
  makeWay(length: number): void {
    if (length > QUICK_BYTES_MAX) this.output.sendGathered();
  }

  groupReceived(): void {
    if (this.lookedAtCount > 1) this.store.keysAhead.fetch(GROUP_FIRST);
  }

  endGroup(): void {
    this.output.endGathering();
    this.times.endGroup();
    for (const codec of this.codecs) codec.endGroup();
  }
}
