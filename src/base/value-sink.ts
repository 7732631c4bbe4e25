/**
 * Where a read puts the value it found: one copy from the store to, say, a socket's output buffer.
 *
 * The store calls `begin` under a bucket's lock, so `begin` neither throws nor allocates: where room is lacking it
 * returns {@link NO_ROOM}, the store lets go of the lock, calls `makeRoom` (which may throw) and looks the key up again.
 */
export interface ValueSink {
  /** The buffer that `begin`'s offset counts in. May be another one after `makeRoom`. */
  readonly bytes: Uint8Array;
  /** Takes `length` bytes of `bytes` for the value and returns their offset, or `NO_ROOM`. */
  begin(length: number): number;
  /** Makes room for a value of `length` bytes; throws a `ShoalError` where a limit forbids it. */
  makeRoom(length: number): void;
}

/** `begin`'s answer where the sink's buffer is too small. */
export const NO_ROOM = -1;
