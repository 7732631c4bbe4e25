/**
 * The source's side of one move: copies the items of its slots to the target and then follows their changes, until all there is is on its way.
 *
 *     starting ─(the target began)─► copying ─(index scanned)─► tail ─(tail short)─► ready ─► shipRest: rest ─(all sent)─► drained
 *
 * Correct whatever is written meanwhile: the change log is followed before the scan begins, a key that changed is looked up and sent
 * again after that, and frames are stored in the order in which they were made, so the last one about a key is right. A key that
 * the scan missed because it came later is in the log. A flush is sent as such, at once: what was sent of keys that it deleted stands before
 * it, and what was written after it is in the log behind it. SWAPDB, a change log that overflowed, and a target that lost what it had
 * make a new attempt, which begins by deleting what the last one brought. In `drained` the target decides: it takes over once it has stored every
 * frame of this attempt, and what is lost on its way is sent again.
 *
 * It ends whatever is written meanwhile: changed keys are kept once each; when they fill their room, or when the tail has not become short in
 * TAIL_GRACE_MS, those who write to the slots wait until it has.
 *
 * Sans-IO: the store is read here, but time comes as an argument, frames go out through `send`, and replies come in as calls. Each step does
 * a bounded piece of work. What bounds the pace: bytes per second, for the scan, and the window of unconfirmed frames.
 */
import { type ChangeConsumer, type ChangeLog, ChangeReading, ChangeRecord } from '../changes/change-log.ts';
import { ChangeOperation } from '../store/change-ring.ts';
import { SlotSet } from '../store/slot-set.ts';
import type { Store } from '../store/store.ts';
import type { BytePace } from './byte-pace.ts';
import { FrameWindow } from './frame-window.ts';
import { ItemShipper } from './item-shipper.ts';
import { ItemTail } from './item-tail.ts';
import { decodeFrameReply, FRAME_START, FrameOutcome, type FrameReply, newMoveFrame } from './move-frames.ts';
import type { MoveReport, MoveReportState } from './mover.ts';
import { SlotScan } from './slot-scan.ts';
import { WriterHold } from './writer-hold.ts';

/** Work of one step: about a millisecond. */
const STEP_BUCKETS = 256;
const STEP_RECORDS = 2048;
const STEP_BYTES: number = 256 * 1024;
/** The tail is short: so many keys and bytes go in far less than a pause may last. The bytes of keys are guessed from those sent before. */
const READY_KEYS = 128;
const READY_BYTES: number = 512 * 1024;
/** So long the tail may stay long before those who write wait. */
const TAIL_GRACE_MS = 1000;
/** Changed keys are sent while the scan goes on when they take this share of their room; and those who write wait above the other, until it is half. */
const EARLY_SHARE = 0.25;
const WAIT_SHARE = 0.75;
/** The longest time that the slots are paused until all is sent: clients wait meanwhile. */
const REST_MS_MAX = 1000;
/** How often the log is read while nothing else happens, and while slots are followed closely. */
const IDLE_TICK_MS = 20;
const TAIL_TICK_MS = 2;
/** A target that has not heard of the move yet is asked again after this. */
const BEGIN_AGAIN_MS = 50;
const ATTEMPTS_MAX = 16;

type Phase = 'starting' | 'copying' | 'tail' | 'ready' | 'rest' | 'drained' | 'failed';

const REPORTED: Readonly<Record<Phase, MoveReportState>> = {
  starting: 'copying',
  copying: 'copying',
  tail: 'copying',
  ready: 'ready',
  rest: 'ready',
  drained: 'drained',
  failed: 'failed',
};

export interface MoveSourceParts {
  /** The control thread's access, which does not count uses. */
  readonly store: Store;
  readonly log: ChangeLog;
  readonly moveId: number;
  readonly slots: readonly number[];
  /** Of the scan, shared by all moves from this node; what is changed meanwhile is sent as fast as the target takes it. */
  readonly pace: BytePace;
}

export class MoveSource {
  readonly id: number;
  private readonly store: Store;
  private readonly log: ChangeLog;
  private readonly slots: SlotSet;
  private readonly pace: BytePace;
  private readonly window = new FrameWindow();
  private readonly shipper: ItemShipper;
  private readonly scan: SlotScan;
  private readonly hold: WriterHold;
  private readonly tail: ItemTail;
  private readonly record = new ChangeRecord();
  private readonly itemsTotal: number;
  private consumer: ChangeConsumer | null = null;
  private phase: Phase = 'starting';
  private error = '';
  private attempt = 0;
  private isLinked = false;
  private beginAtMs = 0;
  private tailSinceMs = 0;
  private restSinceMs = 0;
  private restWanted = false;
  /** The end of the log when nobody could write to the slots any more; what comes behind it is about others. */
  private restEnd = 0;
  /** The last step read the log to its end. What came since, which may be about other slots, is what a step's time brings. */
  private isLogRead = false;
  /** Something was left to do that the last step had no room for. */
  private hasMore = true;

  constructor({ store, log, moveId, slots, pace }: MoveSourceParts) {
    this.id = moveId;
    this.store = store;
    this.log = log;
    this.slots = new SlotSet(slots);
    this.scan = new SlotScan(store, this.slots);
    this.hold = new WriterHold(log, slots);
    this.pace = pace;
    this.shipper = new ItemShipper(store, this.window, {
      open: (number) => newMoveFrame(moveId, this.attempt, number, 0),
      seal: (frame) => frame.finish(),
    });
    this.tail = new ItemTail(store, this.shipper);
    this.itemsTotal = store.parts.slotCounters.itemCountOf(slots);
    this.beginAttempt();
  }

  /** All commands on its slots wait, or may at any moment. */
  get isHandingOver(): boolean {
    return this.phase === 'ready' || this.phase === 'rest' || this.phase === 'drained';
  }

  get report(): MoveReport {
    const { id, itemsTotal, error } = this;
    const { items, bytes } = this.shipper;
    const lag = this.tail.count + (this.consumer?.lag ?? 0);
    const report = { id, role: 'source' as const, state: REPORTED[this.phase], items, bytes, itemsTotal, lag };
    if (this.phase === 'drained') return { ...report, extent: { attempt: this.attempt, frames: this.window.next } };
    return this.phase === 'failed' ? { ...report, error } : report;
  }

  /** A connection with the target is there, on which nothing was sent. */
  linkUp(): void {
    this.isLinked = true;
    this.window.connected();
    this.hasMore = true;
  }

  linkDown(): void {
    this.isLinked = false;
  }

  /** The slots are paused: send the rest now. */
  shipRest(): void {
    this.restWanted = true;
    this.hasMore = true;
  }

  /** The reply to some frame. */
  replied(bytes: Uint8Array, nowMs: number): void {
    if (this.phase === 'failed') return;
    let reply: FrameReply;
    try {
      reply = decodeFrameReply(bytes);
    } catch (error) {
      this.fail((error as Error).message);
      return;
    }
    if (reply.attempt !== this.attempt) return;
    this.hasMore = true;
    switch (reply.outcome) {
      case FrameOutcome.stored:
      case FrameOutcome.outOfOrder:
        if (!this.window.confirmed(reply.next, nowMs)) this.fail('the target confirms what was never sent');
        else if (reply.outcome === FrameOutcome.outOfOrder) this.window.missed(reply.next);
        return;
      case FrameOutcome.unknown:
        if (this.phase === 'starting') {
          // It may not have heard of the move yet.
          this.beginAtMs = nowMs + BEGIN_AGAIN_MS;
          this.window.connected();
        } else this.startOver('the target lost what it had');
        return;
      case FrameOutcome.failed:
        this.fail(reply.text === '' ? 'the target cannot take the items' : reply.text);
        return;
    }
  }

  /** A piece of work. `nowMs` is monotonic, `wallMs` ms since 1970. Frames go to `send`, which keeps them unchanged until they are gone. */
  step(nowMs: number, wallMs: number, send: (frame: Uint8Array) => void): void {
    if (this.phase === 'failed') return;
    this.hasMore = false;
    if (this.phase !== 'drained') this.gather(nowMs, wallMs);
    if (this.isLinked && nowMs >= this.beginAtMs) this.window.send(nowMs, send);
    this.advance(nowMs);
    this.settleWriters(nowMs);
  }

  private gather(nowMs: number, wallMs: number): void {
    this.store.enter();
    try {
      this.beginRest(nowMs);
      this.readLog();
      this.fill(nowMs, wallMs);
    } finally {
      this.store.leave();
    }
    this.shipper.finishFrame();
  }

  /** When `step` is to be called again, at the latest; replies and commands come before. Infinity once there is nothing to do. */
  wakeAtMs(nowMs: number): number {
    if (this.phase === 'failed') return Number.POSITIVE_INFINITY;
    if (this.phase === 'drained')
      return this.hasMore ? nowMs : this.isLinked ? this.window.resendAtMs : Number.POSITIVE_INFINITY;
    if (this.phase === 'rest' && !this.hasMore)
      return Math.min(this.restSinceMs + REST_MS_MAX, this.window.resendAtMs, nowMs + IDLE_TICK_MS);
    let wakeAtMs = nowMs + (this.phase === 'tail' || this.phase === 'ready' ? TAIL_TICK_MS : IDLE_TICK_MS);
    if (this.phase === 'starting' && this.beginAtMs > nowMs) wakeAtMs = Math.min(wakeAtMs, this.beginAtMs);
    if (this.isLinked) wakeAtMs = Math.min(wakeAtMs, this.window.resendAtMs);
    if (!this.hasMore) return wakeAtMs;
    if (this.phase === 'copying' && this.window.isOpen) return Math.min(wakeAtMs, Math.max(nowMs, this.pace.readyAtMs));
    return nowMs;
  }

  /** Ends it, however far it is: nothing is followed or held up any more. */
  close(): void {
    this.hold.set(false);
    this.consumer?.close();
    this.consumer = null;
    this.tail.clear();
  }

  /** Whether writers were made to wait and now need not: whoever holds them is to look again. Says so once. */
  takeWritersResumed(): boolean {
    return this.hold.takeEnded();
  }

  private beginAttempt(): void {
    this.consumer?.close();
    // Before anything is read: what changes from here on is in the log.
    this.consumer = this.log.open(this.slots.slots);
    if (this.consumer === null) {
      this.fail('the change log has no room for another follower');
      return;
    }
    this.attempt += 1;
    this.phase = 'starting';
    this.tail.clear();
    this.scan.restart();
    this.shipper.begin(newMoveFrame(this.id, this.attempt, 0, FRAME_START).finish());
    this.hasMore = true;
  }

  private startOver(reason: string): void {
    if (this.restWanted) this.fail(`${reason}, while the slots were paused`);
    else if (this.attempt >= ATTEMPTS_MAX) this.fail(`${reason}, for the ${ATTEMPTS_MAX}th time`);
    else this.beginAttempt();
  }

  private fail(reason: string): void {
    if (this.phase === 'failed') return;
    this.phase = 'failed';
    this.error = reason;
    this.close();
  }

  /** Every batch of a data thread that began before the pause is over when this returns, so nobody writes to the slots any more. */
  private beginRest(nowMs: number): void {
    if (!this.restWanted || this.phase === 'rest' || this.phase === 'drained') return;
    if (this.phase !== 'ready') {
      this.fail('the tail became long again before the pause');
      return;
    }
    this.store.beginExclusive();
    this.store.endExclusive();
    this.phase = 'rest';
    this.restSinceMs = nowMs;
    this.restEnd = this.consumer?.end ?? 0;
  }

  private readLog(): void {
    const { consumer, record } = this;
    this.isLogRead = false;
    if (consumer === null) return;
    for (let count = 0; this.tail.share < 1; count += 1) {
      if (count === STEP_RECORDS) {
        this.hasMore = true;
        return;
      }
      const reading = consumer.read(record);
      if (reading === ChangeReading.none) {
        this.isLogRead = true;
        return;
      }
      if (reading === ChangeReading.lost) {
        this.startOver('the change log overflowed');
        return;
      }
      if (record.operation === ChangeOperation.swapped) {
        this.startOver('databases were exchanged');
        return;
      }
      if (record.operation === ChangeOperation.flushed) this.tail.shipFlush(record);
      else this.tail.add(record);
    }
    this.hasMore = true;
  }

  /** Fills frames with what is due, within the bounds of a step. */
  private fill(nowMs: number, wallMs: number): void {
    if (this.phase === 'starting' || this.phase === 'drained' || this.phase === 'failed') return;
    let bytesLeft = STEP_BYTES;
    let bucketsLeft = STEP_BUCKETS;
    for (;;) {
      const { isInPieces } = this.shipper;
      const isTailDue = this.tail.count > 0 && (this.scan.isDone || this.tail.share > EARLY_SHARE);
      if (!isInPieces && !isTailDue && this.scan.isDone) return;
      this.hasMore = this.window.isOpen;
      if (!this.window.isOpen || bytesLeft <= 0 || bucketsLeft <= 0) return;
      if (isTailDue && !isInPieces) {
        bytesLeft -= this.tail.ship(wallMs);
        continue;
      }
      const isPaced = !this.scan.isDone;
      if (isPaced && !this.pace.allows(nowMs)) return;
      const bytes = isInPieces ? this.tail.shipPiece() : this.copyNext(wallMs);
      if (isPaced) this.pace.spend(bytes);
      bytesLeft -= bytes;
      if (bytes === 0) bucketsLeft -= 1;
    }
  }

  /** Sends the next key of the scan, or goes to the next bucket and returns 0. */
  private copyNext(wallMs: number): number {
    const { scan } = this;
    // A key that is gone by now is in the log.
    return scan.next(wallMs)
      ? this.shipper.ship(scan.namespace, scan.bytes, scan.start, scan.length, 'leave', wallMs)
      : 0;
  }

  private advance(nowMs: number): void {
    switch (this.phase) {
      case 'starting':
        if (!this.window.isEmpty) return;
        this.phase = 'copying';
        this.hasMore = true;
        return;
      case 'copying':
        if (!this.scan.isDone || this.shipper.isInPieces) return;
        this.phase = 'tail';
        this.tailSinceMs = nowMs;
        return;
      case 'tail':
        if (this.isTailShort) this.phase = 'ready';
        return;
      case 'rest':
        this.hasMore ||= !this.isRestRead;
        if (this.isAllMade && this.isLinked && this.window.isSent) this.phase = 'drained';
        else if (nowMs - this.restSinceMs >= REST_MS_MAX) this.fail(`the last changes took over ${REST_MS_MAX} ms`);
        return;
      case 'ready':
      case 'drained':
      case 'failed':
    }
  }

  private get isTailShort(): boolean {
    const { tail, shipper, window } = this;
    const bytes = window.pendingBytes + tail.count * shipper.itemBytesMean;
    return this.isLogRead && !shipper.isInPieces && tail.count <= READY_KEYS && bytes <= READY_BYTES;
  }

  /** In the pause: all is in frames, what was in the log and what was read from it. */
  private get isAllMade(): boolean {
    return this.isRestRead && this.scan.isDone && !this.shipper.isInPieces && this.tail.count === 0;
  }

  private get isRestRead(): boolean {
    return this.consumer === null || this.consumer.hasRead(this.restEnd);
  }

  /** Lets those who write to the slots wait, or go on. */
  private settleWriters(nowMs: number): void {
    if (this.consumer === null) return;
    const load = Math.max(this.tail.share, this.consumer.lagShare);
    const isTailLong = this.phase === 'tail' && nowMs - this.tailSinceMs >= TAIL_GRACE_MS;
    // Until the pause is over, so that the tail stays short.
    const isHeld = this.hold.isOn && (this.isHandingOver || load > WAIT_SHARE / 2);
    this.hold.set(isTailLong || load > WAIT_SHARE || isHeld);
  }
}
