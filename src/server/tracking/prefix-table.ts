/**
 * Which sessions of one thread want to hear of all keys that begin with a prefix. A change is looked up once for each length that a prefix has, so ten thousand
 * prefixes of a few lengths cost what a few cost.
 */
import type { Session } from '../session.ts';

/** A key that changed, when, and who of this thread's clients did it. */
export interface PrefixedChange {
  /** As a binary string, and as bytes. */
  readonly name: string;
  readonly key: Uint8Array;
  /** Widened number of its record (change-authors.ts). */
  readonly position: number;
  readonly author: number;
}

interface Prefix {
  readonly name: string;
  readonly sessions: Set<Session>;
  changes: PrefixedChange[];
}

export class PrefixTable {
  private readonly prefixes = new Map<string, Prefix>();
  /** How many prefixes have that length, by length. */
  private readonly lengths = new Map<number, number>();
  private changed: Prefix[] = [];

  get count(): number {
    return this.prefixes.size;
  }

  add(name: string, session: Session): void {
    let prefix = this.prefixes.get(name);
    if (prefix === undefined) {
      prefix = { name, sessions: new Set(), changes: [] };
      this.prefixes.set(name, prefix);
      this.lengths.set(name.length, (this.lengths.get(name.length) ?? 0) + 1);
    }
    prefix.sessions.add(session);
  }

  remove(name: string, session: Session): void {
    const prefix = this.prefixes.get(name);
    if (prefix === undefined || !prefix.sessions.delete(session) || prefix.sessions.size > 0) return;
    this.prefixes.delete(name);
    const count = this.lengths.get(name.length)! - 1;
    if (count === 0) this.lengths.delete(name.length);
    else this.lengths.set(name.length, count);
  }

  /** Notes a change for each prefix that the key has. */
  note(change: PrefixedChange): void {
    const { name } = change;
    for (const length of this.lengths.keys()) {
      if (length > name.length) continue;
      const prefix = this.prefixes.get(name.slice(0, length));
      if (prefix === undefined) continue;
      if (prefix.changes.length === 0) this.changed.push(prefix);
      prefix.changes.push(change);
    }
  }

  /** Calls `tell` for each session and prefix with what was noted since the last call. */
  flush(tell: (session: Session, changes: readonly PrefixedChange[]) => void): void {
    if (this.changed.length === 0) return;
    // As Redis does; else the order would be that of the changes.
    const changed = this.changed.toSorted((left, right) => (left.name < right.name ? -1 : 1));
    this.changed = [];
    for (const prefix of changed) {
      const { changes } = prefix;
      prefix.changes = [];
      for (const session of prefix.sessions) tell(session, changes);
    }
  }
}
