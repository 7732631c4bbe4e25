/** Writes to connections of one reactor's thread: by a `SendRing` in one call, or, where there is none, one after the other. */
import { copyBytes } from '../../base/bytes.ts';
import type { Connection, WriteBatch } from '../transport.ts';
import { WRITE_CLOSED } from '../transport.ts';
import { EpollConnection } from './epoll-connection.ts';
import { addressOf, byteBuffer } from './libc.ts';
import { RING_SENDS_MAX, type SendRing } from './send-ring.ts';

const BATCH_BYTES = 256 * 1024;
/** What is longer costs more to copy than it gains by company. */
const WRITE_BYTES_MAX = 16 * 1024;

export class EpollWriteBatch implements WriteBatch {
  count = 0;
  readonly bytes = byteBuffer(BATCH_BYTES);
  readonly starts = new Int32Array(RING_SENDS_MAX);
  readonly ends = new Int32Array(RING_SENDS_MAX);
  readonly taken = new Int32Array(RING_SENDS_MAX);
  private readonly ring: SendRing | null;
  private readonly connections: (EpollConnection | null)[] = Array.from({ length: RING_SENDS_MAX }, () => null);
  /** Those that were put into the ring, in order. */
  private readonly putOnes = new Int32Array(RING_SENDS_MAX);
  private end = 0;

  constructor(ring: SendRing | null) {
    this.ring = ring;
  }

  add(connection: Connection, source: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    const { count } = this;
    const fits = length > 0 && length <= WRITE_BYTES_MAX && count < RING_SENDS_MAX;
    if (!fits || this.end + length > BATCH_BYTES) return false;
    if (!(connection instanceof EpollConnection)) return false;
    copyBytes(source, start, this.bytes, this.end, length);
    this.connections[count] = connection;
    this.starts[count] = this.end;
    this.end += length;
    this.ends[count] = this.end;
    this.count = count + 1;
    return true;
  }

  drop(i: number): void {
    this.connections[i] = null;
  }

  send(): void {
    const { ring } = this;
    if (ring === null || ring.isBroken || this.count === 1) this.sendEach();
    else this.sendBy(ring);
  }

  clear(): void {
    this.connections.fill(null, 0, this.count);
    this.count = 0;
    this.end = 0;
  }

  private sendEach(): void {
    const { bytes, starts, ends, connections } = this;
    for (let i = 0; i < this.count; i += 1) {
      this.taken[i] = connections[i]?.write(bytes, starts[i]!, ends[i]!) ?? WRITE_CLOSED;
    }
  }

  private sendBy(ring: SendRing): void {
    const { starts, ends, connections, putOnes } = this;
    const address = addressOf(this.bytes);
    let putCount = 0;
    for (let i = 0; i < this.count; i += 1) {
      this.taken[i] = WRITE_CLOSED;
      const start = starts[i]!;
      if (connections[i]?.putInto(ring, address + start, ends[i]! - start) !== true) continue;
      putOnes[putCount] = i;
      putCount += 1;
    }
    if (!ring.submit()) {
      this.sendEach();
      return;
    }
    for (let put = 0; put < putCount; put += 1) {
      const i = putOnes[put]!;
      this.taken[i] = connections[i]!.wroteByRing(ring.results[put]!, ends[i]! - starts[i]!);
    }
  }
}
