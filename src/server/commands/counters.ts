/**
 * INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT: read, add, and write on the condition that the value is still the one that was read.
 *
 * Counters are small as a rule, so they are added as numbers; only where a part or the sum leaves the range that a number
 * holds exactly does the addition go by bigints.
 */
import type { Command } from '../../protocol/command.ts';
import { addFloats, FloatFault } from '../../protocol/long-double.ts';
import {
  INTEGER_BYTES_MAX,
  isNotInteger,
  parseBigInteger,
  parseInteger,
  writeInteger,
} from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { WriteResult } from '../../store/types.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { commandRow, type RowFields } from './row.ts';
import { bigIntegerArgument, integerArgument, scratchBytes, trimScratch, writableKey } from './arguments.ts';
import { ErrorText } from './error-text.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

export function incrCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  addToCounter(context, command, 1, 1, reply);
}

export function decrCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  addToCounter(context, command, -1, 1, reply);
}

export function incrbyCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const amount = integerArgument(command, 2);
  if (isNotInteger(amount)) reply.error(ErrorText.notAnInteger);
  else addToCounter(context, command, amount, 1, reply);
}

export function decrbyCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const amount = integerArgument(command, 2);
  if (isNotInteger(amount)) reply.error(ErrorText.notAnInteger);
  else if (!Number.isSafeInteger(amount) && bigIntegerArgument(command, 2) === INT64_MIN) {
    reply.error(ErrorText.decrementOverflow);
  } else addToCounter(context, command, -amount, -1, reply);
}

/** Adds `amount`; where it is not safe, `sign` times argument 2 in its place. */
function addToCounter(context: KeyspaceContext, command: Command, amount: number, sign: 1 | -1, reply: Reply): void {
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
      ? writeSafeSum(context, sum, reply)
      : writeLongSum(
          context,
          Number.isSafeInteger(amount) ? BigInt(amount) : BigInt(sign) * bigIntegerArgument(command, 2),
          reply,
        );
    if (written) break;
  }
  trimScratch(context);
}

/** True once answered, whether with the sum or with an error; false where the key was written in between. */
function writeSafeSum(context: KeyspaceContext, sum: number, reply: Reply): boolean {
  const length = writeInteger(scratchBytes(context, INTEGER_BYTES_MAX), 0, sum);
  const result = replaceCounter(context, length);
  if (result === WriteResult.stored) reply.integer(sum);
  return answered(result, reply);
}

/** As `writeSafeSum`, over the whole range of 64 bits. */
function writeLongSum(context: KeyspaceContext, amount: bigint, reply: Reply): boolean {
  const { snapshot } = context;
  const value = snapshot.found ? (parseBigInteger(snapshot.bytes, 0, snapshot.length) ?? 0n) : 0n;
  const sum = value + amount;
  if (sum > INT64_MAX || sum < INT64_MIN) {
    reply.error(ErrorText.incrementOverflow);
    return true;
  }
  const result = replaceCounter(context, writeText(context, sum.toString()));
  if (result === WriteResult.stored) reply.bigInteger(sum);
  return answered(result, reply);
}

export function incrbyfloatCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (!writableKey(context, command, 1, reply)) return;
  const { store, key, snapshot, nowMs } = context;
  for (;;) {
    const found = store.read(key, snapshot, nowMs);
    const sum = addFloats(
      found ? snapshot.bytes : ZERO,
      0,
      found ? snapshot.length : ZERO.length,
      command.bytes,
      command.start(2),
      command.length(2),
    );
    if (typeof sum === 'number') {
      reply.error(sum === FloatFault.notFloat ? ErrorText.notAFloat : ErrorText.floatOverflow);
      break;
    }
    const result = replaceCounter(context, writeText(context, sum));
    if (result === WriteResult.stored) reply.bulkText(sum);
    if (answered(result, reply)) break;
  }
  trimScratch(context);
}

/** Puts ASCII `text` into the scratch bytes and returns its length. */
function writeText(context: KeyspaceContext, text: string): number {
  const bytes = scratchBytes(context, text.length);
  for (let offset = 0; offset < text.length; offset += 1) bytes[offset] = text.charCodeAt(offset);
  return text.length;
}

/** Writes the first `length` scratch bytes in place of `context.snapshot`, keeping its expiry. */
function replaceCounter(context: KeyspaceContext, length: number): WriteResult {
  const { store, key, snapshot, otherSnapshot, writeOptions, nowMs } = context;
  writeOptions.reset();
  writeOptions.keepExpiry = true;
  writeOptions.ifUnchangedSince = snapshot;
  return store.set(key, otherSnapshot.bytes, 0, length, writeOptions, nowMs);
}

function answered(result: WriteResult, reply: Reply): boolean {
  if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
  return result !== WriteResult.conflict;
}

const ZERO = Buffer.from('0');

const FLAGS: readonly CommandFlag[] = ['write', 'denyoom', 'fast'];

export const COUNTER_COMMANDS: readonly CommandSpec[] = [
  counterRow({
    name: 'incr',
    arity: 2,
    since: '1.0.0',
    syntax: 'key',
    summary: 'Adds one to the integer at a key and answers the sum; a missing key counts as 0.',
    handler: incrCommand,
  }),
  counterRow({
    name: 'decr',
    arity: 2,
    since: '1.0.0',
    syntax: 'key',
    summary: 'Takes one from the integer at a key and answers the rest; a missing key counts as 0.',
    handler: decrCommand,
  }),
  counterRow({
    name: 'incrby',
    arity: 3,
    since: '1.0.0',
    syntax: 'key increment',
    summary: 'Adds an integer to the one at a key and answers the sum.',
    handler: incrbyCommand,
  }),
  counterRow({
    name: 'decrby',
    arity: 3,
    since: '1.0.0',
    syntax: 'key decrement',
    summary: 'Takes an integer from the one at a key and answers the rest.',
    handler: decrbyCommand,
  }),
  counterRow({
    name: 'incrbyfloat',
    arity: 3,
    since: '2.6.0',
    syntax: 'key increment',
    summary: 'Adds a decimal number to the one at a key and answers the sum.',
    handler: incrbyfloatCommand,
  }),
];

function counterRow(fields: Omit<RowFields, 'flags' | 'group' | 'categories' | 'keys'>): CommandSpec {
  return commandRow({ ...fields, flags: FLAGS, group: 'string', categories: ['string'], keys: [1, 1, 1] });
}
