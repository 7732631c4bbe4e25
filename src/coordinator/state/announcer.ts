/**
 * Tells a store's listener what happened: in order, each from a fresh turn, so that a listener which calls the store back is
 * never inside it. What a listener throws is a bug of its own and goes to the process, not into the store's loops.
 *
 * Trouble is told once when it begins and once when it is over, whatever is tried and fails in between.
 */
import type { StateStoreListener, StoredState } from './state-store.ts';

export class Announcer {
  private readonly listener: StateStoreListener;
  private inTrouble = false;
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
  }

  /** Told only where it is another one than the last. */
  leader(leader: string | null): void {
    if (leader === this.knownLeader) return;
    this.knownLeader = leader;
    this.tell(() => this.listener.onLeader(leader));
  }

  trouble(text: string): void {
    if (this.inTrouble) return;
    this.inTrouble = true;
    this.tell(() => this.listener.onTrouble(text));
  }

  troubleIsOver(): void {
    if (!this.inTrouble) return;
    this.inTrouble = false;
    this.tell(() => this.listener.onTrouble(null));
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
