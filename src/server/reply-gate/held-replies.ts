/**
 * The replies of one session that may not leave yet: the end of its output, cut into parts that each stand behind something to wait for.
 *
 *     session.output   [ may leave ... | part | part ........ | part ]
 *                                      ▲      ▲               ▲
 *                                      wait   wait            wait
 *
 * All that is queued behind a wait waits with it, whatever it is, so the client's order is kept. Made with the first wait of a session.
 */
import type { OutputBuffer } from '../output-buffer.ts';
import { type ReplyWait, WaitState } from './reply-wait.ts';

/** Waits of one session at one time; beyond it its requests wait. */
const PART_COUNT_MAX = 64;

interface Part {
  wait: ReplyWait;
  mark: number;
  sinceMs: number;
  length: number;
  /** Commands of a node in a cluster were served for it, which may be answered only while the right to serve lasts. */
  isServed: boolean;
}

export class HeldReplies {
  /** Bytes of all parts. */
  length = 0;
  /** It is in the gate's list. */
  isListed = false;
  /** What was opened last holds replies to commands that a node in a cluster served. */
  hasOpenedServed = false;
  /** Parts are used again, so that a wait makes no object: those from `first` on, `count` of them, are in use. */
  private readonly parts: Part[] = [];
  private first = 0;
  private count = 0;

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Whether the session's requests are to wait. */
  get holdsRequests(): boolean {
    if (this.count >= PART_COUNT_MAX) return true;
    for (let index = 0; index < this.count; index += 1) if (this.part(index).wait.holdsRequests) return true;
    return false;
  }

  /** What is queued from now on waits for `wait` too. */
  add(wait: ReplyWait, mark: number, sinceMs: number): void {
    if (this.count === this.parts.length) this.grow(wait);
    this.count += 1;
    const part = this.part(this.count - 1);
    part.wait = wait;
    part.mark = mark;
    part.sinceMs = sinceMs;
    part.length = 0;
    part.isServed = false;
  }

  /** `length` bytes were queued. */
  append(length: number): void {
    if (this.count === 0) return;
    this.part(this.count - 1).length += length;
    this.length += length;
  }

  /** What is queued behind the last wait answers commands that a node in a cluster served. */
  noteServed(): void {
    if (this.count > 0) this.part(this.count - 1).isServed = true;
  }

  /**
   * Lets go what waits no more, from the front; it is the end of `output`. `over`: something may leave now; ask again then. `broken`: what the first part waits
   * for will never come.
   */
  open(output: OutputBuffer, monotonicMs: number): WaitState {
    let opened: WaitState = WaitState.waiting;
    this.hasOpenedServed = false;
    while (this.count > 0) {
      const part = this.part(0);
      const state = part.wait.look(part.mark, part.sinceMs, monotonicMs);
      if (state === WaitState.waiting) break;
      if (state === WaitState.broken) return opened === WaitState.over ? opened : state;
      if (state === WaitState.late && part.length > 0) {
        output.rewrite(output.length - this.length, part.length, (bytes) => part.wait.rewrite!(bytes));
      }
      opened = WaitState.over;
      this.length -= part.length;
      this.hasOpenedServed ||= part.isServed;
      this.first = (this.first + 1) % this.parts.length;
      this.count -= 1;
    }
    return opened;
  }

  /** Forgets everything: the output is gone. */
  clear(): void {
    this.count = 0;
    this.length = 0;
  }

  private part(index: number): Part {
    return this.parts[(this.first + index) % this.parts.length]!;
  }

  /** Room for one more, where all parts are in use. */
  private grow(wait: ReplyWait): void {
    this.parts.push(...this.parts.splice(0, this.first));
    this.first = 0;
    this.parts.push({ wait, mark: 0, sinceMs: 0, length: 0, isServed: false });
  }
}
