/**
 * The replica's side of a stream: stores what one source sends, in the order of its frames, in slots that it takes from that source and that are not shown to anybody.
 *
 *     none ─(begun: what is there is deleted)─► begun ─(synced)─► synced        begun, synced ─(taken no more)─► lacking ─(begun again, or forgotten)
 *
 * Of a slot that is not `begun` or `synced` nothing is stored, whatever the source sends: so a frame that comes late never writes to a slot that is this node's own by now.
 * Such a slot is told to the source as lacking, which then begins it again or forgets it; the two may hear of topologies in any order.
 * Deletions of `begun` go on beside what is stored in other slots; behind a flush everything waits.
 */
import { ANY_NAMESPACE } from '../store/iteration.ts';
import { SlotSet } from '../store/slot-set.ts';
import type { Store } from '../store/store.ts';
import { keySlot, SLOT_COUNT } from '../topology/slots.ts';
import { FrameIntake, type ReplyToFrame } from './frame-intake.ts';
import { RecordKind } from './item-records.ts';
import { ItemReceiver } from './item-receiver.ts';
import type { SlotPurge } from './slot-purge.ts';
import { encodeStreamReply, type StreamFrameReader, StreamOutcome } from './stream-frames.ts';

const SlotState = { none: 0, lacking: 1, begun: 2, synced: 3 } as const;
type SlotState = (typeof SlotState)[keyof typeof SlotState];

/** When replies were given, so many at most: a source that hears of fewer is that far behind. */
const REPLY_TIMES_MAX = 1024;

interface ReplyTime {
  readonly next: number;
  readonly atMs: number;
}

export class StreamTarget {
  readonly sourceId: string;
  /** The position of the source's log before which everything is stored. */
  through = 0;
  /** Why this node cannot take the copy; null: it can. */
  error: string | null = null;
  /** Another number than before: the synced slots, or the error, are others. */
  version = 0;
  /** What is stored is at least what the source had at this monotonic time of this node; −Infinity: not known. */
  freshAtMs = Number.NEGATIVE_INFINITY;
  private readonly store: Store;
  private readonly purge: SlotPurge;
  private readonly receiver: ItemReceiver;
  private readonly intake = new FrameIntake<StreamFrameReader>();
  private assigned = new SlotSet([]);
  private readonly states = new Uint8Array(SLOT_COUNT);
  /** Changes of the slot are not sent any more: `freshAtMs` is not for it. */
  private readonly left = new Uint8Array(SLOT_COUNT);
  private lackingCount = 0;
  /** As of a version. */
  private synced: readonly number[] = [];
  private syncedVersion = 0;
  /** The attempt that is stored; none before the first. */
  private life = 0;
  private attempt = 0;
  private isBegun = false;
  /** Flushes under way; nothing is stored meanwhile. */
  private flushes = 0;
  /** Records `begun` whose slots are empty by now. */
  private deleted = 0;
  private replyTimes: ReplyTime[] = [];

  /** `store`: the control thread's access. */
  constructor(store: Store, purge: SlotPurge, sourceId: string) {
    this.sourceId = sourceId;
    this.store = store;
    this.purge = purge;
    this.receiver = new ItemReceiver(store);
  }

  /** Takes these slots from the source from now on, and no others. */
  assign(slots: readonly number[]): void {
    if (isSameList(slots, this.assigned.slots)) return;
    this.assigned = new SlotSet(slots);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.states[slot]! >= SlotState.begun && !this.assigned.has(slot)) this.setState(slot, SlotState.lacking);
    }
  }

  /** The slots that are taken from the source. */
  get slots(): readonly number[] {
    return this.assigned.slots;
  }

  /** Slots of which this node has a whole copy, as the source said; ascending. */
  syncedSlots(): readonly number[] {
    if (this.syncedVersion !== this.version) this.synced = this.slotsIn(SlotState.synced);
    this.syncedVersion = this.version;
    return this.synced;
  }

  /** Whether all changes of `slot`, a synced one, are in what is known as of `freshAtMs`. */
  isFollowed(slot: number): boolean {
    return this.left[slot] === 0;
  }

  /** Frames have come that cannot be stored before something is deleted. */
  get isWaiting(): boolean {
    return this.intake.count > 0;
  }

  /** Whether there is a whole copy of all these. */
  hasSynced(slots: readonly number[]): boolean {
    return slots.every((slot) => this.states[slot] === SlotState.synced);
  }

  /** A frame of this stream. Its bytes are kept until it is stored. `nowMs` is monotonic, `wallMs` ms since 1970. */
  receive(frame: StreamFrameReader, reply: ReplyToFrame, nowMs: number, wallMs: number): void {
    const { life, attempt } = frame.name;
    const isNext = !this.isBegun || life !== this.life || ((attempt - this.attempt) | 0) > 0;
    if (frame.isStart && frame.number === 0 && isNext) this.begin(life, attempt);
    this.checkDatabases();
    if (!this.isBegun || life !== this.life || attempt !== this.attempt) {
      this.answer(attempt, StreamOutcome.unknown, reply, nowMs);
      return;
    }
    if (this.error !== null) {
      this.answer(attempt, StreamOutcome.failed, reply, nowMs);
      return;
    }
    const place = this.intake.take(frame, reply);
    if (place === 'waits') this.storeWaiting(nowMs, wallMs);
    else this.answer(attempt, place === 'known' ? StreamOutcome.stored : StreamOutcome.outOfOrder, reply, nowMs);
  }

  /** Stores what waits, as far as no flush is under way. */
  storeWaiting(nowMs: number, wallMs: number): void {
    this.checkDatabases();
    if (!this.isBegun || this.error !== null) return;
    let problem: string | null = null;
    try {
      this.intake.store(
        this.store,
        (frame) => {
          if (this.flushes > 0) return false;
          problem = this.storeFrame(frame, wallMs);
          return problem === null && this.flushes === 0;
        },
        (frame, reply) => {
          this.through = frame.through;
          this.noteFreshness(frame.heard);
          this.answer(this.attempt, StreamOutcome.stored, reply, nowMs);
        },
      );
    } catch (error) {
      problem = (error as Error).message;
    }
    if (problem !== null) this.fail(problem, nowMs);
  }

  /** This node cannot take the copy: what it has of it is worthless, and deleted, so that there is room for its own items. The source hears why, and tries again later. */
  fail(reason: string, nowMs: number): void {
    if (this.error !== null) return;
    this.error = reason;
    this.forgetSlots();
    this.purge.add(this.assigned, ANY_NAMESPACE, () => {}, this.assignedFilter());
    for (const { reply } of this.intake.clear()) this.answer(this.attempt, StreamOutcome.failed, reply, nowMs);
  }

  /** Nothing is taken from the source any more. */
  close(): void {
    this.assign([]);
    this.intake.clear();
    this.isBegun = false;
  }

  private begin(life: number, attempt: number): void {
    this.life = life;
    this.attempt = attempt;
    this.isBegun = true;
    this.error = null;
    this.intake.restart();
    this.receiver.begin();
    this.flushes = 0;
    this.deleted = 0;
    this.replyTimes = [];
    this.freshAtMs = Number.NEGATIVE_INFINITY;
    this.forgetSlots();
  }

  /** Databases that were exchanged here took items along that were not meant. */
  private checkDatabases(): void {
    if (!this.isBegun || !this.receiver.areDatabasesOthers) return;
    this.isBegun = false;
    this.intake.clear();
    this.forgetSlots();
  }

  /** Stores the records of a frame, from where it stopped, as far as no flush has to end first. Returns why that cannot be, or null. */
  private storeFrame(frame: StreamFrameReader, wallMs: number): string | null {
    while (frame.next()) {
      switch (frame.kind) {
        case RecordKind.item:
        case RecordKind.piece:
        case RecordKind.removed: {
          const problem = this.storeItem(frame, wallMs);
          if (problem !== null) return problem;
          break;
        }
        case RecordKind.flushed:
          this.receiver.passOver();
          this.flush(this.receiver.namespaceOf(frame.database));
          return null;
        case RecordKind.begun:
          this.beginSlots(frame.slots);
          break;
        case RecordKind.synced:
          this.settleSlots(frame.slots);
          break;
        case RecordKind.left:
          for (const slot of frame.slots) this.setLeft(slot, true);
          break;
        case RecordKind.forgotten:
          for (const slot of frame.slots)
            if (this.states[slot] === SlotState.lacking) this.setState(slot, SlotState.none);
          break;
      }
    }
    return null;
  }

  private storeItem(frame: StreamFrameReader, wallMs: number): string | null {
    const slot = keySlot(frame.keyBytes, frame.keyStart, frame.keyLength);
    if (this.states[slot]! >= SlotState.begun) return this.receiver.take(frame, wallMs);
    this.receiver.passOver();
    this.setState(slot, SlotState.lacking);
    return null;
  }

  private beginSlots(slots: readonly number[]): void {
    const taken = slots.filter((slot) => this.assigned.has(slot));
    for (const slot of slots) this.setState(slot, this.assigned.has(slot) ? SlotState.begun : SlotState.lacking);
    const { life, attempt } = this;
    this.purge.add(
      new SlotSet(taken),
      ANY_NAMESPACE,
      () => {
        if (life === this.life && attempt === this.attempt) this.deleted += 1;
      },
      this.assignedFilter(),
    );
  }

  private settleSlots(slots: readonly number[]): void {
    for (const slot of slots) {
      this.setLeft(slot, false);
      if (this.states[slot] === SlotState.begun) this.setState(slot, SlotState.synced);
      else if (this.states[slot] === SlotState.none) this.setState(slot, SlotState.lacking);
    }
  }

  private flush(namespace: number): void {
    const { life, attempt } = this;
    this.flushes += 1;
    this.purge.add(
      this.assigned,
      namespace,
      () => {
        if (life === this.life && attempt === this.attempt) this.flushes -= 1;
      },
      this.assignedFilter(),
    );
  }

  /** Until a deletion comes to a slot, it may have become this node's own. */
  private assignedFilter(): { has(slot: number): boolean } {
    return { has: (slot) => this.assigned.has(slot) };
  }

  private forgetSlots(): void {
    this.states.fill(SlotState.none);
    this.left.fill(0);
    this.lackingCount = 0;
    this.version += 1;
  }

  private setState(slot: number, state: SlotState): void {
    const before = this.states[slot]!;
    if (before === state) return;
    this.states[slot] = state;
    if (before === SlotState.synced || state === SlotState.synced) this.version += 1;
    if (before === SlotState.lacking) this.lackingCount -= 1;
    if (state === SlotState.lacking) this.lackingCount += 1;
  }

  private setLeft(slot: number, isLeft: boolean): void {
    if ((this.left[slot] !== 0) === isLeft) return;
    this.left[slot] = isLeft ? 1 : 0;
    this.version += 1;
  }

  private slotsIn(state: SlotState): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (this.states[slot] === state) slots.push(slot);
    return slots;
  }

  /** The source had reply number `heard` when it had read its log as far as this frame goes: so the frame is no older than that reply. */
  private noteFreshness(heard: number): void {
    for (let first = this.replyTimes[0]; first !== undefined && first.next <= heard; first = this.replyTimes[0]) {
      this.freshAtMs = first.atMs;
      this.replyTimes.shift();
    }
  }

  private answer(attempt: number, outcome: StreamOutcome, reply: ReplyToFrame, nowMs: number): void {
    const { next } = this.intake;
    if (this.replyTimes.length < REPLY_TIMES_MAX && (this.replyTimes.at(-1)?.next ?? 0) < next)
      this.replyTimes.push({ next, atMs: nowMs });
    const lacking = this.lackingCount === 0 ? [] : this.slotsIn(SlotState.lacking);
    const { through, deleted } = this;
    reply(encodeStreamReply({ outcome, attempt, next, through, deleted, lacking, text: this.error ?? '' }));
  }
}

function isSameList(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
}
