/**
 * Work that several callers want at once is done once: who comes while it runs waits for the same result. A caller that gives up by
 * its signal leaves the work to the others.
 */
import { ShoalError } from '../base/errors.ts';

export class SingleFlight {
  private readonly running = new Map<string, Promise<unknown>>();

  /** Runs `work`, unless work of this name runs already. `signal` ends this caller's waiting only. */
  run<T>(name: string, work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    let flight = this.running.get(name) as Promise<T> | undefined;
    if (flight === undefined) {
      flight = work().finally(() => this.running.delete(name));
      // Where every caller has given up, nobody is left to hear of a failure.
      flight.catch(ignore);
      this.running.set(name, flight);
    }
    return signal === undefined ? flight : untilAborted(flight, signal);
  }
}

function untilAborted<T>(flight: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortedError(signal));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    const done = (): void => signal.removeEventListener('abort', onAbort);
    flight.then(resolve, reject).finally(done);
  });
}

/** The error of a call whose signal fired. */
export function abortedError(signal: AbortSignal): ShoalError {
  return new ShoalError('Aborted', 'the call was aborted by its signal', { cause: signal.reason });
}

function ignore(): void {
  // See above.
}
