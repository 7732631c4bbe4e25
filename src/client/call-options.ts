/** What a call of the client may be given, and the checks of its arguments. */
import { ShoalError } from '../base/errors.ts';
import { Flag, TTL_MS_MAX } from '../protocol/shoal/frame.ts';
import type { AckOptions } from './ack.ts';
import type { Version } from './answers.ts';
import type { Request } from './request.ts';

export interface RequestOptions {
  /** For this call, in place of the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Ends the call's waiting with the error `Aborted`. What was sent may be executed all the same. */
  readonly signal?: AbortSignal;
}

/** Of a call that is for keys. */
export interface KeyRequestOptions extends RequestOptions {
  /** For this call, in place of the client's `ack`. */
  readonly ack?: AckOptions;
}

export interface ExpiryOptions {
  /** From when the node executes it; 1 to 2^52, whole numbers. Left out: the item does not expire. */
  readonly ttlMs?: number;
}

export interface SetManyOptions extends KeyRequestOptions, ExpiryOptions {
  /** The expiry of an item that is replaced stays. */
  readonly keepTtl?: boolean;
}

export interface SetOptions extends SetManyOptions {
  /** Left out: whatever is there. */
  readonly onlyIf?: 'absent' | 'present' | { readonly version: Version };
}

/** Throws `InvalidArgument` where it is no key. */
export function checkKey(key: unknown): void {
  if (typeof key === 'string' || key instanceof Uint8Array) return;
  throw invalid(`a key is a string or bytes, not ${describe(key)}`);
}

/** Throws `InvalidArgument` where it is no time that the client can wait. */
export function checkTimeout(timeoutMs: unknown): void {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX) return;
  throw invalid(`timeoutMs: ${String(timeoutMs)} is not a number of milliseconds from 1 to ${TIMEOUT_MS_MAX}`);
}

/** Puts the time to live into the request. */
export function applyTtl(request: Request, ttlMs: number | undefined): void {
  if (ttlMs === undefined) return;
  if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > TTL_MS_MAX) {
    throw invalid(`ttlMs: ${String(ttlMs)} is not a whole number of milliseconds from 1 to 2^52`);
  }
  request.flags |= Flag.ttl;
  request.ttlMs = ttlMs;
}

/** Puts a set's options into the request. */
export function applySetOptions(request: Request, options: SetOptions): void {
  applyTtl(request, options.ttlMs);
  const { onlyIf } = options;
  if (options.keepTtl === true) {
    if (options.ttlMs !== undefined) throw invalid('give ttlMs or keepTtl, not both');
    request.flags |= Flag.keepTtl;
  }
  if (onlyIf === undefined) return;
  if (onlyIf === 'absent') request.flags |= Flag.ifAbsent;
  else if (onlyIf === 'present') request.flags |= Flag.ifPresent;
  else if (typeof onlyIf === 'object' && onlyIf !== null && typeof onlyIf.version === 'bigint') {
    request.flags |= Flag.version;
    request.version = onlyIf.version;
  } else throw invalid(`onlyIf: it is "absent", "present" or { version }, not ${describe(onlyIf)}`);
}

/** The bytes of what a counter is to be changed by. */
export function encodeDelta(by: number | bigint): Uint8Array {
  if (typeof by === 'number' ? !Number.isSafeInteger(by) : by !== BigInt.asIntN(64, by)) {
    throw invalid(`a counter changes by a whole number of at most 64 bits, not by ${String(by)}`);
  }
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64LE(BigInt(by));
  return bytes;
}

export function invalid(message: string): ShoalError {
  return new ShoalError('InvalidArgument', message);
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}

const TIMEOUT_MS_MAX = 2 ** 31;
