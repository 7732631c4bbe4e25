/**
 * Listeners by the name of an event, typed. Unlike `EventEmitter` it has no event that throws where nobody listens, and a listener
 * that throws does not keep the others from hearing.
 */
export class Events<M extends Record<string, unknown>> {
  private readonly listeners = new Map<keyof M, Set<(event: never) => void>>();

  /** Calls `listener` at each `name` from now on; the same one once only. Returns what undoes it. */
  on<N extends keyof M>(name: N, listener: (event: M[N]) => void): () => void {
    let known = this.listeners.get(name);
    if (known === undefined) {
      known = new Set();
      this.listeners.set(name, known);
    }
    known.add(listener);
    return () => this.off(name, listener);
  }

  off<N extends keyof M>(name: N, listener: (event: M[N]) => void): void {
    this.listeners.get(name)?.delete(listener);
  }

  /** What a listener throws surfaces as an uncaught exception, after all were called. */
  emit<N extends keyof M>(name: N, event: M[N]): void {
    for (const listener of this.listeners.get(name) ?? []) {
      try {
        listener(event as never);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
