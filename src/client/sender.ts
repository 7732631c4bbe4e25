/**
 * From a call of the client to requests on their way: checks, the value's bytes, the deadline and the signal of each. Sends in the turn in which it
 * is called, so that calls keep their order; only a large value that is compressed takes longer.
 */
import type { ShoalError } from '../base/errors.ts';
import { Opcode } from '../protocol/shoal/frame.ts';
import { applyAck, type DefaultAckOptions } from './ack.ts';
import { checkKey, checkTimeout } from './call-options.ts';
import { type Many, MANY_IN_FLIGHT_MAX } from './many.ts';
import type { NodePool } from './node-pool.ts';
import { applyReadFrom, type ReadOptions } from './read-options.ts';
import { type Answer, type Key, Request } from './request.ts';
import type { Router } from './router.ts';
import { abortedError } from './single-flight.ts';
import type { EncodedValue } from './values/codec.ts';
import type { ValueEncoder } from './values/encoder.ts';

/** What holds where a call says nothing else. */
export interface CallDefaults {
  readonly requestTimeoutMs: number;
  readonly ack?: DefaultAckOptions;
  readonly readFrom?: 'primary' | 'replica';
  readonly maxStalenessMs?: number;
}

export class Sender<V> {
  private readonly router: Router;
  private readonly encoder: ValueEncoder<V>;
  private readonly defaults: CallDefaults;

  constructor(router: Router, encoder: ValueEncoder<V>, defaults: CallDefaults) {
    this.router = router;
    this.encoder = encoder;
    this.defaults = defaults;
  }

  /** Sends `request` to the node of its key, or to that of `pool`. */
  send(request: Request, options: ReadOptions | undefined, pool: NodePool | null = null): Promise<unknown> {
    const promise = new Promise((resolve, reject) => {
      request.resolve = resolve;
      request.reject = reject;
    });
    this.submit(request, options, pool);
    return promise;
  }

  /** A request without value or flags that may be sent twice. */
  ask(opcode: Opcode, key: Key, answer: Answer, options: ReadOptions | undefined): Promise<unknown> {
    return this.send(newRequest(opcode, key, REPEATABLE, answer), options);
  }

  /** Sends one request for each item, all of which tell `many`. */
  sendMany<T, K>(
    many: Many<T>,
    items: readonly K[],
    requestOf: (item: K) => Request,
    options: ReadOptions | undefined,
  ): Promise<T[]> {
    // All are made before the first is sent: a bad key, as a hole of a sparse array is, sends nothing.
    const requests = Array.from(items, requestOf);
    let accepted = requests.some((request) => request.accepted);
    let sent = 0;
    const sendNext = (): boolean => {
      const request = requests[sent];
      if (request === undefined) return false;
      request.settler = many;
      request.index = sent;
      // The call has one deadline, whenever its last request is sent.
      if (sent > 0) request.deadlineMs = requests[0]!.deadlineMs;
      sent += 1;
      request.accepted = accepted;
      this.submit(request, options, null);
      accepted = true;
      // What cannot be sent has failed the call: the rest would fail in the same way, one by one.
      return !request.settled;
    };
    for (let count = 0; count < MANY_IN_FLIGHT_MAX; count += 1) if (!sendNext()) return many.promise;
    many.onRoom = sendNext;
    return many.promise;
  }

  /** Puts the value into the request; a promise only where that takes long. */
  encode(request: Request, value: V): Promise<void> | undefined {
    const encoded = this.encoder.encode(value);
    if (encoded instanceof Promise) {
      this.router.accept(request);
      return encoded.then(
        (result) => place(request, result),
        (error: ShoalError) => {
          request.fail(error);
          throw error;
        },
      );
    }
    place(request, encoded);
    return undefined;
  }

  /**
   * The requests of several values, all encoded at once; a promise only where that takes long. Where one cannot be made, none is counted as
   * pending any more.
   */
  encodeMany(entries: Iterable<readonly [Key, V]>, requestOf: (key: Key) => Request): Request[] | Promise<Request[]> {
    const requests: Request[] = [];
    const encodings: Promise<void>[] = [];
    const giveUp = (error: ShoalError): never => {
      for (const request of requests) request.fail(error);
      throw error;
    };
    try {
      for (const [key, value] of entries) {
        const request = requestOf(key);
        requests.push(request);
        const encoding = this.encode(request, value);
        if (encoding !== undefined) encodings.push(encoding);
      }
    } catch (error) {
      for (const encoding of encodings) encoding.catch(ignore);
      return giveUp(error as ShoalError);
    }
    if (encodings.length === 0) return requests;
    return Promise.all(encodings).then(() => requests, giveUp);
  }

  /** Never throws: what cannot be sent fails as what was sent does, so that no promise of a larger call is left alone. */
  private submit(request: Request, options: ReadOptions | undefined, pool: NodePool | null): void {
    try {
      let timeoutMs = this.defaults.requestTimeoutMs;
      if (options !== undefined) {
        if (options.timeoutMs !== undefined) {
          checkTimeout(options.timeoutMs);
          timeoutMs = options.timeoutMs;
        }
        if (options.signal !== undefined) listen(request, options.signal);
      }
      if (pool === null) {
        applyAck(request, options?.ack, this.defaults.ack, timeoutMs);
        if (request.opcode === Opcode.get) applyReadFrom(request, options ?? NO_OPTIONS, this.defaults);
        this.router.submit(request, timeoutMs);
      } else {
        request.isForNode = true;
        this.router.submitTo(pool, request, timeoutMs);
      }
    } catch (error) {
      request.fail(error as ShoalError);
    }
  }
}

/** Throws `InvalidArgument` where `key` is none. */
export function newRequest(opcode: Opcode, key: Key, repeatable: boolean, answer: Answer): Request {
  checkKey(key);
  return new Request(opcode, key, repeatable, answer);
}

const NO_OPTIONS: ReadOptions = {};

/** Doing it twice is doing it once. */
export const REPEATABLE = true;
export const ONCE = false;

function place(request: Request, encoded: EncodedValue): void {
  request.prefix = encoded.prefix;
  request.text = encoded.text;
  request.bytes = encoded.bytes;
}

function ignore(): void {
  // The error that came first is told.
}

function listen(request: Request, signal: AbortSignal): void {
  if (signal.aborted) throw abortedError(signal);
  const onAbort = (): void => request.fail(abortedError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  request.unlisten = () => signal.removeEventListener('abort', onAbort);
}
