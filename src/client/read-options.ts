/** Reads from replicas: what a call may ask for. The node that answers vouches for the age by its own clock; one that cannot leaves the answer to the primary. */
import { ShoalError } from '../base/errors.ts';
import { COPY_AGE_BYTES, Flag, Opcode } from '../protocol/shoal/frame.ts';
import type { KeyRequestOptions } from './call-options.ts';
import type { Request } from './request.ts';

export interface ReadFromOptions {
  /** `primary`, the default, or `replica`: a node that copies the key's slot, where there is one; else the primary. */
  readonly readFrom?: 'primary' | 'replica';
  /** How old the answer of a replica may be, 1 to 2^31 - 1, or Infinity; 1000 where left out. */
  readonly maxStalenessMs?: number;
}

export interface ReadOptions extends KeyRequestOptions, ReadFromOptions {}

/** What is wrong with `options`, as text, or null. */
export function readFromProblem({ readFrom, maxStalenessMs }: ReadFromOptions): string | null {
  if (readFrom !== undefined && readFrom !== 'primary' && readFrom !== 'replica') {
    return `readFrom: ${JSON.stringify(readFrom)} is not "primary" or "replica"`;
  }
  if (maxStalenessMs === undefined || maxStalenessMs === Number.POSITIVE_INFINITY) return null;
  if (Number.isInteger(maxStalenessMs) && maxStalenessMs >= 1 && maxStalenessMs <= STALENESS_MS_MAX) return null;
  return `maxStalenessMs: ${String(maxStalenessMs)} is not a whole number of ms from 1 to ${STALENESS_MS_MAX}, or Infinity`;
}

/** Has `request`, a get, answered by a replica, where the call says so or else the client. Throws `InvalidArgument`. */
export function applyReadFrom(request: Request, asked: ReadFromOptions, byDefault: ReadFromOptions): void {
  const problem = readFromProblem(asked);
  if (problem !== null) throw new ShoalError('InvalidArgument', problem);
  if ((asked.readFrom ?? byDefault.readFrom) !== 'replica') return;
  if ((request.flags & Flag.ack) !== 0) {
    if (asked.readFrom === undefined) return;
    throw new ShoalError('InvalidArgument', 'readFrom: what a replica answers cannot wait for replicas (ack)');
  }
  const ageMs = asked.maxStalenessMs ?? byDefault.maxStalenessMs ?? STALENESS_MS;
  const value = Buffer.allocUnsafe(COPY_AGE_BYTES);
  value.writeUInt32LE(ageMs === Number.POSITIVE_INFINITY ? ANY_AGE : ageMs);
  request.opcode = Opcode.getCopy;
  request.bytes = value;
}

/** Whether any node that copies the key's slot may answer it. */
export function mayReadCopy({ opcode }: Request): boolean {
  return opcode === Opcode.getCopy;
}

/** From now on the primary alone is to answer. */
export function readFromPrimary(request: Request): void {
  request.opcode = Opcode.get;
  request.bytes = null;
}

const STALENESS_MS_MAX = 2 ** 31 - 1;
/** Some times what replicas are behind while all is well. */
const STALENESS_MS = 1000;
const ANY_AGE = 0;
