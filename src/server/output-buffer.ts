/**
 * Bytes for one connection that its socket has not taken yet, and pushed messages on their way out. Its owner
 * compares `length` with the connection's limits; this is only the queue.
 *
 *     bytes   [ sent | unsent ......... | free ]
 *                    start              end
 */
export class OutputBuffer {
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  append(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.bytes.length - this.end < count) this.makeRoom(count);
    this.bytes.set(source.subarray(start, end), this.end);
    this.end += count;
  }

  /** Forgets the first `count` bytes; once empty, a large buffer is given back. */
  consume(count: number): void {
    this.start += count;
    if (this.start !== this.end) return;
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = EMPTY;
  }

  /** Forgets everything, and the buffer with it: somebody else may still read it. */
  release(): void {
    this.bytes = EMPTY;
    this.start = 0;
    this.end = 0;
  }

  private makeRoom(count: number): void {
    const unsent = this.length;
    const needed = unsent + count;
    if (needed <= this.bytes.length && unsent <= this.bytes.length >> 1) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      // Half as much again rather than double: a slow reader's queue can be the largest buffer of the process.
      const capacity = Math.max(INITIAL_BYTES, needed, this.bytes.length + (this.bytes.length >> 1));
      const grown = Buffer.allocUnsafeSlow(capacity);
      grown.set(this.bytes.subarray(this.start, this.end));
      this.bytes = grown;
    }
    this.start = 0;
    this.end = unsent;
  }
}

const INITIAL_BYTES = 512;
/** An empty buffer of at most this size stays with its connection, so that a subscriber costs no allocation per message. */
const KEPT_BYTES = 4096;
const EMPTY = Buffer.alloc(0);
