/**
 * The requests of one connection that wait for their replies, in arrays that are made once. Where replies come in order, the
 * slots are a ring; where they carry ids, any free slot is taken, and an id is a slot and the number of times it was used, so
 * that a reply which comes twice is not taken for that of a later request.
 */
import { NO_REQUEST_ID } from './reply-scanner.ts';

/** `find`: no request waits for this reply. */
export const NO_SLOT = -1;

const ID_COUNT = 2 ** 32;

export class InFlight {
  readonly depth: number;
  /** When the request was sent, or should have been. */
  readonly sinceNs: Float64Array;
  readonly key: Float64Array;
  /** 1 for a read, 0 for a write. */
  readonly isRead: Uint8Array;
  private readonly ordered: boolean;
  private waiting = 0;
  /** Ordered: the slot whose reply is next. */
  private head = 0;
  /** Not ordered: the slots that are free, the first `depth - waiting` of them. */
  private readonly free: Int32Array;
  private readonly used: Uint8Array;
  private readonly ids: Float64Array;

  /** `depth`: how many may wait, 1 or more. `ordered`: whether replies come in the order of the requests. */
  constructor(depth: number, ordered: boolean) {
    this.depth = depth;
    this.ordered = ordered;
    this.sinceNs = new Float64Array(depth);
    this.key = new Float64Array(depth);
    this.isRead = new Uint8Array(depth);
    const idSlots = ordered ? 0 : depth;
    this.free = Int32Array.from({ length: idSlots }, (_, slot) => depth - 1 - slot);
    this.used = new Uint8Array(idSlots);
    this.ids = Float64Array.from({ length: idSlots }, (_, slot) => slot);
  }

  get count(): number {
    return this.waiting;
  }

  get isFull(): boolean {
    return this.waiting === this.depth;
  }

  /** A free slot; only where it is not full. */
  take(): number {
    const { waiting, depth } = this;
    this.waiting = waiting + 1;
    if (this.ordered) {
      const slot = this.head + waiting;
      return slot < depth ? slot : slot - depth;
    }
    const slot = this.free[depth - 1 - waiting]!;
    this.used[slot] = 1;
    const next = this.ids[slot]! + depth;
    this.ids[slot] = next < ID_COUNT ? next : slot;
    return slot;
  }

  /** What the request in `slot` is called on the wire. */
  requestId(slot: number): number {
    return this.ordered ? NO_REQUEST_ID : this.ids[slot]!;
  }

  /** The slot of the request that a reply with this id answers, or NO_SLOT. */
  find(requestId: number): number {
    if (this.ordered) return this.waiting === 0 ? NO_SLOT : this.head;
    const slot = requestId % this.depth;
    return this.used[slot] === 1 && this.ids[slot] === requestId ? slot : NO_SLOT;
  }

  /** Frees what `find` found. */
  release(slot: number): void {
    this.waiting -= 1;
    if (this.ordered) {
      this.head = slot + 1 === this.depth ? 0 : slot + 1;
      return;
    }
    this.used[slot] = 0;
    this.free[this.depth - 1 - this.waiting] = slot;
  }

  /** Frees all; calls `lose` with each slot that waited. */
  clear(lose: (slot: number) => void): void {
    if (this.ordered) {
      while (this.waiting > 0) {
        lose(this.head);
        this.release(this.head);
      }
      return;
    }
    for (let slot = 0; slot < this.depth; slot += 1) {
      if (this.used[slot] === 0) continue;
      lose(slot);
      this.release(slot);
    }
  }
}
