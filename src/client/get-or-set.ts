/**
 * Read, else make and store: with one maker at a time for each key in this process. A cache that cannot be read or written costs no
 * answer: the value is made all the same, and somebody is told.
 */
import { ShoalError } from '../base/errors.ts';
import type { SetManyOptions } from './call-options.ts';
import type { Key } from './request.ts';
import { SingleFlight } from './single-flight.ts';

export interface Cache<V> {
  get(key: Key, options: SetManyOptions): Promise<V | undefined>;
  set(key: Key, value: V, options: SetManyOptions): Promise<boolean>;
}

export class GetOrSet<V> {
  private readonly cache: Cache<V>;
  private readonly onCacheError: (key: Key, error: ShoalError) => void;
  private readonly flights = new SingleFlight();

  constructor(cache: Cache<V>, onCacheError: (key: Key, error: ShoalError) => void) {
    this.cache = cache;
    this.onCacheError = onCacheError;
  }

  run<T extends V>(key: Key, factory: (key: Key) => T | Promise<T>, options: SetManyOptions): Promise<T> {
    const name = typeof key === 'string' ? `s${key}` : `b${Buffer.from(key).toString('latin1')}`;
    const { signal, ...shared } = options;
    // The caller may use its bytes again while the factory runs.
    const own = typeof key === 'string' ? key : new Uint8Array(key);
    return this.flights.run(name, () => this.readOrMake(own, factory, shared), signal);
  }

  private async readOrMake<T extends V>(
    key: Key,
    factory: (key: Key) => T | Promise<T>,
    options: SetManyOptions,
  ): Promise<T> {
    try {
      const found = await this.cache.get(key, options);
      if (found !== undefined) return found as T;
    } catch (error) {
      this.degrade(key, error);
    }
    const made = await factory(key);
    if (made === undefined) return made;
    try {
      await this.cache.set(key, made, options);
    } catch (error) {
      // The answer is there all the same where the client was closed meanwhile.
      if (!isClosed(error)) this.degrade(key, error);
    }
    return made;
  }

  /** Tells of a cache that cannot be used for now; what is wrong with the call itself is thrown. */
  private degrade(key: Key, error: unknown): void {
    if (!(error instanceof ShoalError) || error.code === 'InvalidArgument' || isClosed(error)) throw error;
    this.onCacheError(key, error);
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof ShoalError && error.code === 'ClientClosed';
}
