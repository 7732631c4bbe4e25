/**
 * A counter's new value: read, add, and write on the condition that the value is still the one that was read. What the commands
 * (counters.ts) and the increment operation have in common.
 *
 * Counters are small as a rule, so they are added as numbers; only where a part or the sum leaves the range that a number
 * holds exactly does the addition go by bigints.
 */
import type { Command } from '../../protocol/command.ts';
import {
  INTEGER_BYTES_MAX,
  isNotInteger,
  parseBigInteger,
  parseInteger,
  writeInteger,
} from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { WriteResult } from '../../store/types.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { scratchBytes, trimScratch, writableKey } from './arguments.ts';
import { ErrorText } from './error-text.ts';

const INT64_MAX = 2n ** 63n - 1n;
export const INT64_MIN: bigint = -(2n ** 63n);

/** The part of a reply that a sum or its error takes, in any protocol. */
export type SumReply = Pick<Reply, 'integer' | 'bigInteger' | 'error'>;

/**
 * Adds to the counter at argument 1: `amount`, or `longAmount` where `amount` is not a safe integer. A counter that begins here
 * expires at `expiresAtMs`; one that is there keeps its expiry.
 */
export function addToCounter(
  context: KeyspaceContext,
  command: Command,
  amount: number,
  longAmount: bigint,
  expiresAtMs: number,
  reply: SumReply,
): void {
  if (!writableKey(context, command, 1, reply)) return;
  const { store, key, snapshot, nowMs } = context;
  for (;;) {
    const found = store.read(key, snapshot, nowMs);
    const value = found ? parseInteger(snapshot.bytes, 0, snapshot.length) : 0;
    if (isNotInteger(value)) {
      reply.error(ErrorText.notAnInteger);
      break;
    }
    const sum = value + amount;
    const written = Number.isSafeInteger(sum)
      ? writeSafeSum(context, sum, expiresAtMs, reply)
      : writeLongSum(context, Number.isSafeInteger(amount) ? BigInt(amount) : longAmount, expiresAtMs, reply);
    if (written) break;
  }
  trimScratch(context);
}

/** True once answered, whether with the sum or with an error; false where the key was written in between. */
function writeSafeSum(context: KeyspaceContext, sum: number, expiresAtMs: number, reply: SumReply): boolean {
  const length = writeInteger(scratchBytes(context, INTEGER_BYTES_MAX), 0, sum);
  const result = replaceCounter(context, length, expiresAtMs);
  if (result === WriteResult.stored) reply.integer(sum);
  return answered(result, reply);
}

/** As `writeSafeSum`, over the whole range of 64 bits. */
function writeLongSum(context: KeyspaceContext, amount: bigint, expiresAtMs: number, reply: SumReply): boolean {
  const { snapshot } = context;
  const value = snapshot.found ? (parseBigInteger(snapshot.bytes, 0, snapshot.length) ?? 0n) : 0n;
  const sum = value + amount;
  if (sum > INT64_MAX || sum < INT64_MIN) {
    reply.error(ErrorText.incrementOverflow);
    return true;
  }
  const result = replaceCounter(context, writeText(context, sum.toString()), expiresAtMs);
  if (result === WriteResult.stored) reply.bigInteger(sum);
  return answered(result, reply);
}

/** Puts ASCII `text` into the scratch bytes and returns its length. */
export function writeText(context: KeyspaceContext, text: string): number {
  const bytes = scratchBytes(context, text.length);
  for (let offset = 0; offset < text.length; offset += 1) bytes[offset] = text.charCodeAt(offset);
  return text.length;
}

/** Writes the first `length` scratch bytes in place of `context.snapshot`, keeping its expiry; where there was nothing, `expiresAtMs` is the expiry. */
export function replaceCounter(context: KeyspaceContext, length: number, expiresAtMs: number): WriteResult {
  const { store, key, snapshot, otherSnapshot, writeOptions, nowMs } = context;
  writeOptions.reset();
  writeOptions.keepExpiry = snapshot.found;
  writeOptions.expiresAtMs = expiresAtMs;
  writeOptions.ifUnchangedSince = snapshot;
  return store.set(key, otherSnapshot.bytes, 0, length, writeOptions, nowMs);
}

/** Whether a write was decided one way or the other; answers the error of one that found no memory. */
export function answered(result: WriteResult, reply: Pick<Reply, 'error'>): boolean {
  if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
  return result !== WriteResult.conflict;
}
