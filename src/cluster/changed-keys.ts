/**
 * Keys that were changed since they were last sent, each once: what makes the tail of a copy as long as there are different keys, and
 * not as there are writes. In order of their first change, whose place in the change log is kept with each.
 */

/** Room for keys. What to do above it is the owner's business. */
export const CHANGED_KEYS_BYTES_MAX: number = 4 * 1024 * 1024;
/** What a key costs beside its bytes. */
const KEY_OVERHEAD_BYTES = 64;

export class ChangedKeys {
  /** Of the key that `take` took. */
  namespace = 0;
  /** By name space, as a character, then the key, a character per byte. */
  private keys = new Map<string, number>();
  private roomUsed = 0;

  get count(): number {
    return this.keys.size;
  }

  /** How much of the room is taken, 0 to 1 or a little above. */
  get share(): number {
    return this.roomUsed / CHANGED_KEYS_BYTES_MAX;
  }

  /** The sequence number of the oldest change that waits; null where none does. */
  get oldest(): number | null {
    for (const sequence of this.keys.values()) return sequence;
    return null;
  }

  /** `bytes`: the key is its first `length` bytes; it was changed by record number `sequence` of the log. */
  add(namespace: number, bytes: Buffer, length: number, sequence: number): void {
    const key = textOf(namespace, bytes, length);
    if (this.keys.has(key)) return;
    this.keys.set(key, sequence);
    this.roomUsed += key.length + KEY_OVERHEAD_BYTES;
  }

  /** Puts a key that was taken before all others, as the oldest of them. Costs as much as there are keys. */
  putBack(namespace: number, bytes: Buffer, length: number, sequence: number): void {
    const key = textOf(namespace, bytes, length);
    if (this.keys.delete(key)) this.roomUsed -= key.length + KEY_OVERHEAD_BYTES;
    this.keys = new Map([[key, sequence], ...this.keys]);
    this.roomUsed += key.length + KEY_OVERHEAD_BYTES;
  }

  /** Takes out the key that waits longest: writes it to `to` and returns its length; −1 where none waits. `namespace` tells of it. */
  take(to: Buffer): number {
    for (const key of this.keys.keys()) {
      this.keys.delete(key);
      this.roomUsed -= key.length + KEY_OVERHEAD_BYTES;
      this.namespace = key.charCodeAt(0);
      return to.write(key.slice(1), 'latin1');
    }
    return -1;
  }

  clear(): void {
    this.keys.clear();
    this.roomUsed = 0;
  }
}

function textOf(namespace: number, bytes: Buffer, length: number): string {
  return String.fromCharCode(namespace) + bytes.toString('latin1', 0, length);
}
