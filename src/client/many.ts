/**
 * A call of many keys: one request a key, all sent in the same turn to the nodes that own the keys, and one promise for all
 * of them. It fails with the first error; the other requests go their way meanwhile.
 */
import type { ShoalError } from '../base/errors.ts';
import type { Request, Settler } from './request.ts';

export class Many<T> implements Settler {
  /** In the order of the keys. */
  readonly promise: Promise<T[]>;
  private readonly results: T[];
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
  }

  fail(_request: Request, error: ShoalError): void {
    this.reject(error);
  }
}
