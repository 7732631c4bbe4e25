/**
 * Batches of several connections that leave in one call of the kernel, where it has io_uring: a call for each would cost the generator more, which it
 * takes from a server that shares its cores.
 *
 *     put() put() … ── send() ── connections[i], sent[i] of each
 */
import { copyBytes } from '../../src/base/bytes.ts';
import { addressOf, byteBuffer, errorNumber, loadLibc, SEND_FLAGS, systemError } from '../../src/io/epoll/libc.ts';
import { SendRing } from '../../src/io/epoll/send-ring.ts';

/** With more a server on another core would wait for its next request. */
const BATCHES_MAX = 16;
/** What is longer costs more to copy than it gains by company. */
export const OUTBOX_BATCH_BYTES_MAX: number = 16 * 1024;

export class Outbox {
  /** Of the batches of the last `send`: whose they are, and how many bytes the kernel took. */
  readonly connections = new Int32Array(BATCHES_MAX);
  readonly sent = new Int32Array(BATCHES_MAX);
  private readonly libc = loadLibc();
  private readonly ring = new SendRing();
  private readonly bytes = byteBuffer(BATCHES_MAX * OUTBOX_BATCH_BYTES_MAX);
  private readonly descriptors = new Int32Array(BATCHES_MAX);
  private readonly lengths = new Int32Array(BATCHES_MAX);
  private count = 0;

  /** Null where the system has no io_uring, or forbids it. */
  static open(): Outbox | null {
    return SendRing.isAvailable() ? new Outbox() : null;
  }

  private constructor() {}

  get isFull(): boolean {
    return this.count === BATCHES_MAX;
  }

  /** Copies a batch, to be sent by `send`. False: it is too long for that. Not to be called when full. */
  put(connection: number, descriptor: number, batch: Uint8Array): boolean {
    const { count } = this;
    const { length } = batch;
    if (length > OUTBOX_BATCH_BYTES_MAX) return false;
    const start = count * OUTBOX_BATCH_BYTES_MAX;
    copyBytes(batch, 0, this.bytes, start, length);
    this.descriptors[count] = descriptor;
    this.connections[count] = connection;
    this.lengths[count] = length;
    this.count = count + 1;
    return true;
  }

  /** Sends what was put, and returns how many batches that were. A connection that is lost takes nothing. Throws where the kernel does not do it. */
  send(): number {
    const { count, ring, descriptors, lengths, sent } = this;
    this.count = 0;
    const address = addressOf(this.bytes);
    if (count === 1) sent[0] = Math.max(0, this.libc.send(descriptors[0]!, address, lengths[0]!, SEND_FLAGS));
    if (count <= 1) return count;
    for (let i = 0; i < count; i += 1) ring.put(descriptors[i]!, address + i * OUTBOX_BATCH_BYTES_MAX, lengths[i]!);
    if (!ring.submit() || ring.isBroken) throw systemError(errorNumber(), 'io_uring_enter');
    for (let i = 0; i < count; i += 1) sent[i] = Math.max(0, ring.results[i]!);
    return count;
  }

  /** Whether the kernel took all of batch `i` of the last `send`. */
  isWhole(i: number): boolean {
    return this.sent[i] === this.lengths[i];
  }

  /** Batch `i` of the last `send`; valid until the next `put`. */
  batch(i: number): Uint8Array {
    const start = i * OUTBOX_BATCH_BYTES_MAX;
    return this.bytes.subarray(start, start + this.lengths[i]!);
  }

  close(): void {
    this.ring.close();
  }
}
