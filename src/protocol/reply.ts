/**
 * Where a handler puts its answer, whatever protocol carries it: the other half of the waist (see `command.ts`).
 * A codec implements it over the thread's output buffer, so a reply costs no object, and a value goes from the
 * store to that buffer in one copy (`ValueSink`).
 *
 * Aggregates announce their size and then the elements follow: `array(2); integer(1); bulkText('a')`.
 * RESP3 shapes (map, set, double, …) fall back to their RESP2 forms in a RESP2 session.
 */
import type { ValueSink } from '../base/value-sink.ts';

/** See above; each method writes one whole element, or announces an aggregate's. */
export interface Reply extends ValueSink {
  /** `+OK`. */
  ok(): void;
  /** A simple string: ASCII without CR and LF, e.g. `PONG`. */
  simple(text: string): void;
  /** An error line: code and text as the peer sees them, without the leading `-`, e.g. `ERR syntax error`. CR and LF become spaces. */
  error(line: string): void;
  /** A 64-bit integer within the safe range of a number. */
  integer(value: number): void;
  /** Any 64-bit integer. */
  bigInteger(value: bigint): void;
  /** A bulk string of these bytes. */
  bulk(bytes: Uint8Array, start: number, length: number): void;
  /** A bulk string of this text in UTF-8. */
  bulkText(text: string): void;
  /** RESP3 verbatim text (`txt`); a bulk string in RESP2. */
  verbatim(text: string): void;
  /** Null: `_` in RESP3, a null bulk string in RESP2. */
  nil(): void;
  /** Null in place of an array: `_` in RESP3, `*-1` in RESP2 (an aborted EXEC). */
  nilArray(): void;
  /** An integer of any size; a bulk string in RESP2. */
  bigNumber(value: bigint): void;
  /** A double; a bulk string in RESP2. */
  double(value: number): void;
  /** A boolean; integer 1 or 0 in RESP2. */
  boolean(value: boolean): void;
  /** An array of `count` elements follows. */
  array(count: number): void;
  /** A map of `count` pairs follows; in RESP2 an array of twice as many. */
  map(count: number): void;
  /** A set of `count` elements follows; an array in RESP2. */
  set(count: number): void;
  /** Out-of-band data of `count` elements follows (pub/sub, monitor); an array in RESP2. */
  push(count: number): void;
  /** `count` pairs about the reply follow, and then the reply. False in RESP2, which has no such thing: write no pair then. */
  attributes(count: number): boolean;
}
