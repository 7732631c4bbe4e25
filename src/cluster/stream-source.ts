/**
 * The primary's side of a stream: has one other node copy slots of this node, and sends it their changes from then on.
 *
 *     batch    idle ─(begun)─► deleting ─(the replica has deleted)─► scanning ─► settling ─(synced)─► told ─(confirmed)─► idle
 *
 * Changes come from the node's one follower of the change log (replica-feed.ts) and wait here, once each, until it is their turn to be looked up and sent; so
 * what is sent is never older than what was sent before. Each frame says up to where in the log everything is in it or an earlier one. Frames that the replica has not confirmed are
 * kept and sent again over the next connection, so that a short disconnection costs nothing else.
 *
 * Nobody who writes ever waits. Where more keys change than the replica takes and the room for them is full, where the log was overrun, where databases were
 * exchanged, and where the replica has lost what it had, an attempt ends: all slots are copied anew, by another attempt, after a while that grows.
 *
 * Slots may come and go at any time: new ones are copied, in one batch after another, beside the changes of those that are synced. What the replica does with slots that
 * are gone is not decided here.
 *
 * Sans-IO, as move-source.ts.
 */
import type { ChangeRecord } from '../changes/change-log.ts';
import { isBefore, recordsBetween } from '../changes/log-position.ts';
import type { Store } from '../store/store.ts';
import type { BytePace } from './byte-pace.ts';
import { CopyDelay } from './copy-delay.ts';
import { FrameWindow, WINDOW_BYTES } from './frame-window.ts';
import { RecordKind } from './item-records.ts';
import { ItemShipper } from './item-shipper.ts';
import { ItemTail } from './item-tail.ts';
import { SlotScan } from './slot-scan.ts';
import { StreamFrameMaker } from './stream-frame-maker.ts';
import { decodeStreamReply, StreamOutcome, type StreamReply } from './stream-frames.ts';
import { CopyState, StreamSlots } from './stream-slots.ts';

/** Buckets scanned in one step. */
const STEP_BUCKETS = 256;
/** A replica that has not heard of the stream, or of its slots, is asked again after this. */
const BEGIN_AGAIN_MS = 50;
/** Where nothing happens a frame without records goes so often: it tells how far the replica is, and that it is there. */
const QUIET_MS = 200;
/** While a replica deletes, it is asked so often whether it has. */
const DELETING_MS = 20;
/** Positions are compared by their difference, which says nothing from twice of this on. */
const LAG_MAX: number = 2 ** 30;

type Batch = 'idle' | 'deleting' | 'scanning' | 'settling' | 'told';

export interface StreamSourceParts {
  /** The control thread's access, which does not count uses. */
  readonly store: Store;
  readonly sourceId: string;
  readonly targetId: string;
  readonly life: number;
  /** Greater than of any attempt before, whatever its stream. */
  readonly nextAttempt: () => number;
  /** Of scans, shared with all that copies slots from this node. */
  readonly pace: BytePace;
  /** Whether items of the slot are being deleted here, so that it must not be copied yet. */
  readonly isPurging: (slot: number) => boolean;
  /** The position of the change log before which all records were given to `take`. */
  readonly position: number;
}

export class StreamSource {
  readonly targetId: string;
  /** Everything before this position of the log, of the stream's slots, is confirmed. */
  confirmed: number;
  /** Why the replica does not get on; null: it does. */
  error: string | null = null;
  /** Full copies that were begun again, whatever the reason. */
  fullCopies = 0;
  private readonly parts: StreamSourceParts;
  private readonly slots = new StreamSlots();
  private readonly window = new FrameWindow();
  private readonly frames: StreamFrameMaker;
  private readonly shipper: ItemShipper;
  private readonly tail: ItemTail;
  private readonly scan: SlotScan;
  private errorCount = 0;
  private position: number;
  private batch: Batch = 'idle';
  /** Records `begun` of this attempt, and how many of them the replica has done; the frame of the last one. */
  private begunCount = 0;
  private deletedCount = 0;
  private begunFrame = 0;
  /** The scan is over: all that changed before this position has to be sent. */
  private settlePosition = 0;
  private toldFrame = 0;
  /** The frame of the last record `forgotten`. */
  private forgottenFrame = -1;
  private isLinked = false;
  /** Why all is to be copied anew, at the next step. */
  private restartReason: string | null = null;
  private hasFailed = false;
  private readonly delay = new CopyDelay();
  /** Before this the first frame is not sent again, and no batch is begun. */
  private startAtMs = Number.NEGATIVE_INFINITY;
  private beginAtMs = Number.NEGATIVE_INFINITY;
  /** Somebody waits until this is confirmed; null: nobody. */
  private wanted: number | null = null;
  /** The number that the last reply says is next. */
  private heard = 0;
  /** Something is to be done that need not wait for the next look at the log. */
  hasMore = true;
  private nowMs = Number.NEGATIVE_INFINITY;

  constructor(parts: StreamSourceParts) {
    this.parts = parts;
    this.targetId = parts.targetId;
    this.position = parts.position;
    this.confirmed = parts.position;
    const { store, sourceId: source, targetId: target, life } = parts;
    const maker = { through: () => this.through, nowMs: () => this.nowMs };
    this.frames = new StreamFrameMaker({ source, target, life, attempt: 0 }, maker);
    this.shipper = new ItemShipper(store, this.window, this.frames);
    this.tail = new ItemTail(store, this.shipper, { has: (slot) => this.slots.follows(slot) });
    this.scan = new SlotScan(store, this.slots);
    this.beginAttempt();
  }

  /** Another number than before: other slots are synced, or the error is another. */
  get version(): number {
    return this.slots.version + this.errorCount;
  }

  /** Slots of which the replica has a whole copy, which follows every change; ascending. */
  syncedSlots(): readonly number[] {
    return this.slots.synced;
  }

  /** Somebody waits for a confirmation, which may come. */
  get isAwaited(): boolean {
    return this.isLinked && this.wanted !== null;
  }

  hasSynced(slots: readonly number[]): boolean {
    return this.slots.hasSynced(slots);
  }

  /** Changes are on their way, or somebody waits for them. */
  get isUrgent(): boolean {
    return this.isAwaited || (this.isLinked && this.tail.count > 0);
  }

  /** The stream is of these slots from now on. */
  assign(slots: readonly number[]): void {
    this.slots.assign(slots);
    this.hasMore = true;
  }

  /** What is here of these slots is about to be deleted: they are copied anew after that. */
  purging(slots: readonly number[]): void {
    for (const slot of slots) this.slots.requeue(slot);
  }

  linkUp(): void {
    this.isLinked = true;
    this.window.connected();
    this.hasMore = true;
  }

  linkDown(): void {
    this.isLinked = false;
  }

  /** A change of a key in a slot of the stream. */
  take(record: ChangeRecord): void {
    if (!this.slots.follows(record.slot) || this.restartReason !== null) return;
    if (this.tail.share >= 1) this.restart('more was changed than the replica took');
    else this.tail.add(record);
  }

  takeFlush(record: ChangeRecord): void {
    if (this.restartReason !== null) return;
    if (this.window.pendingBytes > 2 * WINDOW_BYTES) this.restart('the replica takes nothing');
    else this.tail.shipFlush(record);
  }

  /** All records before `position` were given; `isEnd`: there are no more, and this node serves all of its slots. Before the replica vouches for that, it is to hear which slots it is told of no more. */
  logRead(position: number, isEnd: boolean): void {
    this.position = position;
    if (recordsBetween(this.confirmed, position) > LAG_MAX) this.restart('the replica is too far behind');
    if (isEnd && !this.slots.hasLeft) this.frames.logRead(position, this.heard);
  }

  /** All slots are copied anew. */
  restart(reason: string): void {
    this.restartReason ??= reason;
    this.tail.clear();
    this.hasMore = true;
  }

  /** Somebody waits for the confirmation of everything before `position`: it is asked for as soon as it can be. */
  confirmThrough(position: number): void {
    if (!isBefore(this.confirmed, position)) return;
    this.wanted = position;
    this.hasMore = true;
  }

  /** The reply to some frame. */
  replied(bytes: Uint8Array, nowMs: number): void {
    let reply: StreamReply;
    try {
      reply = decodeStreamReply(bytes);
    } catch (error) {
      this.fail((error as Error).message);
      return;
    }
    if (reply.attempt !== this.frames.attempt || this.restartReason !== null) return;
    switch (reply.outcome) {
      case StreamOutcome.stored:
      case StreamOutcome.outOfOrder:
        this.takeConfirmation(reply, nowMs);
        return;
      case StreamOutcome.unknown:
        if (this.window.firstPending > 0) this.restart('the replica has lost what it had');
        else {
          // It may not have heard of the stream yet.
          this.startAtMs = nowMs + BEGIN_AGAIN_MS;
          this.window.connected();
        }
        return;
      case StreamOutcome.failed:
        this.fail(reply.text === '' ? 'the replica cannot take the items' : reply.text);
        return;
    }
  }

  /** A piece of work, of `bytesMax` at most. Frames go to `send`, which keeps them unchanged until they are gone. */
  step(nowMs: number, wallMs: number, bytesMax: number, send: (frame: Uint8Array) => void): number {
    this.nowMs = nowMs;
    this.hasMore = false;
    if (this.restartReason !== null) this.startOver();
    this.parts.store.enter();
    const bytes = this.fill(wallMs, bytesMax);
    this.parts.store.leave();
    this.advance();
    this.shipper.finishFrame();
    if (this.isFrameDue()) this.shipper.checkpoint();
    if (this.isLinked && nowMs >= this.startAtMs) this.window.send(nowMs, send);
    return bytes;
  }

  /** When `step` is to be called again, at the latest; replies, commands and changes come before. */
  wakeAtMs(nowMs: number): number {
    if (!this.isLinked) return Number.POSITIVE_INFINITY;
    const { window, batch } = this;
    let wakeAtMs = window.resendAtMs;
    if (window.isEmpty) wakeAtMs = Math.min(wakeAtMs, this.frames.sealedAtMs + quietMs(batch));
    if (this.startAtMs > nowMs) wakeAtMs = Math.min(wakeAtMs, this.startAtMs);
    if (this.beginAtMs > nowMs) wakeAtMs = Math.min(wakeAtMs, this.beginAtMs);
    const waitsForPace = this.isScanning && this.tail.count === 0 && !this.shipper.isInPieces;
    if (this.hasMore) wakeAtMs = Math.min(wakeAtMs, waitsForPace ? this.parts.pace.readyAtMs : nowMs);
    return Math.max(nowMs, wakeAtMs);
  }

  private takeConfirmation({ outcome, next, through, deleted, lacking }: StreamReply, nowMs: number): void {
    const { window } = this;
    // Else what was changed since goes with the next look at the log: many changes in one frame.
    if (!window.isOpen || this.batch === 'deleting' || this.batch === 'told') this.hasMore = true;
    if (!window.confirmed(next, nowMs) || isBefore(this.frames.through, through)) {
      this.fail('the replica confirms what was never sent');
      return;
    }
    if (outcome === StreamOutcome.outOfOrder) window.missed(next);
    if (lacking.length > 0) this.takeLacking(lacking, next);
    this.heard = Math.max(this.heard, next);
    this.deletedCount = Math.max(this.deletedCount, deleted);
    if (isBefore(this.confirmed, through)) this.confirmed = through;
    if (this.wanted !== null && !isBefore(this.confirmed, this.wanted)) this.wanted = null;
  }

  /** The replica, which had stored all frames before `next`, has no copy of these slots. What it was told since it does not know. */
  private takeLacking(lacking: readonly number[], next: number): void {
    const queuedCount = this.slots.countOf(CopyState.queued);
    const gone = this.slots.takeLacking(lacking, next > this.begunFrame);
    if (this.slots.countOf(CopyState.queued) > queuedCount)
      this.beginAtMs = Math.max(this.beginAtMs, this.nowMs + BEGIN_AGAIN_MS);
    if (gone.length > 0 && next > this.forgottenFrame && !this.shipper.isInPieces)
      this.forgottenFrame = this.shipper.tell(RecordKind.forgotten, gone);
  }

  /** Writes what is due to frames: changes first, but not more than half of the bytes while slots are scanned. Returns its bytes. */
  private fill(wallMs: number, bytesMax: number): number {
    const { shipper, tail, window } = this;
    const { pace } = this.parts;
    let bytes = 0;
    let bucketsLeft = STEP_BUCKETS;
    for (;;) {
      this.hasMore = false;
      const { isScanning } = this;
      const { isInPieces } = shipper;
      if ((!isInPieces && tail.count === 0 && !isScanning) || !window.isOpen) return bytes;
      this.hasMore = true;
      if (bytes >= bytesMax || bucketsLeft === 0) return bytes;
      const mayScan = isScanning && pace.allows(this.nowMs);
      if (!isInPieces && tail.count > 0 && (bytes < bytesMax / 2 || !mayScan)) {
        bytes += tail.ship(wallMs);
        continue;
      }
      if (!isInPieces && !mayScan) return bytes;
      const sent = isInPieces ? tail.shipPiece() : this.copyNext(wallMs);
      if (isScanning) pace.spend(sent);
      if (sent === 0) bucketsLeft -= 1;
      bytes += sent;
    }
  }

  /** Sends the next key of the scan, or goes to the next bucket and returns 0. */
  private copyNext(wallMs: number): number {
    const { scan, shipper } = this;
    // A key that is gone by now is in the log.
    return scan.next(wallMs) ? shipper.ship(scan.namespace, scan.bytes, scan.start, scan.length, 'leave', wallMs) : 0;
  }

  private get isScanning(): boolean {
    return this.batch === 'scanning' && !this.scan.isDone;
  }

  /** Goes on with the batch of slots, as far as it can. Nothing is said between two pieces of a value. */
  private advance(): void {
    if (this.shipper.isInPieces) return;
    if (this.slots.hasLeft && this.window.isOpen) this.shipper.tell(RecordKind.left, this.slots.takeLeft());
    if (this.batch === 'idle' && this.isLinked && this.nowMs >= this.beginAtMs && this.window.isOpen) this.beginBatch();
    if (this.batch === 'deleting' && this.deletedCount === this.begunCount) {
      this.slots.advance(CopyState.begun, CopyState.copying);
      this.scan.restart();
      this.batch = 'scanning';
      this.hasMore = true;
    }
    if (this.batch === 'scanning' && (this.scan.isDone || this.slots.countOf(CopyState.copying) === 0)) {
      this.batch = 'settling';
      this.settlePosition = this.position;
    }
    // A value in pieces that a flush came between was given up, and waits to be sent with the changes.
    if (this.batch === 'settling' && !isBefore(this.through, this.settlePosition)) {
      this.toldFrame = this.shipper.tell(RecordKind.synced, this.slots.advance(CopyState.copying, CopyState.told));
      this.batch = 'told';
    }
    if (this.batch === 'told' && this.window.firstPending > this.toldFrame) {
      this.slots.advance(CopyState.told, CopyState.synced);
      this.batch = 'idle';
      this.setError(null);
      this.hasMore = true;
    }
  }

  private beginBatch(): void {
    const slots = this.slots.advance(CopyState.queued, CopyState.begun, (slot) => !this.parts.isPurging(slot));
    if (slots.length === 0) return;
    this.begunFrame = this.shipper.tell(RecordKind.begun, slots);
    this.begunCount += 1;
    this.batch = 'deleting';
  }

  private beginAttempt(): void {
    this.tail.clear();
    this.batch = 'idle';
    this.begunCount = 0;
    this.deletedCount = 0;
    this.forgottenFrame = -1;
    this.heard = 0;
    this.confirmed = this.position;
    this.shipper.begin(this.frames.begin(this.parts.nextAttempt()));
  }

  private startOver(): void {
    this.setError(this.restartReason);
    this.restartReason = null;
    this.fullCopies += 1;
    this.slots.requeueAll();
    this.beginAttempt();
    this.beginAtMs = this.delay.next(this.nowMs, this.hasFailed);
    this.hasFailed = false;
  }

  private setError(error: string | null): void {
    if (error !== this.error) this.errorCount += 1;
    this.error = error;
  }

  private fail(reason: string): void {
    this.hasFailed = true;
    this.restart(reason);
  }

  /** Everything before this position is in the frames. */
  private get through(): number {
    return this.tail.oldest ?? this.position;
  }

  /** Whether a frame without records is to go. */
  private isFrameDue(): boolean {
    const { frames, nowMs, through, wanted, window } = this;
    if (wanted !== null && isBefore(frames.through, wanted) && !isBefore(through, wanted)) return true;
    if (!this.isLinked || !window.isEmpty) return false;
    return nowMs - frames.sealedAtMs >= quietMs(this.batch);
  }
}

function quietMs(batch: Batch): number {
  return batch === 'deleting' ? DELETING_MS : QUIET_MS;
}
