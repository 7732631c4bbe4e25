/**
 * A call of many keys: one request a key, sent in the same turn to the nodes that own the keys, and one promise for all
 * of them. Of very many keys the first MANY_IN_FLIGHT_MAX are sent, and one more at each answer, so that one call does not take all places of
 * a node. It fails with the first error; what was sent goes its way meanwhile, and nothing more is sent.
 */
import type { ShoalError } from '../base/errors.ts';
import type { Request, Settler } from './request.ts';

export class Many<T> implements Settler {
  /** In the order of the keys. */
  readonly promise: Promise<T[]>;
  private readonly results: T[];
  /** Called at each answer, unless the call has failed: there is room for one more request. */
  onRoom: (() => void) | null = null;
  private left: number;
  private resolve!: (results: T[]) => void;
  private reject!: (error: ShoalError) => void;

  constructor(count: number) {
    this.results = new Array<T>(count);
    this.left = count;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    if (count === 0) this.resolve(this.results);
  }

  fulfil(request: Request, value: unknown): void {
    this.results[request.index] = value as T;
    this.left -= 1;
    if (this.left === 0) this.resolve(this.results);
    else this.onRoom?.();
  }

  fail(_request: Request, error: ShoalError): void {
    this.onRoom = null;
    this.reject(error);
  }
}

/** Requests of one call that are on their way together. */
export const MANY_IN_FLIGHT_MAX = 16_384;
