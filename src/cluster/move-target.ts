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
import { SlotSet } from '../store/slot-set.ts';
import type { Store } from '../store/store.ts';
import { keySlot } from '../topology/slots.ts';
import { FrameIntake, type ReplyToFrame } from './frame-intake.ts';
import { RecordKind } from './item-records.ts';
import { ItemReceiver } from './item-receiver.ts';
import { encodeFrameReply, FrameOutcome, type MoveFrameReader } from './move-frames.ts';
import type { MoveExtent, MoveReport } from './mover.ts';
import type { SlotPurge } from './slot-purge.ts';

/** So long the last frames may take after the source has let go. */
const TAKE_OVER_MS_MAX = 1000;

export class MoveTarget {
  readonly id: number;
  private readonly store: Store;
  private readonly purge: SlotPurge;
  private readonly slots: SlotSet;
  private readonly receiver: ItemReceiver;
  private readonly intake = new FrameIntake<MoveFrameReader>();
  /** The attempt of the source that is stored; 0: none yet. */
  private attempt = 0;
  /** Deletions under way; nothing is stored meanwhile. */
  private deletions = 0;
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
    this.receiver = new ItemReceiver(store);
  }

  get report(): MoveReport {
    const { id, bytes, error, intake } = this;
    const { items } = this.receiver;
    const report = { id, role: 'target' as const, items, bytes, itemsTotal: 0, lag: intake.count };
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
    if (this.attempt === this.extent.attempt && this.receiver.areDatabasesOthers) {
      this.fail('databases were exchanged at the target');
    } else if (!this.isComplete) {
      this.extentUntilMs = Math.min(this.extentUntilMs, nowMs + TAKE_OVER_MS_MAX);
      if (nowMs >= this.extentUntilMs) this.fail(`the last frames did not come within ${TAKE_OVER_MS_MAX} ms`);
    }
  }

  /** A frame of this move. Its bytes are kept until it is stored. `wallMs`: ms since 1970. */
  receive(frame: MoveFrameReader, reply: ReplyToFrame, wallMs: number): void {
    if (this.error !== null) {
      this.answer(frame.attempt, FrameOutcome.failed, reply);
      return;
    }
    if (frame.attempt > this.attempt && frame.isStart && frame.number === 0) this.beginAttempt(frame.attempt);
    if (frame.attempt !== this.attempt || this.receiver.areDatabasesOthers) {
      this.answer(frame.attempt, FrameOutcome.unknown, reply);
      return;
    }
    const place = this.intake.take(frame, reply);
    if (place === 'waits') this.storeWaiting(wallMs);
    else this.answer(frame.attempt, place === 'known' ? FrameOutcome.stored : FrameOutcome.outOfOrder, reply);
  }

  /** Stores what waits, as far as no deletion is under way. */
  storeWaiting(wallMs: number): void {
    if (this.error !== null) return;
    try {
      this.intake.store(
        this.store,
        (frame) => this.deletions === 0 && this.storeFrame(frame, wallMs),
        (frame, reply) => {
          this.bytes += frame.byteLength;
          this.answer(this.attempt, FrameOutcome.stored, reply);
        },
      );
    } catch (error) {
      this.error = (error as Error).message;
    }
    if (this.error !== null) this.fail(this.error);
  }

  private get isComplete(): boolean {
    const { extent } = this;
    return extent !== null && this.attempt === extent.attempt && this.intake.next >= extent.frames;
  }

  private fail(error: string): void {
    this.error = error;
    for (const { frame, reply } of this.intake.clear()) this.answer(frame.attempt, FrameOutcome.failed, reply);
  }

  private beginAttempt(attempt: number): void {
    this.attempt = attempt;
    this.intake.restart();
    this.receiver.begin();
    this.delete(ANY_NAMESPACE);
  }

  private delete(namespace: number): void {
    this.deletions += 1;
    this.purge.add(this.slots, namespace, () => {
      this.deletions -= 1;
    });
  }

  /** Stores the records of a frame, from where it stopped; false where a deletion has to end first, or it cannot be. */
  private storeFrame(frame: MoveFrameReader, wallMs: number): boolean {
    while (frame.next()) {
      if (frame.kind === RecordKind.flushed) {
        this.receiver.passOver();
        this.delete(this.receiver.namespaceOf(frame.database));
        return false;
      }
      const isOfMove = this.slots.has(keySlot(frame.keyBytes, frame.keyStart, frame.keyLength));
      this.error = isOfMove ? this.receiver.take(frame, wallMs) : 'the source sent a key of a slot that is not moved';
      if (this.error !== null) return false;
    }
    return true;
  }

  private answer(attempt: number, outcome: FrameOutcome, reply: ReplyToFrame): void {
    reply(encodeFrameReply({ outcome, attempt, next: this.intake.next, text: this.error ?? '' }));
  }
}
