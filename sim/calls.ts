/**
 * Requests and replies over the network: what control connections do. A request reaches whoever is at an address; one reply settles it; without
 * one it fails when its time is over by the caller's clock. A request that the network brings twice is handled twice, as one that a caller repeats
 * over a new connection is.
 */
import type { Network } from './network.ts';
import type { SimProcess } from './process.ts';

/** Answers once; later calls are another try of the network's and count for nothing. */
export type Reply<Answer> = (answer: Answer) => void;

/** Who listens at an address. `handle` runs inside its process. */
export interface Listener<Request, Answer> {
  readonly process: SimProcess;
  handle(request: Request, reply: Reply<Answer>): void;
}

export interface Call<Request> {
  readonly from: SimProcess;
  /** `host:port`. */
  readonly address: string;
  readonly request: Request;
  /** By the caller's clock. */
  readonly timeoutMs: number;
}

/** One protocol's calls: requests and answers are values that nobody changes, or bytes where a real codec makes them. */
export class Calls<Request, Answer> {
  private readonly network: Network;
  private readonly repeats: 'mayRepeat' | 'once';
  private readonly listeners = new Map<string, Listener<Request, Answer>>();

  /** `mayRepeat`: what callers do send again on another connection, so the listener may get it twice. */
  constructor(network: Network, repeats: 'mayRepeat' | 'once') {
    this.network = network;
    this.repeats = repeats;
  }

  /** From now on `listener` is who answers at `address`. */
  listen(address: string, listener: Listener<Request, Answer>): void {
    this.listeners.set(address, listener);
  }

  /** Sends the request; `settle` runs once, in the caller's process: with the answer, or with null where none came in time. */
  call({ from, address, request, timeoutMs }: Call<Request>, settle: (answer: Answer | null) => void): void {
    let isSettled = false;
    const settleOnce = (answer: Answer | null): void => {
      if (isSettled) return;
      isSettled = true;
      timeout.cancelled = true;
      settle(answer);
    };
    const timeout = from.after(timeoutMs, () => settleOnce(null));
    const place = placeOf(address);
    const sendBack = (answer: Answer | null): void => {
      this.network.send(place, from.name, () => from.receive(() => settleOnce(answer)));
    };
    const deliver = (): void => {
      const listener = this.listeners.get(address);
      // The machine is there and says that nobody listens.
      if (listener === undefined || listener.process.isDead) sendBack(null);
      else listener.process.receive(() => listener.handle(request, sendBack));
    };
    if (this.repeats === 'once') this.network.sendOnce(from.name, place, deliver);
    else this.network.send(from.name, place, deliver);
  }
}

/** The place of an address: `n1` of `n1:7600`. */
export function placeOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
