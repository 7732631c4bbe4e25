/** What fuzzing has to know of a protocol: how rubbish is made in it, what is to be answered to that, and whether it was. */
import type { Random } from './random.ts';

/** What a connection's bytes are to be answered with; of many inputs, the sum. */
export interface Expectation {
  /** All bytes belong to whole frames: the next input may follow. */
  readonly whole: boolean;
  /** The bytes of the error that is answered last, before the node closes; null where it goes on. */
  readonly error: Buffer | null;
  /** Of each reply that is due, the id of its request, where the protocol has such a thing. */
  readonly requestIds: readonly number[];
}

export interface FuzzProtocol {
  readonly name: string;
  /** What a connection begins with; the reply to it is the first. */
  readonly opening: Buffer;
  /** Behind the opening: asks a node whether it serves, and for its memory. */
  readonly probe: Buffer;
  input(random: Random): Buffer;
  /** What `input` is to be answered with, on a connection that was opened. */
  expect(input: Buffer): Expectation;
  /**
   * What is wrong with `received` as the answer to the opening and `expected`, or null. `cut`: the connection was reset, by whomever, so the
   * last of it may be missing. Whether the error is there is `hasError`'s to say.
   */
  problem(received: Buffer, expected: Expectation, cut: boolean): string | null;
  /** Whether the error that had to be answered is there. */
  hasError(received: Buffer, error: Buffer): boolean;
  /** Resident memory of the node in bytes, from the reply to `probe`; null where that is no proper one. */
  memoryOf(received: Buffer): number | null;
}
