/**
 * INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT: read, add, and write on the condition that the value is still the one that was read.
 * Integers are added in counter-sum.ts.
 */
import type { Command } from '../../protocol/command.ts';
import { addFloats, FloatFault } from '../../protocol/long-double.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { Opcode } from '../../protocol/shoal/frame.ts';
import { NO_EXPIRY, WriteResult } from '../../store/types.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { bigIntegerArgument, integerArgument, trimScratch, writableKey } from './arguments.ts';
import { addToCounter, answered, INT64_MIN, replaceCounter, writeText } from './counter-sum.ts';
import { ErrorText } from './error-text.ts';
import { incrementOperation } from './operations.ts';
import { commandRow, type RowFields } from './row.ts';

export function incrCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  addToCounter(context, command, 1, 0n, NO_EXPIRY, reply);
}

export function decrCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  addToCounter(context, command, -1, 0n, NO_EXPIRY, reply);
}

export function incrbyCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const amount = integerArgument(command, 2);
  if (isNotInteger(amount)) reply.error(ErrorText.notAnInteger);
  else {
    const longAmount = Number.isSafeInteger(amount) ? 0n : bigIntegerArgument(command, 2);
    addToCounter(context, command, amount, longAmount, NO_EXPIRY, reply);
  }
}

export function decrbyCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const amount = integerArgument(command, 2);
  if (isNotInteger(amount)) reply.error(ErrorText.notAnInteger);
  else if (Number.isSafeInteger(amount)) addToCounter(context, command, -amount, 0n, NO_EXPIRY, reply);
  else {
    const longAmount = bigIntegerArgument(command, 2);
    if (longAmount === INT64_MIN) reply.error(ErrorText.decrementOverflow);
    else addToCounter(context, command, -amount, -longAmount, NO_EXPIRY, reply);
  }
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
    const result = replaceCounter(context, writeText(context, sum), NO_EXPIRY);
    if (result === WriteResult.stored) reply.bulkText(sum);
    if (answered(result, reply)) break;
  }
  trimScratch(context);
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
    operation: { opcode: Opcode.increment, handler: incrementOperation },
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
