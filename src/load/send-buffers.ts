/**
 * The buffer that requests are written into. There is one, and it is free again after each write, unless a socket could not take it
 * whole: then the socket keeps it for a while and another takes its place. Bounded by the connections: each keeps one at most.
 */

const BUFFER_BYTES = 64 * 1024;
/** Buffers that came back and are kept for the next time; the rest is the collector's. */
const SPARE_COUNT_MAX = 64;

export class SendBuffers {
  current: Buffer;
  private readonly bytes: number;
  private readonly spare: Buffer[] = [];

  /** `requestBytesMax`: any request fits an empty buffer. */
  constructor(requestBytesMax: number) {
    this.bytes = Math.max(BUFFER_BYTES, requestBytesMax);
    this.current = Buffer.allocUnsafeSlow(this.bytes);
  }

  /** Somebody keeps `current`. */
  replace(): void {
    this.current = this.spare.pop() ?? Buffer.allocUnsafeSlow(this.bytes);
  }

  /** Nobody reads `buffer` any more. */
  giveBack(buffer: Buffer): void {
    if (this.spare.length < SPARE_COUNT_MAX) this.spare.push(buffer);
  }
}
