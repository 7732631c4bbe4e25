/**
 * Times to live: EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT with NX XX GT LT; TTL, PTTL, EXPIRETIME, PEXPIRETIME; PERSIST.
 */
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import { Opcode } from '../../protocol/shoal/frame.ts';
import { ExpireCondition, NO_EXPIRY, WriteResult } from '../../store/types.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { existingKey, quotedArgument } from './arguments.ts';
import { ErrorText, unsupportedOption } from './error-text.ts';
import { touchOperation } from './operations.ts';
import { commandRow, type RowFields } from './row.ts';
import { timeArgument } from './strings-options.ts';
import { refusedTime } from './strings-read.ts';

export function expireCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  setExpiry(context, command, 1000, context.nowMs, 'expire', reply);
}

export function pexpireCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  setExpiry(context, command, 1, context.nowMs, 'pexpire', reply);
}

export function expireatCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  setExpiry(context, command, 1000, 0, 'expireat', reply);
}

export function pexpireatCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  setExpiry(context, command, 1, 0, 'pexpireat', reply);
}

/** Any time up to the present deletes the key. The options are looked at before the time, and the time before the key. */
function setExpiry(
  context: KeyspaceContext,
  command: Command,
  unitMs: 1 | 1000,
  baseMs: number,
  name: string,
  reply: Reply,
): void {
  const condition = parseCondition(command, reply);
  if (condition === BAD_CONDITION) return;
  const time = timeArgument(command, 2, unitMs, baseMs);
  if (refusedTime(time, name, reply)) return;
  if (!existingKey(context, command, 1)) {
    reply.integer(0);
    return;
  }
  // 0 would mean no expiry, and a key that is there expires later than at 1, so every time in the distant past may be 1.
  const expiresAtMs = Math.max(time, 1);
  const result = context.store.expire(context.key, expiresAtMs, condition, context.nowMs);
  if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
  else reply.integer(result === WriteResult.stored ? 1 : 0);
}

const BAD_CONDITION = -1;
/** An error line need not repeat all of a word that may be as long as a value. */
const OPTION_BYTES_SHOWN = 4096;

/** `ExpireCondition` bits from argument 3 on; BAD_CONDITION once the error is answered. */
function parseCondition(command: Command, reply: Reply): number {
  let condition: number = ExpireCondition.always;
  for (let index = 3; index < command.count; index += 1) {
    if (command.is(index, 'NX')) condition |= ExpireCondition.ifNone;
    else if (command.is(index, 'XX')) condition |= ExpireCondition.ifSome;
    else if (command.is(index, 'GT')) condition |= ExpireCondition.ifGreater;
    else if (command.is(index, 'LT')) condition |= ExpireCondition.ifLess;
    else {
      reply.error(unsupportedOption(quotedArgument(command, index, OPTION_BYTES_SHOWN)));
      return BAD_CONDITION;
    }
  }
  const others = ExpireCondition.ifSome | ExpireCondition.ifGreater | ExpireCondition.ifLess;
  if ((condition & ExpireCondition.ifNone) !== 0 && (condition & others) !== 0) {
    reply.error(ErrorText.expireNotExclusive);
    return BAD_CONDITION;
  }
  if ((condition & ExpireCondition.ifGreater) !== 0 && (condition & ExpireCondition.ifLess) !== 0) {
    reply.error(ErrorText.expireGreaterAndLess);
    return BAD_CONDITION;
  }
  return condition;
}

export function persistCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (!existingKey(context, command, 1)) {
    reply.integer(0);
    return;
  }
  const result = context.store.expire(context.key, NO_EXPIRY, ExpireCondition.ifSome, context.nowMs);
  if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
  else reply.integer(result === WriteResult.stored ? 1 : 0);
}

export function ttlCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  answerTime(context, command, 1000, context.nowMs, reply);
}

export function pttlCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  answerTime(context, command, 1, context.nowMs, reply);
}

export function expiretimeCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  answerTime(context, command, 1000, 0, reply);
}

export function pexpiretimeCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  answerTime(context, command, 1, 0, reply);
}

/** The expiry relative to `baseMs`, rounded to the nearest unit; -1 without expiry, -2 without key. */
function answerTime(context: KeyspaceContext, command: Command, unitMs: 1 | 1000, baseMs: number, reply: Reply): void {
  const { store, key, info, nowMs } = context;
  if (!existingKey(context, command, 1) || !store.inspect(key, info, false, nowMs)) reply.integer(-2);
  else if (info.expiresAtMs === NO_EXPIRY) reply.integer(-1);
  else reply.integer(Math.round((info.expiresAtMs - baseMs) / unitMs));
}

const WRITE: readonly CommandFlag[] = ['write', 'fast'];
const READ: readonly CommandFlag[] = ['readonly', 'fast'];
const CONDITIONS = '[NX | XX | GT | LT]';

export const EXPIRY_COMMANDS: readonly CommandSpec[] = [
  expiryRow({
    name: 'expire',
    arity: -3,
    flags: WRITE,
    since: '1.0.0',
    syntax: `key seconds ${CONDITIONS}`,
    summary: 'Lets a key expire after some seconds.',
    handler: expireCommand,
  }),
  expiryRow({
    name: 'pexpire',
    arity: -3,
    flags: WRITE,
    since: '2.6.0',
    syntax: `key milliseconds ${CONDITIONS}`,
    summary: 'Lets a key expire after some milliseconds.',
    handler: pexpireCommand,
    operation: { opcode: Opcode.touch, handler: touchOperation },
  }),
  expiryRow({
    name: 'expireat',
    arity: -3,
    flags: WRITE,
    since: '1.2.0',
    syntax: `key unix-time-seconds ${CONDITIONS}`,
    summary: 'Lets a key expire at a Unix time in seconds.',
    handler: expireatCommand,
  }),
  expiryRow({
    name: 'pexpireat',
    arity: -3,
    flags: WRITE,
    since: '2.6.0',
    syntax: `key unix-time-milliseconds ${CONDITIONS}`,
    summary: 'Lets a key expire at a Unix time in milliseconds.',
    handler: pexpireatCommand,
  }),
  expiryRow({
    name: 'ttl',
    arity: 2,
    flags: READ,
    since: '1.0.0',
    syntax: 'key',
    summary: 'Answers after how many seconds a key expires.',
    handler: ttlCommand,
  }),
  expiryRow({
    name: 'pttl',
    arity: 2,
    flags: READ,
    since: '2.6.0',
    syntax: 'key',
    summary: 'Answers after how many milliseconds a key expires.',
    handler: pttlCommand,
  }),
  expiryRow({
    name: 'expiretime',
    arity: 2,
    flags: READ,
    since: '7.0.0',
    syntax: 'key',
    summary: 'Answers the Unix time in seconds at which a key expires.',
    handler: expiretimeCommand,
  }),
  expiryRow({
    name: 'pexpiretime',
    arity: 2,
    flags: READ,
    since: '7.0.0',
    syntax: 'key',
    summary: 'Answers the Unix time in milliseconds at which a key expires.',
    handler: pexpiretimeCommand,
  }),
  expiryRow({
    name: 'persist',
    arity: 2,
    flags: WRITE,
    since: '2.2.0',
    syntax: 'key',
    summary: 'Takes the expiry from a key.',
    handler: persistCommand,
  }),
];

function expiryRow(fields: Omit<RowFields, 'group' | 'categories' | 'keys'>): CommandSpec {
  return commandRow({ ...fields, group: 'generic', categories: ['keyspace'], keys: [1, 1, 1] });
}
