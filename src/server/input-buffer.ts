/**
 * Bytes of one connection that arrived and are not yet processed: half a command, or whole ones while the
 * connection is held back. Empty for nearly all connections nearly all the time, since a batch is decoded in the
 * transport's receive buffer and only what is left over comes here.
 *
 *     bytes   [ consumed | waiting ......... | free ]
 *                        start               end
 *
 * It grows by doubling with bytes that arrived, never by a length that a peer states.
 */
import { copyBytes } from '../protocol/output-bytes.ts';

export class InputBuffer {
  bytes: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** Set by each `append`; the periodic sweep clears it and releases a buffer that stayed unused. */
  private used = false;

  get length(): number {
    return this.end - this.start;
  }

  /** Bytes allocated beyond those that wait. */
  get freeBytes(): number {
    return this.bytes.length - this.length;
  }

  append(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.bytes.length - this.end < count) this.makeRoom(count);
    copyBytes(source, start, this.bytes, this.end, count);
    this.end += count;
    this.used = true;
  }

  consume(count: number): void {
    this.start += count;
    if (this.start === this.end) {
      this.start = 0;
      this.end = 0;
    }
  }

  /** Gives the memory back at once. */
  release(): void {
    this.bytes = EMPTY;
    this.start = 0;
    this.end = 0;
  }

  /** Gives the memory back if nothing waits and nothing came since the last call. */
  releaseIfUnused(): void {
    if (this.end === 0 && !this.used && this.bytes.length > 0) this.release();
    this.used = false;
  }

  private makeRoom(count: number): void {
    const waiting = this.length;
    const needed = waiting + count;
    // Moving what waits to the front is enough, and cheap by comparison, while it fills at most half of the buffer.
    if (needed <= this.bytes.length && waiting <= this.bytes.length >> 1) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      let capacity = Math.max(this.bytes.length, INITIAL_BYTES);
      while (capacity < needed) capacity *= 2;
      const grown = Buffer.allocUnsafeSlow(capacity);
      copyBytes(this.bytes, this.start, grown, 0, waiting);
      this.bytes = grown;
    }
    this.start = 0;
    this.end = waiting;
  }
}

const INITIAL_BYTES = 1024;
const EMPTY = Buffer.alloc(0);
