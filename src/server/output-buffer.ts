/**
 * Bytes for one connection that its socket has not taken yet, and pushed messages on their way out. Its owner
 * compares `length` with the connection's limits; this is only the queue.
 *
 *     bytes   [ sent | unsent ......... | free ]     the oldest chunk: what is to be written next
 *                    start              end
 *     later   [ unsent ................ ] [ unsent ... | free ]
 *
 * A short queue is one chunk that grows. Beyond CHUNK_BYTES chunks are added instead, so a long queue costs its bytes and at
 * most one chunk more, and nothing of it is copied again: a slow reader's queue can be the largest memory of the process.
 */
interface Chunk {
  readonly bytes: Uint8Array;
  end: number;
}

export class OutputBuffer {
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;
  private readonly later: Chunk[] = [];
  private laterLength = 0;
  private laterCapacity = 0;

  get length(): number {
    return this.end - this.start + this.laterLength;
  }

  /** Bytes allocated. */
  get capacity(): number {
    return this.bytes.length + this.laterCapacity;
  }

  append(source: Uint8Array, start: number, end: number): void {
    if (this.later.length === 0) {
      const count = end - start;
      if (this.bytes.length - this.end < count && this.length + count <= CHUNK_BYTES) this.makeRoom(count);
      const taken = Math.min(count, this.bytes.length - this.end);
      this.bytes.set(source.subarray(start, start + taken), this.end);
      this.end += taken;
      if (taken < count) this.appendLater(source, start + taken, end);
    } else {
      this.appendLater(source, start, end);
    }
  }

  /** Takes `bytes[start..end)` over without copying it, buffer and all; for an empty queue. */
  adopt(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  /** Forgets the first `count` bytes, of the oldest chunk at most; once empty, a large buffer is given back. */
  consume(count: number): void {
    this.start += count;
    if (this.start !== this.end) return;
    if (this.later.length > 0) {
      this.releaseOldest();
      return;
    }
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = EMPTY;
  }

  /** Forgets the oldest chunk, and the buffer with it: somebody else may still read it. */
  releaseOldest(): void {
    const next = this.later.shift();
    this.bytes = next === undefined ? EMPTY : next.bytes;
    this.start = 0;
    this.end = next === undefined ? 0 : next.end;
    this.laterLength -= this.end;
    this.laterCapacity -= this.bytes.length;
  }

  /** Forgets the first `count` bytes, of the oldest chunk at most, and the buffer that they are in: somebody else may still read it. */
  giveAway(count: number): void {
    const rest = this.bytes.subarray(this.start + count, this.end);
    if (rest.length === 0) {
      this.releaseOldest();
      return;
    }
    const kept = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, rest.length));
    kept.set(rest);
    this.bytes = kept;
    this.start = 0;
    this.end = rest.length;
  }

  /** Changes the `count` bytes from `at` on, counted from the oldest, into what `change` makes of them. Copies all there is: for what is rare. */
  rewrite(at: number, count: number, change: (bytes: Uint8Array) => Uint8Array): void {
    const all = Buffer.concat([
      this.bytes.subarray(this.start, this.end),
      ...this.later.map(({ bytes, end }) => bytes.subarray(0, end)),
    ]);
    this.release();
    this.append(all, 0, at);
    const changed = change(all.subarray(at, at + count));
    this.append(changed, 0, changed.length);
    this.append(all, at + count, all.length);
  }

  /** Forgets everything, the buffers too. */
  release(): void {
    this.later.length = 0;
    this.laterLength = 0;
    this.laterCapacity = 0;
    this.bytes = EMPTY;
    this.start = 0;
    this.end = 0;
  }

  private appendLater(source: Uint8Array, start: number, end: number): void {
    let at = start;
    const last = this.later.at(-1);
    if (last !== undefined) {
      const taken = Math.min(end - start, last.bytes.length - last.end);
      last.bytes.set(source.subarray(start, start + taken), last.end);
      last.end += taken;
      at += taken;
    }
    if (at < end) {
      const bytes = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, end - at));
      bytes.set(source.subarray(at, end));
      this.later.push({ bytes, end: end - at });
      this.laterCapacity += bytes.length;
    }
    this.laterLength += end - start;
  }

  private makeRoom(count: number): void {
    const unsent = this.end - this.start;
    const needed = unsent + count;
    if (needed <= this.bytes.length && unsent <= this.bytes.length >> 1) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      const capacity = Math.max(INITIAL_BYTES, needed, this.bytes.length + (this.bytes.length >> 1));
      const grown = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, capacity));
      grown.set(this.bytes.subarray(this.start, this.end));
      this.bytes = grown;
    }
    this.start = 0;
    this.end = unsent;
  }
}

const INITIAL_BYTES = 512;
/** Size of the chunks of a long queue: what a socket takes in one write, and little beside the limits. */
const CHUNK_BYTES = 256 * 1024;
/** An empty buffer of at most this size stays with its connection, so that a subscriber costs no allocation per message. */
const KEPT_BYTES = 4096;
const EMPTY = Buffer.alloc(0);
