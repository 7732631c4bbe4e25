/**
 * The bytes of the replies of one batch, in one buffer that grows and is used again: what the writers of all protocols have in
 * common, and all that the way to the socket needs to know of them.
 *
 *     bytes  [ reply reply rep ...... free ...... ]
 *                             ^ length
 *
 * The buffer is its writer's own until `replaceBuffer` leaves it to a transport. `length` never passes
 * `limitBytes`: a reply that might is refused with a ShoalError LimitExceeded, and `rewind` drops what was written
 * of it.
 */
import { ShoalError } from '../base/errors.ts';

/** Size in bytes at the start, and again after a batch that grew the buffer beyond {@link RETAINED_BYTES_MAX}. */
export const INITIAL_BYTES = 64 * 1024;
/** A larger buffer is not kept for the next batch. */
export const RETAINED_BYTES_MAX = 1024 * 1024;

export class OutputBytes {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** How many of `bytes` are written. */
  length = 0;
  /** Most bytes that the replies of one batch may take together. */
  limitBytes: number;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** A place to `rewind` to. */
  mark(): number {
    return this.length;
  }

  /** Drops all that was written since `mark`. */
  rewind(mark: number): void {
    this.length = mark;
  }

  /** All was sent: the buffer is free for the next batch, and smaller again if this one was large. */
  reset(): void {
    this.length = 0;
    if (this.bytes.length > RETAINED_BYTES_MAX || this.bytes.length === 0) {
      this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    }
  }

  /** Leaves the buffer to whoever still reads it, and goes on with an empty one. */
  replaceBuffer(): void {
    this.length = 0;
    this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  /** Lets `other` write on behind what is written here, in place of its own bytes. This one is of no use until they come back. */
  handTo(other: OutputBytes): void {
    other.bytes = this.bytes;
    other.length = this.length;
    this.bytes = NOTHING;
    this.length = 0;
  }

  /** Makes room for `more` bytes; throws where the limit forbids it. */
  protected ensure(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length && needed <= this.limitBytes) return;
    this.grow(needed);
  }

  private grow(needed: number): void {
    if (needed > this.limitBytes) {
      throw new ShoalError(
        'LimitExceeded',
        `a reply of ${needed} bytes passes the output limit of ${this.limitBytes} bytes`,
      );
    }
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
