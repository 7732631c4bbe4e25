/** Keys copied out of one bucket of the index: grows as needed and is used again. */
export class KeyBatch {
  bytes: Uint8Array = Buffer.alloc(4096);
  /** Key `i` is `bytes[starts[i] .. starts[i] + lengths[i])`. */
  starts = new Int32Array(64);
  lengths = new Int32Array(64);
  /** What the item of each key is marked with: see namespaces.ts. */
  namespaces = new Uint8Array(64);
  count = 0;
  private used = 0;

  clear(): void {
    this.count = 0;
    this.used = 0;
  }

  /** Takes back all but the first `count` keys. */
  truncate(count: number): void {
    this.count = count;
    this.used = count === 0 ? 0 : this.starts[count - 1]! + this.lengths[count - 1]!;
  }

  /** Whether a key of `length` bytes fits without `grow`. */
  fits(length: number): boolean {
    return this.count < this.starts.length && this.used + length <= this.bytes.length;
  }

  /** Doubles the room, and more where `length` needs it; keeps what is there. */
  grow(length: number): void {
    const bytes = Buffer.alloc(Math.max(this.bytes.length * 2, this.used + length));
    bytes.set(this.bytes);
    this.bytes = bytes;
    const starts = new Int32Array(this.starts.length * 2);
    const lengths = new Int32Array(this.starts.length * 2);
    const namespaces = new Uint8Array(this.starts.length * 2);
    starts.set(this.starts);
    lengths.set(this.lengths);
    namespaces.set(this.namespaces);
    this.starts = starts;
    this.lengths = lengths;
    this.namespaces = namespaces;
  }

  /** Takes `length` bytes for one more key and returns where they begin in `bytes`. Only after `fits`. */
  add(length: number, namespace: number): number {
    const start = this.used;
    this.starts[this.count] = start;
    this.lengths[this.count] = length;
    this.namespaces[this.count] = namespace;
    this.count += 1;
    this.used += length;
    return start;
  }
}
