/** Sessions whose next request waits for what other nodes are to answer, or for room to pass it on. */
import type { PeerLink } from '../../cluster/peer-link.ts';
import type { Session } from '../session.ts';
import type { SessionForwards } from './session-forwards.ts';

export class HeldSessions {
  private held: Session[] = [];

  /** `link`: that which has no room; null where that is not the reason. `needsAll`: until all replies have come. */
  add(session: Session, forwards: SessionForwards, needsAll: boolean, link: PeerLink | null): void {
    forwards.needsAll = needsAll;
    forwards.link = link;
    if (forwards.isHeld) return;
    forwards.isHeld = true;
    this.held.push(session);
  }

  forget(session: Session): void {
    if (this.held.length > 0) this.held = this.held.filter((held) => held !== session);
  }

  /** Lets those go on for whom it is worth it: each may be held again at once. */
  release(bytesMax: number, letGo: (session: Session) => void): void {
    if (this.held.length === 0) return;
    const waiting = this.held;
    this.held = [];
    for (const session of waiting) {
      const { forwards } = session;
      if (forwards === null) continue;
      if (mayGoOn(forwards, bytesMax)) {
        forwards.isHeld = false;
        letGo(session);
      } else this.held.push(session);
    }
  }
}

function mayGoOn(forwards: SessionForwards, bytesMax: number): boolean {
  if (forwards.needsAll || forwards.isSettling) return forwards.count === 0;
  if (!forwards.hasRoom(bytesMax)) return false;
  return forwards.link === null || forwards.link.isClosed || !forwards.link.isFull;
}
