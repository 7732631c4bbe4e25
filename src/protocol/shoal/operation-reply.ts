/**
 * Where the handler of an operation puts its answer: exactly one of these methods ends it, after any `withVersion` and
 * `withTimeToLive`. It has the words of `Reply` that a shared handler needs, so that GET, INCRBY and their operations are one code.
 */
import type { ValueSink } from '../../base/value-sink.ts';
import type { Status } from './frame.ts';

export interface OperationReply extends ValueSink {
  /** `ok` without a value. */
  ok(): void;
  /** `ok` with these bytes. */
  bulk(bytes: Uint8Array, start: number, length: number): void;
  /** `ok` with this text in UTF-8. */
  simple(text: string): void;
  /** `ok` with a signed integer of 64 bits. */
  integer(value: number): void;
  bigInteger(value: bigint): void;
  /** `miss`, `notStored` or `conflict`. */
  answer(status: Status): void;
  /** The status that this line of a RESP error stands for, and its text. */
  error(line: string): void;
  /** A status that is an error, and the text for people. */
  fail(status: Status, text: string): void;
  /** The answer to come carries this version. */
  withVersion(low: number, high: number): void;
  /** The answer to come carries this time to live, in ms. */
  withTimeToLive(ttlMs: number): void;
}
