/** Bytes that have come and are not read yet. Grows with what really came, never by what a peer says will come. */
const BYTES_MIN = 16 * 1024;

export class ReceivedBytes {
  bytes: Buffer = Buffer.alloc(0);
  /** What is unread is `bytes[start..end)`. */
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  append(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.bytes.length - this.end < length) this.makeRoom(length);
    this.bytes.set(source.subarray(start, end), this.end);
    this.end += length;
  }

  consume(count: number): void {
    this.start += count;
    if (this.start < this.end) return;
    this.start = 0;
    this.end = 0;
    // A buffer that held one large frame is not kept for small ones.
    if (this.bytes.length > BYTES_MIN * 4) this.bytes = Buffer.alloc(0);
  }

  private makeRoom(length: number): void {
    const unread = this.length;
    const needed = unread + length;
    const grown =
      needed > this.bytes.length
        ? Buffer.allocUnsafeSlow(Math.max(BYTES_MIN, needed, this.bytes.length * 2))
        : this.bytes;
    this.bytes.copy(grown, 0, this.start, this.end);
    this.bytes = grown;
    this.start = 0;
    this.end = unread;
  }
}
