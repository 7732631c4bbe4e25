/**
 * The way out of a `PeerLink`: frames of many requests in one buffer, handed to the connection in as few writes as it takes.
 *
 *     bytes  [ handed over | waiting frames ..... | free ]
 *                          start                  end
 *
 * Places are counted from the first byte that was ever appended, so it can be said later whether a frame has left: one that begins at
 * or behind `handedOver` has not, and is undone by making it a `ping`.
 */
import { WRITE_CLOSED, WRITE_RETAINED, type Connection } from '../io/transport.ts';
import { copyBytes } from '../base/bytes.ts';
import { AT_OPCODE, Opcode } from '../protocol/shoal/frame.ts';

const INITIAL_BYTES = 16 * 1024;
/** A larger buffer is not kept once it is empty. */
const KEPT_BYTES_MAX = 1024 * 1024;

export class LinkQueue {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private start = 0;
  private end = 0;
  /** The place of the byte at `start`. */
  handedOver = 0;
  /** The connection does not take more until it drains. */
  isStalled = false;

  /** Bytes that wait. */
  get length(): number {
    return this.end - this.start;
  }

  /** The place where the next frame begins. */
  get nextPlace(): number {
    return this.handedOver + this.length;
  }

  /** Takes a copy of `source[0..length)`; returns where it stands in `bytes` until the next append or flush. */
  append(source: Uint8Array, length: number): number {
    this.makeRoom(length);
    const at = this.end;
    copyBytes(source, 0, this.bytes, at, length);
    this.end += length;
    return at;
  }

  /** Makes a request that never left ask for nothing. `place` is where its frame begins. */
  neutralize(place: number): void {
    this.bytes[this.start + (place - this.handedOver) + AT_OPCODE] = Opcode.ping;
  }

  /** Hands over what the connection takes. */
  flush(connection: Connection): void {
    if (this.isStalled || this.start === this.end) return;
    const wanted = this.end - this.start;
    const taken = connection.write(this.bytes, this.start, this.end);
    if (taken === WRITE_CLOSED) return;
    if (taken === WRITE_RETAINED) {
      // The transport reads the buffer on.
      this.isStalled = true;
      this.handedOver += wanted;
      this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
      this.start = 0;
      this.end = 0;
      return;
    }
    this.handedOver += taken;
    this.start += taken;
    this.isStalled = taken < wanted;
    if (this.start === this.end) this.reset();
  }

  /** Forgets everything, for another connection. */
  clear(): void {
    this.handedOver = this.nextPlace;
    this.isStalled = false;
    this.reset();
  }

  private reset(): void {
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  private makeRoom(length: number): void {
    if (this.bytes.length - this.end >= length) return;
    const waiting = this.length;
    const needed = waiting + length;
    const target =
      needed > this.bytes.length >> 1 ? Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2)) : this.bytes;
    this.bytes.copy(target, 0, this.start, this.end);
    this.bytes = target;
    this.start = 0;
    this.end = waiting;
  }
}
