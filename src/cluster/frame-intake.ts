/**
 * The frames of one attempt as they come in, put in their order: they are stored in that order alone. One that comes twice is known again, one that comes too early is asked
 * for in its place. While the first cannot be stored yet, so many wait as the other side may have on their way.
 */
import { WINDOW_BYTES } from './frame-window.ts';
import type { Store } from '../store/store.ts';
import { RECORD_BYTES_MAX } from './item-records.ts';

/** Takes the reply to a frame; it may be called later, and not at all where its copy ends before. */
export type ReplyToFrame = (reply: Uint8Array) => void;

/** Frames that may wait: a window of the other side, and one beside it. */
const WAITING_BYTES_MAX: number = WINDOW_BYTES + 3 * RECORD_BYTES_MAX;

interface NumberedFrame {
  readonly number: number;
  readonly byteLength: number;
}

interface WaitingFrame<Frame> {
  readonly frame: Frame;
  reply: ReplyToFrame;
}

/** `known`: it was stored before. `early`: another one is to come first. `waits`: it is in its place. */
export type FramePlace = 'known' | 'early' | 'waits';

export class FrameIntake<Frame extends NumberedFrame> {
  /** The number of the first frame that is not stored. */
  next = 0;
  /** Frames `next`, `next + 1`, … */
  private waiting: WaitingFrame<Frame>[] = [];
  private waitingBytes = 0;

  get count(): number {
    return this.waiting.length;
  }

  /** Where `waits` is the answer the bytes of the frame are kept until it is stored, and `reply` then. */
  take(frame: Frame, reply: ReplyToFrame): FramePlace {
    const place = frame.number - this.next;
    if (place < 0) return 'known';
    const waiting = this.waiting[place];
    if (waiting !== undefined) {
      waiting.reply = reply;
      return 'waits';
    }
    if (place > this.waiting.length || this.waitingBytes + frame.byteLength > WAITING_BYTES_MAX) return 'early';
    this.waiting.push({ frame, reply });
    this.waitingBytes += frame.byteLength;
    return 'waits';
  }

  /**
   * Stores what waits, in one batch of `store`, until `storeFrame` says that a frame cannot be stored, or not yet; then it is tried again with the next call.
   * `onStored` hears of each that is.
   */
  store(
    store: Store,
    storeFrame: (frame: Frame) => boolean,
    onStored: (frame: Frame, reply: ReplyToFrame) => void,
  ): void {
    store.enter();
    try {
      for (let first = this.waiting[0]; first !== undefined && storeFrame(first.frame); first = this.waiting[0]) {
        this.waiting.shift();
        this.waitingBytes -= first.frame.byteLength;
        this.next += 1;
        onStored(first.frame, first.reply);
      }
    } finally {
      store.leave();
    }
  }

  /** Nothing is stored any more: forgets what waits, and returns it. */
  clear(): readonly WaitingFrame<Frame>[] {
    this.waitingBytes = 0;
    return this.waiting.splice(0);
  }

  /** Another attempt begins, with frame 0. Those that wait get no reply. */
  restart(): void {
    this.clear();
    this.next = 0;
  }
}
