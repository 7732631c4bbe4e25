/** When to look again at the sessions that CLIENT PAUSE or a slot's hand-over holds back. Which ones they are, their holds say. */
export class PausedSessions {
  /** Some session may be held back. */
  private holdsAny = false;
  private isRequested = false;
  private isReleasing = false;

  noteHeld(): void {
    this.holdsAny = true;
  }

  /** To be looked at after the batch. */
  request(): void {
    this.isRequested = true;
  }

  get isDue(): boolean {
    return this.isRequested;
  }

  /** Calls `releaseAll`, which lets all that are held try again; those for whom it is not over are noted again. */
  release(releaseAll: () => void): void {
    // A session that is let go may end another pause: that begins a round of its own, never a call inside this one.
    if (this.isReleasing) return;
    this.isReleasing = true;
    try {
      do {
        this.isRequested = false;
        if (!this.holdsAny) break;
        this.holdsAny = false;
        releaseAll();
      } while (this.isRequested);
    } finally {
      this.isReleasing = false;
    }
  }
}
