/**
 * What the threads of a node know of its persistence, in shared memory: made once per node, attached by each thread. The disk thread writes what the
 * engine does; the others read it before they answer, ask for snapshots, and wake the disk thread.
 *
 *     Int32 words                                                                                          written by
 *     0        written      all changes before this sequence of the change log were handed to the system   disk
 *     1        durable      all changes before this sequence survive a loss of power                        disk
 *     2        status       see PersistenceStatus                                                           disk
 *     3        ahead max    how many changes may be ahead of `followed` before replies wait; 0: any number  disk
 *     4        failure      version of the failure's text: odd while the text is being changed              disk
 *     5        bytes of the failure's text                                                                  disk
 *     6        last save    0: none yet, 1: it succeeded, 2: it failed                                      disk
 *     7        saving       1: a snapshot is being written                                                  disk
 *     8        wanted       tickets given out to those who asked for a snapshot                             any, adds
 *     9        done         all tickets up to this one have a snapshot                                      disk
 *     10       failed       the last ticket whose snapshot failed                                           disk
 *     11       stop         1: the disk thread is to end, 2: and needs not save before                      any
 *     12       followed     all changes before this sequence were read by the disk thread, or passed over   disk
 *     16       wake         0: the disk thread sleeps, or is about to; 1: it has been woken                 any
 *     32 …     Float64, see Figure: a cache line after the words that are waited for
 *     then     the failure's text, UTF-8
 *
 * `written`, `durable` and `followed` are what the change log calls a sequence: 32 bits that go round, so they are compared by their signed difference.
 * The first two stand still while a fault lasts. Doubles are plain memory, aligned, which 64-bit machines read and write whole; they are for people.
 */
import { assert } from '../base/assert.ts';

/** What becomes of writes. */
export const PersistenceStatus = {
  /** Nothing is kept. */
  off: 0,
  /** What the disk has is being loaded; nobody is served yet. */
  loading: 1,
  ok: 2,
  /** The disk does not take what is written; `failure` says why. It is tried again. */
  failing: 3,
} as const;
export type PersistenceStatus = (typeof PersistenceStatus)[keyof typeof PersistenceStatus];

/** Numbers for people, each a double. Times are ms since 1970, durations ms, 0: never or none. */
export const Figure = {
  /** When the last snapshot that succeeded was complete. */
  lastSaveMs: 0,
  lastSaveDurationMs: 1,
  lastSaveItems: 2,
  lastSaveBytes: 3,
  /** When the snapshot that is being written began; items written so far, and about how many there are. */
  savingSinceMs: 4,
  savingItems: 5,
  savingItemsTotal: 6,
  saveCount: 7,
  saveFailureCount: 8,
  /** Bytes of the logs since the last snapshot, and of that snapshot: the logs' length at which the next one begins follows from it. */
  logBytes: 9,
  baseBytes: 10,
  /** Groups of changes written, records in them, and calls that made them last. */
  groupCount: 11,
  recordCount: 12,
  syncCount: 13,
  lastSyncDurationMs: 14,
  /** How often the disk was a whole ring behind the writers. */
  lostCount: 15,
  /** Of loading: bytes of the files read, of all; items stored so far. */
  loadedBytes: 16,
  loadBytesTotal: 17,
  loadedItems: 18,
  /** Sequence of the change log at the last snapshot: what it does not hold is what came since. */
  savedSequence: 19,
} as const;
export type Figure = (typeof Figure)[keyof typeof Figure];

/** What became of a snapshot that was asked for. */
export type SaveOutcome = 'pending' | 'done' | 'failed';
export type LastSave = 'none' | 'done' | 'failed';
/** What becomes of changes since the last snapshot when a node stops that keeps no log. */
export type LastWill = 'save' | 'discard';

const AT_WRITTEN = 0;
const AT_DURABLE = 1;
const AT_STATUS = 2;
const AT_AHEAD_MAX = 3;
const AT_FAILURE_VERSION = 4;
const AT_FAILURE_BYTES = 5;
const AT_LAST_SAVE = 6;
const AT_SAVING = 7;
const AT_WANTED = 8;
const AT_DONE = 9;
const AT_FAILED = 10;
const AT_STOP = 11;
const AT_FOLLOWED = 12;
const STOP_SAVE = 1;
const STOP_DISCARD = 2;
const AT_WAKE = 16;
const WORD_COUNT = 32;
const FIGURE_COUNT = 24;
const FIGURES_OFFSET = WORD_COUNT * Int32Array.BYTES_PER_ELEMENT;
const TEXT_OFFSET = FIGURES_OFFSET + FIGURE_COUNT * Float64Array.BYTES_PER_ELEMENT;
/** Of a failure's text; a longer one is cut. */
const TEXT_BYTES = 512;
const STATE_BYTES = TEXT_OFFSET + TEXT_BYTES;
const LAST_SAVES: readonly LastSave[] = ['none', 'done', 'failed'];

assert(Object.keys(Figure).length <= FIGURE_COUNT, 'the figures fit');
assert(FIGURES_OFFSET % Float64Array.BYTES_PER_ELEMENT === 0, 'the figures are aligned');

export class PersistenceState {
  /** What other threads attach to. */
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly figures: Float64Array;
  private readonly text: Uint8Array;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, WORD_COUNT);
    this.figures = new Float64Array(memory, FIGURES_OFFSET, FIGURE_COUNT);
    this.text = new Uint8Array(memory, TEXT_OFFSET, TEXT_BYTES);
  }

  /** That of a node which keeps nothing, until somebody says otherwise. */
  static create(): PersistenceState {
    return new PersistenceState(new SharedArrayBuffer(STATE_BYTES));
  }

  /** The state in another thread's `memory`. */
  static attach(memory: SharedArrayBuffer): PersistenceState {
    assert(memory.byteLength === STATE_BYTES, `a persistence state has ${STATE_BYTES} bytes, not ${memory.byteLength}`);
    return new PersistenceState(memory);
  }

  // For any thread.

  get status(): PersistenceStatus {
    return Atomics.load(this.words, AT_STATUS) as PersistenceStatus;
  }

  /** All changes before this sequence were handed to the system: they survive the end of the process, but for a fault that is being mended. */
  get written(): number {
    return Atomics.load(this.words, AT_WRITTEN);
  }

  /** All changes before this sequence survive a loss of power. */
  get durable(): number {
    return Atomics.load(this.words, AT_DURABLE);
  }

  /** Whether all changes before `sequence` were handed to the system. */
  isWritten(sequence: number): boolean {
    return ((this.written - sequence) | 0) >= 0;
  }

  /** Whether all changes before `sequence` survive a loss of power. */
  isDurable(sequence: number): boolean {
    return ((this.durable - sequence) | 0) >= 0;
  }

  /** All changes before this sequence were read by the disk thread, or passed over. */
  get followed(): number {
    return Atomics.load(this.words, AT_FOLLOWED);
  }

  /** Whether the disk is so far behind that replies to writes wait for room. */
  get isHolding(): boolean {
    return Atomics.load(this.words, AT_AHEAD_MAX) !== 0;
  }

  /** Whether the changes before `sequence` are near enough to what the disk thread has read. */
  hasRoom(sequence: number): boolean {
    const aheadMax = Atomics.load(this.words, AT_AHEAD_MAX);
    return aheadMax === 0 || ((sequence - this.followed) | 0) <= aheadMax;
  }

  /** Why `status` is failing, a sentence; empty where it is not. */
  get failure(): string {
    for (;;) {
      const version = Atomics.load(this.words, AT_FAILURE_VERSION);
      const copy = this.text.slice(0, Atomics.load(this.words, AT_FAILURE_BYTES));
      if ((version & 1) === 0 && Atomics.load(this.words, AT_FAILURE_VERSION) === version)
        return Buffer.from(copy).toString('utf8');
    }
  }

  figure(figure: Figure): number {
    return this.figures[figure]!;
  }

  get isSaving(): boolean {
    return Atomics.load(this.words, AT_SAVING) === 1;
  }

  /** How the last snapshot that ended went. */
  get lastSave(): LastSave {
    return LAST_SAVES[Atomics.load(this.words, AT_LAST_SAVE)]!;
  }

  /** Asks for a snapshot that begins after this call, and wakes the disk thread. Returns a ticket for `saveOutcome`. */
  requestSave(): number {
    const ticket = (Atomics.add(this.words, AT_WANTED, 1) + 1) | 0;
    this.wake();
    return ticket;
  }

  saveOutcome(ticket: number): SaveOutcome {
    if (((Atomics.load(this.words, AT_DONE) - ticket) | 0) >= 0) return 'done';
    return ((Atomics.load(this.words, AT_FAILED) - ticket) | 0) >= 0 ? 'failed' : 'pending';
  }

  /** Tells the disk thread that there is something to do. Costs one exchange where it knows already. */
  wake(): void {
    if (Atomics.exchange(this.words, AT_WAKE, 1) === 0) Atomics.notify(this.words, AT_WAKE);
  }

  /** Asks the disk thread to write what is left and end; `discard`: where only snapshots are kept, without a last one. */
  requestStop(last: LastWill = 'save'): void {
    Atomics.store(this.words, AT_STOP, last === 'save' ? STOP_SAVE : STOP_DISCARD);
    this.wake();
  }

  get isStopping(): boolean {
    return Atomics.load(this.words, AT_STOP) !== 0;
  }

  get lastWill(): LastWill {
    return Atomics.load(this.words, AT_STOP) === STOP_DISCARD ? 'discard' : 'save';
  }

  // For the disk thread alone.

  /** Before a step: who wakes from now on has something that the step may have missed. */
  beginStep(): void {
    Atomics.store(this.words, AT_WAKE, 0);
  }

  /** After a step: sleeps up to `forMs`, unless somebody has called `wake` since `beginStep`. */
  sleep(forMs: number): void {
    if (forMs > 0) Atomics.wait(this.words, AT_WAKE, 0, forMs);
  }

  setStatus(status: PersistenceStatus): void {
    Atomics.store(this.words, AT_STATUS, status);
  }

  setWritten(sequence: number): void {
    Atomics.store(this.words, AT_WRITTEN, sequence);
  }

  setDurable(sequence: number): void {
    Atomics.store(this.words, AT_DURABLE, sequence);
  }

  setFollowed(sequence: number): void {
    Atomics.store(this.words, AT_FOLLOWED, sequence);
  }

  /** `aheadMax`: changes; 0: writers are not held. */
  setAheadMax(aheadMax: number): void {
    Atomics.store(this.words, AT_AHEAD_MAX, aheadMax);
  }

  /** `text`: empty for none. */
  setFailure(text: string): void {
    const version = Atomics.load(this.words, AT_FAILURE_VERSION);
    Atomics.store(this.words, AT_FAILURE_VERSION, version | 1);
    const { written } = new TextEncoder().encodeInto(text, this.text);
    Atomics.store(this.words, AT_FAILURE_BYTES, written);
    Atomics.store(this.words, AT_FAILURE_VERSION, ((version | 1) + 1) | 0);
  }

  setFigure(figure: Figure, value: number): void {
    this.figures[figure] = value;
  }

  addToFigure(figure: Figure, delta: number): void {
    this.figures[figure]! += delta;
  }

  /** The newest ticket; a snapshot that begins now serves it and all before. */
  get wantedTicket(): number {
    return Atomics.load(this.words, AT_WANTED);
  }

  /** Whether somebody waits for a snapshot that no snapshot so far, and no failure, has answered. */
  get isSaveWanted(): boolean {
    return this.saveOutcome(this.wantedTicket) === 'pending';
  }

  beginSave(): void {
    Atomics.store(this.words, AT_SAVING, 1);
  }

  /** The snapshot for all tickets up to `ticket` has ended. */
  endSave(ticket: number, outcome: 'done' | 'failed'): void {
    Atomics.store(this.words, outcome === 'done' ? AT_DONE : AT_FAILED, ticket);
    Atomics.store(this.words, AT_LAST_SAVE, LAST_SAVES.indexOf(outcome));
    Atomics.store(this.words, AT_SAVING, 0);
  }
}
