/** Free connections of a load, by number; the one that has been free for longest comes first, so that all are used. */
export class ConnectionQueue {
  private readonly ring: Int32Array;
  private first = 0;
  private length = 0;

  /** `capacity`: connections that there are, none of which is in the queue twice. */
  constructor(capacity: number) {
    this.ring = new Int32Array(capacity);
  }

  get count(): number {
    return this.length;
  }

  push(connection: number): void {
    const last = this.first + this.length;
    this.ring[last < this.ring.length ? last : last - this.ring.length] = connection;
    this.length += 1;
  }

  /** Only where there is one. */
  shift(): number {
    const connection = this.ring[this.first]!;
    this.first = this.first + 1 === this.ring.length ? 0 : this.first + 1;
    this.length -= 1;
    return connection;
  }
}
