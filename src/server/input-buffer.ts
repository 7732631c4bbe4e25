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
import { copyBytes } from '../base/bytes.ts';

export class InputBuffer {
  bytes: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** What `roomForMore` gave out last. */
  private room: Uint8Array | null = null;
  /** Set by each `append`; the periodic sweep clears it and releases a buffer that stayed unused. */
  private used = false;

  get length(): number {
    return this.end - this.start;
  }

  /** Bytes allocated beyond those that wait. */
  get freeBytes(): number {
    return this.bytes.length - this.length;
  }

  /** Bytes that were received into `roomForMore()` stay where they are. */
  append(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.used = true;
    if (source === this.room) {
      this.room = null;
      this.end += count;
      return;
    }
    if (this.bytes.length - this.end < count) this.makeRoom(count);
    copyBytes(source, start, this.bytes, this.end, count);
    this.end += count;
  }

  /** Has `connection` receive the rest of a large command behind what came of it. To be called after each change. */
  receiveRest(connection: { receiveBuffer: Uint8Array | null }): void {
    if (this.length > 0 || connection.receiveBuffer !== null) connection.receiveBuffer = this.roomForMore();
  }

  /**
   * Where the next bytes may be received, so that those of a large value are copied once, to the store; null while little waits, or
   * nothing. To be asked for again after each change.
   */
  roomForMore(): Uint8Array | null {
    this.room = null;
    if (this.length < DIRECT_BYTES_MIN) return null;
    if (this.bytes.length - this.end < DIRECT_ROOM_BYTES_MIN) this.makeRoom(DIRECT_ROOM_BYTES_MIN);
    this.room = this.bytes.subarray(this.end);
    return this.room;
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
    this.room = null;
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
/** From so many waiting bytes on the rest is received behind them. A command of that size costs more than the view that it takes. */
const DIRECT_BYTES_MIN = 32 * 1024;
const DIRECT_ROOM_BYTES_MIN = 64 * 1024;
const EMPTY = Buffer.alloc(0);
