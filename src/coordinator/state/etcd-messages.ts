/**
 * What etcd's JSON gateway takes and gives, checked. Bytes are base64, 64-bit integers are texts, and whatever has its
 * default (0, false, an empty list) is left out of an answer. Revisions become numbers, as none passes 2^53; lease ids stay
 * texts, as they use all 63 bits.
 */
import { EtcdFailure, failureOfCode } from './etcd-errors.ts';

export interface EtcdItem {
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Decimal; `0`: none. */
  readonly lease: string;
}

/** A key as it was at a revision of the whole store. */
export interface Sighting {
  readonly item: EtcdItem | null;
  readonly revision: number;
  /** Raft's term, as the member that answered knew it. */
  readonly term: number;
}

export interface TransactionAnswer {
  readonly succeeded: boolean;
  readonly revision: number;
  /** Of each operation: what a range found, null for others and for a key that is not there. */
  readonly items: readonly (EtcdItem | null)[];
}

export type WatchMessage =
  | { readonly kind: 'created' }
  /** The key's last state among the events. */
  | { readonly kind: 'changed'; readonly item: EtcdItem | null; readonly revision: number }
  /** History that the watch needs was compacted away, or etcd ended it for another reason. */
  | { readonly kind: 'cancelled'; readonly compacted: boolean; readonly reason: string }
  | { readonly kind: 'nothing' };

export function base64(bytes: Uint8Array | string): string {
  return Buffer.from(bytes as Uint8Array).toString('base64');
}

export function rangeRequest(key: string): object {
  return { key: base64(key) };
}

export type Comparison =
  | { readonly key: string; readonly createRevision: number }
  | { readonly key: string; readonly modRevision: number };

export type Operation =
  | { readonly get: string }
  | { readonly put: string; readonly value: Uint8Array | string; readonly lease?: string };

/** A revision of 0 holds for a key that is not there. */
export function transactionRequest(
  compare: readonly Comparison[],
  success: readonly Operation[],
  failure: readonly Operation[],
): object {
  return {
    compare: compare.map((comparison) => ({
      key: base64(comparison.key),
      result: 'EQUAL',
      ...('createRevision' in comparison
        ? { target: 'CREATE', create_revision: String(comparison.createRevision) }
        : { target: 'MOD', mod_revision: String(comparison.modRevision) }),
    })),
    success: success.map(operationRequest),
    failure: failure.map(operationRequest),
  };
}

function operationRequest(operation: Operation): object {
  if ('get' in operation) return { request_range: rangeRequest(operation.get) };
  const { put, value, lease } = operation;
  return { request_put: { key: base64(put), value: base64(value), ...(lease === undefined ? {} : { lease }) } };
}

export function readRange(answer: unknown): Sighting {
  const { header, kvs } = fieldsOf(answer, 'the answer');
  return { item: firstItem(kvs), ...readHeader(header) };
}

export function readTransaction(answer: unknown): TransactionAnswer {
  const { header, succeeded, responses } = fieldsOf(answer, 'the answer');
  return {
    succeeded: succeeded === true,
    revision: readHeader(header).revision,
    items: listOf(responses).map((response) => {
      const { response_range: range } = fieldsOf(response, 'an operation');
      return range === undefined ? null : firstItem(fieldsOf(range, 'a range')['kvs']);
    }),
  };
}

/** Seconds that the lease has from now on; 0: there is none any more. */
export function readKeepAlive(answer: unknown): { readonly ttlSeconds: number; readonly term: number } {
  const { result, error } = fieldsOf(answer, 'the answer');
  throwErrorOf(error);
  const { header, TTL } = fieldsOf(result, 'the renewal');
  return { ttlSeconds: integer(TTL, 'TTL'), term: readHeader(header).term };
}

export function readGrant(answer: unknown): number {
  const { TTL, error } = fieldsOf(answer, 'the answer');
  if (typeof error === 'string' && error !== '') throw new EtcdFailure('refused', error);
  return integer(TTL, 'TTL');
}

export function readToken(answer: unknown): string {
  const { token } = fieldsOf(answer, 'the answer');
  if (typeof token === 'string' && token !== '') return token;
  throw malformed('the token');
}

export function readWatch(message: unknown): WatchMessage {
  const { result, error } = fieldsOf(message, 'the message');
  throwErrorOf(error);
  const {
    header,
    created,
    canceled,
    compact_revision: compacted,
    cancel_reason: reason,
    events,
  } = fieldsOf(result, 'the message');
  if (canceled === true) {
    return { kind: 'cancelled', compacted: integer(compacted, 'compact_revision') > 0, reason: textOf(reason) };
  }
  const last = listOf(events).at(-1);
  if (last === undefined) return { kind: created === true ? 'created' : 'nothing' };
  const { type, kv } = fieldsOf(last, 'an event');
  const item = readItem(kv);
  // A deletion carries the key with the revision of the deletion; the message's header may be later than its events.
  const revision = Math.max(item.modRevision, readHeader(header).revision);
  return { kind: 'changed', item: type === 'DELETE' ? null : item, revision };
}

/** The error that a stream carries in the place of a result. */
function throwErrorOf(error: unknown): void {
  if (error === undefined) return;
  const { grpc_code: grpcCode, code, message } = fieldsOf(error, 'the error');
  throw failureOfCode(typeof grpcCode === 'number' ? grpcCode : integer(code, 'code'), textOf(message));
}

function readHeader(header: unknown): { readonly revision: number; readonly term: number } {
  const { revision, raft_term: term } = fieldsOf(header, 'the header');
  return { revision: integer(revision, 'revision'), term: integer(term, 'raft_term') };
}

function firstItem(kvs: unknown): EtcdItem | null {
  const first = listOf(kvs)[0];
  return first === undefined ? null : readItem(first);
}

function readItem(item: unknown): EtcdItem {
  const { value, create_revision: created, mod_revision: modified, lease } = fieldsOf(item, 'an item');
  return {
    value: new Uint8Array(Buffer.from(textOf(value), 'base64')),
    createRevision: integer(created, 'create_revision'),
    modRevision: integer(modified, 'mod_revision'),
    lease: typeof lease === 'string' && /^\d+$/.test(lease) ? lease : '0',
  };
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw malformed(what);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function integer(value: unknown, what: string): number {
  if (value === undefined) return 0;
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw malformed(what);
}

function malformed(what: string): EtcdFailure {
  return new EtcdFailure('misconfigured', `${what} is not as etcd writes it: is it etcd?`);
}
