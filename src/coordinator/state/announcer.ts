/**
 * Tells a store's listener what happened: in order, each from a fresh turn, so that a listener which calls the store back is
 * never inside it. What a listener throws is a bug of its own and goes to the process, not into the store's loops.
 *
 * Trouble is told once when it begins and once when it is over, whatever is tried and fails in between. A store that can be
 * reached may still refuse writes (a full disk): that is over only with a write, or with the time as the elected one.
 */
import type { StateStoreListener, StoredState } from './state-store.ts';

/** What does not work: to reach the store, or to write to it. */
export type TroubleKind = 'reach' | 'write';

export class Announcer {
  private readonly listener: StateStoreListener;
  private readonly troubles = new Set<TroubleKind>();
  private knownLeader: string | null = null;
  private closed = false;

  constructor(listener: StateStoreListener) {
    this.listener = listener;
  }

  elected(state: StoredState): void {
    this.knownLeader = null;
    this.tell(() => this.listener.onElected(state));
  }

  deposed(reason: string, leader: string | null): void {
    this.knownLeader = leader;
    this.tell(() => this.listener.onDeposed(reason, leader));
    this.troubleIsOver('write');
  }

  /** Told only where it is another one than the last. */
  leader(leader: string | null): void {
    if (leader === this.knownLeader) return;
    this.knownLeader = leader;
    this.tell(() => this.listener.onLeader(leader));
  }

  trouble(kind: TroubleKind, text: string): void {
    if (this.troubles.size === 0) this.tell(() => this.listener.onTrouble(text));
    this.troubles.add(kind);
  }

  troubleIsOver(kind: TroubleKind): void {
    if (this.troubles.delete(kind) && this.troubles.size === 0) this.tell(() => this.listener.onTrouble(null));
  }

  /** Nothing is told from now on, not even what is on its way. */
  close(): void {
    this.closed = true;
  }

  private tell(call: () => void): void {
    queueMicrotask(() => {
      if (!this.closed) call();
    });
  }
}
