/**
 * The target's side of one move: stores what the source sends, in the order of its frames, in slots that are not shown to anybody here yet.
 *
 * Each attempt of the source begins with a frame that deletes what is there; so does this import when it begins, by that first frame. Frames
 * that come twice are confirmed and forgotten, one that comes too early is asked for in its place: so lost connections, repetitions and changed
 * orders end in the same items. While something is being deleted, what comes behind it waits.
 *
 * When the source has let go of the slots it says how many frames there are (`takeOver`). The copy is complete when all of them are stored;
 * where they are not within TAKE_OVER_MS_MAX, clients have waited long enough: this side fails for good, and the source serves on.
 */
import { ANY_NAMESPACE } from '../store/iteration.ts';
import { namespaceOf } from '../store/namespaces.ts';
import { SlotSet } from '../store/slot-set.ts';
import type { Store } from '../store/store.ts';
import { DATABASE_COUNT, Key, NO_EXPIRY, WriteOptions, WriteResult } from '../store/types.ts';
import { keySlot } from '../topology/slots.ts';
import { WINDOW_BYTES } from './frame-window.ts';
import {
  encodeFrameReply,
  EVERY_DATABASE,
  FRAME_BYTES_MAX,
  FrameOutcome,
  type FrameReader,
  RecordKind,
} from './move-frames.ts';
import type { MoveExtent, MoveReport } from './mover.ts';
import { PartialValue } from './partial-value.ts';
import type { SlotPurge } from './slot-purge.ts';

/** Takes the reply to a frame; it may be called later, and not at all where the import ends before. */
export type ReplyToFrame = (reply: Uint8Array) => void;

/** Frames that may wait: a window of the source, and one beside it. */
const WAITING_BYTES_MAX: number = WINDOW_BYTES + 2 * FRAME_BYTES_MAX;

/** So long the last frames may take after the source has let go. */
const TAKE_OVER_MS_MAX = 1000;

interface WaitingFrame {
  readonly frame: FrameReader;
  reply: ReplyToFrame;
}

export class MoveTarget {
  readonly id: number;
  private readonly store: Store;
  private readonly purge: SlotPurge;
  private readonly slots: SlotSet;
  private readonly key = new Key();
  private readonly options = new WriteOptions();
  private readonly partial = new PartialValue();
  /** The attempt of the source that is stored; 0: none yet. */
  private attempt = 0;
  /** The number of the first frame that is not stored. */
  private next = 0;
  /** Frames `next`, `next + 1`, …, of which the first may be stored in part. */
  private waiting: WaitingFrame[] = [];
  private waitingBytes = 0;
  /** What items of each database are marked with, as this attempt began. */
  private namespaces: readonly number[] = [];
  /** Deletions under way; nothing is stored meanwhile. */
  private deletions = 0;
  private items = 0;
  private bytes = 0;
  private error: string | null = null;
  /** All that there is, once the source has let go of the slots; and until when it is waited for, from the next step on. */
  private extent: MoveExtent | null = null;
  private extentUntilMs = Number.POSITIVE_INFINITY;

  /** `store`: the control thread's access. */
  constructor(store: Store, purge: SlotPurge, moveId: number, slots: readonly number[]) {
    this.id = moveId;
    this.store = store;
    this.purge = purge;
    this.slots = new SlotSet(slots);
  }

  get report(): MoveReport {
    const { id, items, bytes, error } = this;
    const report = { id, role: 'target' as const, items, bytes, itemsTotal: 0, lag: this.waiting.length };
    if (error !== null) return { ...report, state: 'failed', error };
    return { ...report, state: this.isComplete ? 'complete' : 'importing' };
  }

  /** The source has let go, and nothing but frames is missing here. */
  get isTakingOver(): boolean {
    return this.extent !== null && this.error === null && this.deletions === 0;
  }

  /** By when it is to be stepped, to notice that the last frames do not come. */
  get dueAtMs(): number {
    return this.extentUntilMs;
  }

  /** The source has let go of the slots: there are so many frames. */
  takeOver(extent: MoveExtent): void {
    this.extent = extent;
  }

  /** Fails where what there is will not come, or has not come in time. */
  checkExtent(nowMs: number): void {
    if (this.extent === null || this.error !== null) return;
    if (this.attempt === this.extent.attempt && this.areDatabasesOthers()) {
      this.fail('databases were exchanged at the target');
    } else if (!this.isComplete) {
      this.extentUntilMs = Math.min(this.extentUntilMs, nowMs + TAKE_OVER_MS_MAX);
      if (nowMs >= this.extentUntilMs) this.fail(`the last frames did not come within ${TAKE_OVER_MS_MAX} ms`);
    }
  }

  /** A frame of this move. Its bytes are kept until it is stored. `wallMs`: ms since 1970. */
  receive(frame: FrameReader, reply: ReplyToFrame, wallMs: number): void {
    if (this.error !== null) {
      this.answer(frame.attempt, FrameOutcome.failed, reply);
      return;
    }
    if (frame.attempt > this.attempt && frame.isStart && frame.number === 0) this.beginAttempt(frame.attempt);
    if (frame.attempt !== this.attempt || this.areDatabasesOthers()) {
      this.answer(frame.attempt, FrameOutcome.unknown, reply);
      return;
    }
    const place = frame.number - this.next;
    const known = this.waiting[place];
    if (place < 0) this.answer(frame.attempt, FrameOutcome.stored, reply);
    else if (known !== undefined) known.reply = reply;
    else if (place > this.waiting.length || this.waitingBytes + frame.byteLength > WAITING_BYTES_MAX)
      this.answer(frame.attempt, FrameOutcome.outOfOrder, reply);
    else {
      this.waiting.push({ frame, reply });
      this.waitingBytes += frame.byteLength;
      this.storeWaiting(wallMs);
    }
  }

  /** Stores what waits, as far as no deletion is under way. */
  storeWaiting(wallMs: number): void {
    this.store.enter();
    try {
      for (let first = this.waiting[0]; first !== undefined && this.error === null; first = this.waiting[0]) {
        if (this.deletions > 0 || !this.storeFrame(first.frame, wallMs)) return;
        this.waiting.shift();
        this.waitingBytes -= first.frame.byteLength;
        this.bytes += first.frame.byteLength;
        this.next += 1;
        this.answer(this.attempt, FrameOutcome.stored, first.reply);
      }
    } catch (error) {
      this.error = (error as Error).message;
    } finally {
      this.store.leave();
    }
    if (this.error !== null) this.fail(this.error);
  }

  private get isComplete(): boolean {
    const { extent } = this;
    return extent !== null && this.attempt === extent.attempt && this.next >= extent.frames;
  }

  private fail(error: string): void {
    this.error = error;
    for (const { frame, reply } of this.waiting.splice(0)) this.answer(frame.attempt, FrameOutcome.failed, reply);
  }

  private beginAttempt(attempt: number): void {
    this.attempt = attempt;
    this.next = 0;
    this.waiting = [];
    this.waitingBytes = 0;
    this.partial.clear();
    this.namespaces = this.currentNamespaces();
    this.delete(ANY_NAMESPACE);
  }

  /** Whether databases were exchanged here, and with them what this attempt has brought, which was not meant. */
  private areDatabasesOthers(): boolean {
    return this.currentNamespaces().some((namespace, database) => namespace !== this.namespaces[database]);
  }

  private currentNamespaces(): number[] {
    const { memory } = this.store.parts;
    return Array.from({ length: DATABASE_COUNT }, (_, database) => namespaceOf(memory, database));
  }

  private delete(namespace: number): void {
    this.deletions += 1;
    this.purge.add(this.slots, namespace, () => {
      this.deletions -= 1;
    });
  }

  /** Stores the records of a frame, from where it stopped; false where a deletion has to end first. */
  private storeFrame(frame: FrameReader, wallMs: number): boolean {
    while (frame.next()) {
      if (frame.kind !== RecordKind.piece) this.partial.clear();
      if (frame.kind === RecordKind.flushed) {
        this.delete(
          frame.database === EVERY_DATABASE ? ANY_NAMESPACE : namespaceOf(this.store.parts.memory, frame.database),
        );
        return false;
      }
      this.storeRecord(frame, wallMs);
      if (this.error !== null) return false;
    }
    return true;
  }

  private storeRecord(frame: FrameReader, wallMs: number): void {
    const { store } = this;
    if (!this.slots.has(keySlot(frame.keyBytes, frame.keyStart, frame.keyLength))) {
      this.error = 'the source sent a key of a slot that is not moved';
      return;
    }
    if (frame.keyLength > store.keyBytesMax || frame.valueLength > store.valueBytesMax) {
      this.error = `no room for a key of ${frame.keyLength} bytes with a value of ${frame.valueLength}: give this node more memory`;
      return;
    }
    this.key.assign(frame.keyBytes, frame.keyStart, frame.keyLength, frame.database);
    if (frame.kind === RecordKind.removed) {
      store.delete(this.key, null, wallMs);
      return;
    }
    let valueBytes = frame.valueBytes;
    let valueStart = frame.valueStart;
    if (frame.kind === RecordKind.piece) {
      if (!this.partial.add(frame)) return;
      valueBytes = this.partial.bytes;
      valueStart = 0;
    }
    const options = this.options.reset();
    options.expiresAtMs = frame.expiresAtMs === 0 ? NO_EXPIRY : frame.expiresAtMs;
    options.raw = frame.raw;
    options.provenUse = frame.used;
    const result = store.set(this.key, valueBytes, valueStart, frame.valueLength, options, wallMs);
    if (frame.kind === RecordKind.piece) this.partial.clear();
    if (result === WriteResult.outOfMemory) this.error = 'the target has no memory left, and may not evict';
    else this.items += 1;
  }

  private answer(attempt: number, outcome: FrameOutcome, reply: ReplyToFrame): void {
    reply(encodeFrameReply({ outcome, attempt, next: this.next, text: this.error ?? '' }));
  }
}
