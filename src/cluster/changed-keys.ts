/**
 * Keys that were changed since they were last sent, each once: what makes the tail of a copy as long as there are different keys, and
 * not as there are writes. In order of their first change, whose place in the change log is kept with each.
 */

/** Room for keys. What to do above it is the owner's business. */
export const CHANGED_KEYS_BYTES_MAX: number = 4 * 1024 * 1024;
/** What a key costs beside its bytes. */
const KEY_OVERHEAD_BYTES = 64;

/** Places of keys that were taken are given up when they are so many, and more than those that wait. */
const TAKEN_MAX = 1024;

export class ChangedKeys {
  /** Of the key that `take` took. */
  namespace = 0;
  /** Name space, as a character, then the key, a character per byte. */
  private readonly known = new Set<string>();
  /** In order, from `first` on, and the change of each. A Map would do but for the cost of finding its first key behind those that were deleted. */
  private keys: string[] = [];
  private sequences: number[] = [];
  private first = 0;
  private roomUsed = 0;

  get count(): number {
    return this.keys.length - this.first;
  }

  /** How much of the room is taken, 0 to 1 or a little above. */
  get share(): number {
    return this.roomUsed / CHANGED_KEYS_BYTES_MAX;
  }

  /** The sequence number of the oldest change that waits; null where none does. */
  get oldest(): number | null {
    return this.sequences[this.first] ?? null;
  }

  /** `bytes`: the key is its first `length` bytes; it was changed by record number `sequence` of the log. */
  add(namespace: number, bytes: Buffer, length: number, sequence: number): void {
    const key = textOf(namespace, bytes, length);
    if (this.known.has(key)) return;
    this.known.add(key);
    this.keys.push(key);
    this.sequences.push(sequence);
    this.roomUsed += key.length + KEY_OVERHEAD_BYTES;
  }

  /** Puts a key that was taken before all others, as the oldest of them. It is rare, and costs as much as there are keys. */
  putBack(namespace: number, bytes: Buffer, length: number, sequence: number): void {
    const key = textOf(namespace, bytes, length);
    const later = this.keys.indexOf(key, this.first);
    if (later >= 0) {
      this.keys.splice(later, 1);
      this.sequences.splice(later, 1);
    } else this.roomUsed += key.length + KEY_OVERHEAD_BYTES;
    this.known.add(key);
    this.keys = [key, ...this.keys.slice(this.first)];
    this.sequences = [sequence, ...this.sequences.slice(this.first)];
    this.first = 0;
  }

  /** Takes out the key that waits longest: writes it to `to` and returns its length; −1 where none waits. `namespace` tells of it. */
  take(to: Buffer): number {
    const key = this.keys[this.first];
    if (key === undefined) return -1;
    this.known.delete(key);
    this.first += 1;
    if (this.first >= TAKEN_MAX && this.first * 2 >= this.keys.length) {
      this.keys = this.keys.slice(this.first);
      this.sequences = this.sequences.slice(this.first);
      this.first = 0;
    }
    this.roomUsed -= key.length + KEY_OVERHEAD_BYTES;
    this.namespace = key.charCodeAt(0);
    return to.write(key.slice(1), 'latin1');
  }

  clear(): void {
    this.known.clear();
    this.keys = [];
    this.sequences = [];
    this.first = 0;
    this.roomUsed = 0;
  }
}

function textOf(namespace: number, bytes: Buffer, length: number): string {
  return String.fromCharCode(namespace) + bytes.toString('latin1', 0, length);
}
