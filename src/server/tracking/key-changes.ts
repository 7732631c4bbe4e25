/** Keys that changed, packed as they travel between threads: hundreds of small arrays would cost far more than the keys. */

export interface KeyChanges {
  /** One key behind the other. */
  readonly bytes: Uint8Array;
  /** Where each key ends. */
  readonly ends: Int32Array;
  /** The number of each one's record in the change log. */
  readonly sequences: Int32Array;
}

/** All keys may have changed. */
export const EVERYTHING = 'everything';

const FIRST_BYTES = 1024;

/** Collects changes for one thread; used again. */
export class KeyChangeList {
  /** What is collected does not matter any more: all keys may have changed. */
  isEverything = false;
  private bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  private length = 0;
  private ends: number[] = [];
  private sequences: number[] = [];

  get isEmpty(): boolean {
    return this.ends.length === 0 && !this.isEverything;
  }

  add(key: Uint8Array, length: number, sequence: number): void {
    const end = this.length + length;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(key.subarray(0, length), this.length);
    this.length = end;
    this.ends.push(end);
    this.sequences.push(sequence);
  }

  /** What was collected; nothing is afterwards. */
  take(): KeyChanges | typeof EVERYTHING {
    const { isEverything } = this;
    const changes = isEverything
      ? EVERYTHING
      : {
          bytes: this.bytes.slice(0, this.length),
          ends: Int32Array.from(this.ends),
          sequences: Int32Array.from(this.sequences),
        };
    this.isEverything = false;
    this.bytes = new Uint8Array(FIRST_BYTES);
    this.length = 0;
    this.ends = [];
    this.sequences = [];
    return changes;
  }
}
