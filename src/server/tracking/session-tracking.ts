/** What one session has asked for with CLIENT TRACKING. Made when it is turned on, dropped when it is turned off. */
import type { CommandEntry } from '../command-table.ts';

/** Where its messages go instead: another client of the node, which may be another thread's. */
export interface Redirect {
  readonly client: number;
  readonly thread: number;
}

export interface TrackingChoice {
  readonly redirect: Redirect | null;
  /** `read`: it hears of keys that it has read; `prefixes`: of all keys that begin so, whether it has read them or not. */
  readonly kind: 'read' | 'prefixes';
  /** Which reads are remembered: all, those behind CLIENT CACHING YES, or all but those behind CLIENT CACHING NO. */
  readonly reads: 'all' | 'chosen' | 'notRefused';
  /** It does not hear of its own changes. */
  readonly noLoop: boolean;
}

export class SessionTracking {
  choice: TrackingChoice;
  /** The log's position, as a number that does not come round, when it was turned on. */
  readonly since: number;
  /** CLIENT CACHING was given for the next command, or for the transaction. */
  cachingGiven = false;
  /** The client that messages were to go to is gone. */
  isRedirectBroken = false;
  /** Binary strings; of `prefixes`. */
  readonly prefixes = new Set<string>();
  /** What they take, for their limit. */
  prefixBytes = 0;

  constructor(choice: TrackingChoice, since: number) {
    this.choice = choice;
    this.since = since;
  }

  /** Whether what it reads now is remembered. */
  get remembers(): boolean {
    const { kind, reads } = this.choice;
    if (kind !== 'read') return false;
    return reads === 'all' || (reads === 'chosen') === this.cachingGiven;
  }

  /** CLIENT CACHING is for one command, or for one transaction; other words of CLIENT do not count. */
  commandEnded(entry: CommandEntry | null, inMulti: boolean): void {
    if (!inMulti && entry?.container?.name !== 'client') this.cachingGiven = false;
  }

  /** The id of the client that its messages go to; 0: itself. */
  get redirectId(): number {
    return this.choice.redirect?.client ?? 0;
  }
}
