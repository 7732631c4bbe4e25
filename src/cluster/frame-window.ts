/**
 * The frames of one attempt of a move or a stream that the target has not confirmed: kept, so that after a lost connection they are sent again
 * from the first of them, and counted, so that the source does not run ahead of what the target can store.
 */

/** Bytes that may be on their way; one frame goes in any case. What the source holds in memory, and what the target may have to queue. */
export const WINDOW_BYTES: number = 2 * 1024 * 1024;
/** Frames that may be on their way: where each holds little, what comes next is better sent together, and not behind thousands of them. */
const WINDOW_FRAMES = 64;
/** No reply for so long although the connection stands: the frames are sent again. */
const RESEND_MS = 2000;

export class FrameWindow {
  private frames: Uint8Array[] = [];
  /** The number of `frames[0]`. */
  private first = 0;
  /** How many of `frames` were sent over this connection. */
  private sent = 0;
  private bytes = 0;
  private waitingSinceMs = 0;
  /** The number from which frames were last sent again because the target missed one. */
  private resentFrom = -1;

  /** The number of the first frame that is not confirmed. */
  get firstPending(): number {
    return this.first;
  }

  /** The number that the next frame has. */
  get next(): number {
    return this.first + this.frames.length;
  }

  /** Whether another frame may be made. */
  get isOpen(): boolean {
    return this.bytes < WINDOW_BYTES && this.frames.length < WINDOW_FRAMES;
  }

  /** Whether the target has confirmed all that there was. */
  get isEmpty(): boolean {
    return this.frames.length === 0;
  }

  /** Whether all was sent over the connection that stands, or stood last. */
  get isSent(): boolean {
    return this.sent === this.frames.length;
  }

  /** Bytes not confirmed. */
  get pendingBytes(): number {
    return this.bytes;
  }

  /** When, at the latest, `send` should be called again; Infinity where nothing is on its way. */
  get resendAtMs(): number {
    return this.sent > 0 ? this.waitingSinceMs + RESEND_MS : Number.POSITIVE_INFINITY;
  }

  add(frame: Uint8Array): void {
    this.frames.push(frame);
    this.bytes += frame.length;
  }

  /** Forgets all: an attempt begins. */
  reset(): void {
    this.frames = [];
    this.first = 0;
    this.sent = 0;
    this.bytes = 0;
    this.resentFrom = -1;
  }

  /** A connection is there, over which nothing was sent. */
  connected(): void {
    this.sent = 0;
    this.resentFrom = -1;
  }

  /** Gives what was not yet sent over this connection to `send`, and what got no reply for long. */
  send(nowMs: number, send: (frame: Uint8Array) => void): void {
    if (nowMs >= this.resendAtMs) this.sent = 0;
    if (this.sent < this.frames.length && this.sent === 0) this.waitingSinceMs = nowMs;
    for (; this.sent < this.frames.length; this.sent += 1) send(this.frames[this.sent]!);
  }

  /** The target has stored all frames before number `next`. False where it cannot have. */
  confirmed(next: number, nowMs: number): boolean {
    if (next > this.next) return false;
    const count = next - this.first;
    // A reply to a frame that was sent twice comes late.
    if (count <= 0) return true;
    for (const frame of this.frames.splice(0, count)) this.bytes -= frame.length;
    this.first = next;
    this.sent = Math.max(0, this.sent - count);
    this.waitingSinceMs = nowMs;
    return true;
  }

  /** The target waits for frame number `next`: what follows it is sent again, once. */
  missed(next: number): void {
    if (next !== this.first || this.resentFrom === next) return;
    this.resentFrom = next;
    this.sent = 0;
  }
}
