/**
 * A request of the Shoal protocol as the server core sees it: a `Command` whose options are numbers instead of words.
 * Argument 1 is the key and argument 2 the value, where the table's rows have them; argument 0, a command's name, is empty,
 * because the opcode says it.
 *
 *     bytes     [ header .. fields .. k e y v a l u e ]   the receive buffer, not owned
 *     argument            0:empty     1     2
 *
 * One per data thread, filled again for each request and valid until the decoder's next call, as a `Command` is. A number of 64
 * bits is kept as two of 32, so that it costs no bigint.
 */
import { Command } from '../command.ts';

/** The arguments of an operation. */
export const KEY_ARGUMENT = 1;
export const VALUE_ARGUMENT = 2;

export class Operation extends Command {
  /** The version of the protocol that the header states. */
  version = 0;
  /** An `Opcode`, or a number that is none. */
  opcode = 0;
  /** `Flag` bits, known or not. */
  flags = 0;
  requestId = 0;
  /** The topology that the client knows; 0: none. */
  epoch = 0;
  /** What the header states; the fields below hold only what its flags bring. */
  fieldsBytes = 0;
  /** ms, with `Flag.ttl`; a double, so beyond 2^53 not exact. 0 without. */
  ttlMs = 0;
  /** The halves of the item's version, with `Flag.version`. */
  versionLow = 0;
  versionHigh = 0;
  /** With `Flag.ack`: how long its reply may wait, and for how many replicas; the latter with what must be 0 above it. 0 without. */
  ackWaitMs = 0;
  ackReplicaCount = 0;

  /** Whether any of these flags is set. */
  has(flags: number): boolean {
    return (this.flags & flags) !== 0;
  }
}
