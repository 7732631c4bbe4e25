/**
 * The circuit breaker of one node. Closed, requests wait for the node to come back; after so many failures in a row it opens and
 * requests for the node fail at once, so that an application does not hang on a node that is gone. The pool goes on trying to
 * connect meanwhile: a greeting that succeeds closes it. There is no half-open state that lets users' requests probe.
 */
export class Breaker {
  private readonly failureCountMax: number;
  private failureCount = 0;
  private open = false;

  /** `failureCountMax`: failures in a row that open it, from 1 on. */
  constructor(failureCountMax: number) {
    this.failureCountMax = failureCountMax;
  }

  get isOpen(): boolean {
    return this.open;
  }

  /** One more failure. Returns whether it opened the breaker. */
  failed(): boolean {
    this.failureCount += 1;
    return !this.open && this.failureCount >= this.failureCountMax && this.trip();
  }

  /** Opens it whatever came before. Returns whether it was closed. */
  trip(): boolean {
    const opened = !this.open;
    this.open = true;
    return opened;
  }

  /** Closes it. Returns whether it was open. */
  succeeded(): boolean {
    const closed = this.open;
    this.failureCount = 0;
    this.open = false;
    return closed;
  }
}
