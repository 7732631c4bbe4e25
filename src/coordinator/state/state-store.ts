/**
 * Where a coordinator keeps what must outlive it: one value with a revision, and which of several coordinators may
 * write it. The value is opaque here; it is small (a topology and its plans) and always replaced as a whole.
 *
 * Invariants of every implementation:
 * - a value that `write` called written is what any later election hands out, whatever is killed in between;
 * - a write succeeds only while this process is elected and only onto the revision that it names, so of two coordinators
 *   that each think they are elected, one gets `conflict` or `notElected`;
 * - `electedUntilMs` of one process has passed before another one is elected, as long as the clocks of both count at
 *   nearly the same rate;
 * - listener calls come one after the other, never inside a call of `write` or `electedUntilMs`, never after `close` settled;
 * - after `onElected` nothing but a `write` of this process changes the value until `onDeposed`.
 */

/** Revision 0 and an empty value: nothing was ever stored. Revisions grow, not always by one. */
export interface StoredState {
  readonly revision: number;
  readonly value: Uint8Array;
}

export interface StateStoreListener {
  /** This process may write now; the state as it is at this moment. Again after each re-election. */
  onElected(state: StoredState): void;
  /** Not elected (any more), with the reason; the address of who is, where known. */
  onDeposed(reason: string, leader: string | null): void;
  /** Somebody else is elected and said its address; null where nobody is known to be. */
  onLeader(leader: string | null): void;
  /** The store cannot be reached or does not answer (text), or does again (null). */
  onTrouble(text: string | null): void;
}

export type WriteOutcome =
  | { readonly kind: 'written'; readonly revision: number }
  /** Another revision than the expected one is stored; nothing was written. */
  | { readonly kind: 'conflict'; readonly state: StoredState }
  /**
   * Nothing was written, unless the answer to a first attempt was lost and another process was elected since: then that one
   * has read the value, written or not.
   */
  | { readonly kind: 'notElected' };

/** Bytes of the largest value that a store takes; etcd takes 1.5 MiB a request, which holds this one in base64. */
export const STATE_BYTES_MAX = 1024 * 1024;

export interface StateStore {
  /** For people, without secrets: `file:/var/lib/shoal`. */
  readonly description: string;
  /**
   * Campaigns from now on, under `address` (what other coordinators tell nodes), until `close`. Called once.
   * Rejects `StateStoreFailed` where the store can never be used (directory in use by another process, unreadable, corrupt,
   * wrong credentials). Where it only cannot be reached yet, it resolves, says so by `onTrouble` and goes on trying.
   */
  start(address: string, listener: StateStoreListener): Promise<void>;
  /**
   * Monotonic ms (of the clock in the options) until which this process may act as the elected one; -Infinity while it is
   * not, Infinity where nobody else can be. Conservative: counted from before the last successful renewal was sent.
   */
  electedUntilMs(): number;
  /**
   * Compare-and-swap under the election; one at a time. Rejects `StateStoreUnavailable` where the outcome is still unknown
   * at its deadline (the value may have been written), `StateStoreFailed` where the store refuses (disk full, read-only) and
   * nothing was written, `InvalidArgument` on a value above `STATE_BYTES_MAX`. After a rejection the same call again, or one
   * with another value, is right: it writes, or its `conflict` says what is stored.
   */
  write(value: Uint8Array, expectedRevision: number): Promise<WriteOutcome>;
  /**
   * Gives the election up, so that another is elected at once, and lets go of files and sockets. A write in progress may
   * reject. Never rejects itself.
   */
  close(): Promise<void>;
}
