/**
 * Keys of a move that were changed since they were last sent, each once: what makes the tail of a move as long as there are different keys, and
 * not as there are writes. In order of their first change.
 */

/** Room for keys. Above it the change log keeps the rest, and those who write wait. */
export const CHANGED_KEYS_BYTES_MAX: number = 4 * 1024 * 1024;
/** What a key costs beside its bytes. */
const KEY_OVERHEAD_BYTES = 64;

export class ChangedKeys {
  /** Name space, as a character, then the key, a character per byte. */
  private readonly keys = new Set<string>();
  private roomUsed = 0;

  get count(): number {
    return this.keys.size;
  }

  /** How much of the room is taken, 0 to 1 or a little above. */
  get share(): number {
    return this.roomUsed / CHANGED_KEYS_BYTES_MAX;
  }

  /** `bytes`: the key is its first `length` bytes. */
  add(namespace: number, bytes: Buffer, length: number): void {
    const key = String.fromCharCode(namespace) + bytes.toString('latin1', 0, length);
    if (this.keys.has(key)) return;
    this.keys.add(key);
    this.roomUsed += key.length + KEY_OVERHEAD_BYTES;
  }

  /** Takes out the key that waits longest: writes it to `to` and returns its length; −1 where none waits. `namespace` tells of it. */
  take(to: Buffer): number {
    for (const key of this.keys) {
      this.keys.delete(key);
      this.roomUsed -= key.length + KEY_OVERHEAD_BYTES;
      this.namespace = key.charCodeAt(0);
      return to.write(key.slice(1), 'latin1');
    }
    return -1;
  }

  /** The name space of the key that `take` took. */
  namespace = 0;

  clear(): void {
    this.keys.clear();
    this.roomUsed = 0;
  }
}
