/**
 * Commands on whole keys, whatever they hold: DEL, UNLINK, EXISTS, TOUCH, TYPE, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL; and the table
 * of key commands, with RENAME and COPY from keys-move.ts.
 *
 * UNLINK is DEL, and ASYNC is SYNC: removing an item is a constant step here, and a flush forgets the index.
 */
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import { Opcode } from '../../protocol/shoal/frame.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { existingKey } from './arguments.ts';
import { ErrorText } from './error-text.ts';
import { copyCommand, moveCommand, swapdbCommand, renameCommand, renamenxCommand } from './keys-move.ts';
import { deleteOperation, existsOperation } from './operations.ts';
import { commandRow, type RowFields } from './row.ts';

export function delCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  let count = 0;
  for (let index = 1; index < command.count; index += 1) {
    if (existingKey(context, command, index) && context.store.delete(context.key, null, context.nowMs)) count += 1;
  }
  reply.integer(count);
}

/** A key that is named twice counts twice. */
export function existsCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  reply.integer(countExisting(context, command, false));
}

export function touchCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  reply.integer(countExisting(context, command, true));
}

function countExisting(context: KeyspaceContext, command: Command, touch: boolean): number {
  const { store, key, info, nowMs } = context;
  let count = 0;
  for (let index = 1; index < command.count; index += 1) {
    if (existingKey(context, command, index) && store.inspect(key, info, touch, nowMs)) count += 1;
  }
  return count;
}

export function typeCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const { store, key, info, nowMs } = context;
  const found = existingKey(context, command, 1) && store.inspect(key, info, false, nowMs);
  reply.simple(found ? 'string' : 'none');
}

export function randomkeyCommand(context: KeyspaceContext, _command: Command, reply: Reply): void {
  const { store, batch, database, random01, nowMs } = context;
  if (store.randomKey(database, random01, batch, nowMs)) reply.bulk(batch.bytes, batch.starts[0]!, batch.lengths[0]!);
  else reply.nil();
}

export function dbsizeCommand(context: KeyspaceContext, _command: Command, reply: Reply): void {
  reply.integer(context.store.count(context.database));
}

export function flushdbCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  flush(context, command, context.database, reply);
}

export function flushallCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  flush(context, command, ALL_DATABASES, reply);
}

function flush(context: KeyspaceContext, command: Command, database: number, reply: Reply): void {
  const known = command.count === 1 || (command.count === 2 && (command.is(1, 'SYNC') || command.is(1, 'ASYNC')));
  if (!known) {
    reply.error(ErrorText.syntax);
    return;
  }
  context.store.beginExclusive();
  try {
    context.store.flush(database, context.nowMs);
  } finally {
    context.store.endExclusive();
  }
  reply.ok();
}

const ALL_DATABASES = -1;

const READ: readonly CommandFlag[] = ['readonly'];
const READ_FAST: readonly CommandFlag[] = ['readonly', 'fast'];
const WRITE: readonly CommandFlag[] = ['write'];
const WRITE_FAST: readonly CommandFlag[] = ['write', 'fast'];
const WRITE_OOM: readonly CommandFlag[] = ['write', 'denyoom'];

const KEYSPACE = ['keyspace'];
const KEYSPACE_DANGEROUS = ['keyspace', 'dangerous'];

const ONE_KEY = [1, 1, 1] as const;
const TWO_KEYS = [1, 2, 1] as const;
const ALL_KEYS = [1, -1, 1] as const;

const PER_KEY = 'O(N) for N keys';
const PER_BYTE = 'O(N) for N bytes of the value';
const PER_STORED_KEY = 'O(N) for N keys stored';

export const KEY_COMMANDS: readonly CommandSpec[] = [
  keyRow({
    name: 'del',
    arity: -2,
    flags: WRITE,
    keys: ALL_KEYS,
    since: '1.0.0',
    complexity: PER_KEY,
    syntax: 'key [key ...]',
    summary: 'Removes keys and answers how many there were.',
    handler: delCommand,
    operation: { opcode: Opcode.delete, handler: deleteOperation },
  }),
  keyRow({
    name: 'unlink',
    arity: -2,
    flags: WRITE_FAST,
    keys: ALL_KEYS,
    since: '4.0.0',
    complexity: PER_KEY,
    syntax: 'key [key ...]',
    summary: 'Removes keys, as DEL does.',
    handler: delCommand,
  }),
  keyRow({
    name: 'exists',
    arity: -2,
    flags: READ_FAST,
    keys: ALL_KEYS,
    since: '1.0.0',
    complexity: PER_KEY,
    syntax: 'key [key ...]',
    summary: 'Answers how many of the keys exist.',
    handler: existsCommand,
    operation: { opcode: Opcode.exists, handler: existsOperation },
  }),
  keyRow({
    name: 'touch',
    arity: -2,
    flags: READ_FAST,
    keys: ALL_KEYS,
    since: '3.2.1',
    complexity: PER_KEY,
    syntax: 'key [key ...]',
    summary: 'Counts a use of each key and answers how many exist.',
    handler: touchCommand,
  }),
  keyRow({
    name: 'type',
    arity: 2,
    flags: READ_FAST,
    keys: ONE_KEY,
    since: '1.0.0',
    syntax: 'key',
    summary: 'Answers what kind of value a key holds.',
    handler: typeCommand,
  }),
  keyRow({
    name: 'randomkey',
    arity: 1,
    flags: READ,
    since: '1.0.0',
    syntax: '',
    summary: 'Answers a key chosen at random.',
    handler: randomkeyCommand,
  }),
  keyRow({
    name: 'rename',
    arity: 3,
    flags: WRITE,
    keys: TWO_KEYS,
    since: '1.0.0',
    complexity: PER_BYTE,
    syntax: 'key newkey',
    summary: 'Gives a key another name, in place of a key that has it.',
    handler: renameCommand,
  }),
  keyRow({
    name: 'renamenx',
    arity: 3,
    flags: WRITE_FAST,
    keys: TWO_KEYS,
    since: '1.0.0',
    complexity: PER_BYTE,
    syntax: 'key newkey',
    summary: 'Gives a key another name that no key has.',
    handler: renamenxCommand,
  }),
  keyRow({
    name: 'copy',
    arity: -3,
    flags: WRITE_OOM,
    keys: TWO_KEYS,
    since: '6.2.0',
    complexity: PER_BYTE,
    syntax: 'source destination [DB destination-db] [REPLACE]',
    summary: 'Copies the value and the expiry of a key.',
    handler: copyCommand,
  }),
  keyRow({
    name: 'move',
    arity: 3,
    flags: ['write', 'fast'],
    keys: [1, 1, 1],
    since: '1.0.0',
    syntax: 'key db',
    summary: 'Takes a key to another database, if it has no such key.',
    handler: moveCommand,
  }),
  keyRow({
    name: 'swapdb',
    arity: 3,
    flags: ['write', 'fast'],
    categories: KEYSPACE_DANGEROUS,
    group: 'server',
    since: '4.0.0',
    complexity: 'O(1)',
    syntax: 'index1 index2',
    summary: 'Exchanges what two databases hold.',
    handler: swapdbCommand,
  }),
  keyRow({
    name: 'dbsize',
    arity: 1,
    flags: READ_FAST,
    group: 'server',
    since: '1.0.0',
    syntax: '',
    summary: 'Answers how many keys the database has.',
    handler: dbsizeCommand,
  }),
  keyRow({
    name: 'flushdb',
    arity: -1,
    flags: WRITE,
    categories: KEYSPACE_DANGEROUS,
    group: 'server',
    since: '1.0.0',
    complexity: PER_STORED_KEY,
    syntax: '[ASYNC | SYNC]',
    summary: 'Removes all keys of the database.',
    handler: flushdbCommand,
  }),
  keyRow({
    name: 'flushall',
    arity: -1,
    flags: WRITE,
    categories: KEYSPACE_DANGEROUS,
    group: 'server',
    since: '1.0.0',
    complexity: PER_STORED_KEY,
    syntax: '[ASYNC | SYNC]',
    summary: 'Removes all keys of all databases.',
    handler: flushallCommand,
  }),
];

/** A row of the generic group, unless `fields` say otherwise. */
function keyRow(fields: Omit<RowFields, 'group'> & Partial<Pick<RowFields, 'group'>>): CommandSpec {
  return commandRow({ group: 'generic', categories: KEYSPACE, ...fields });
}
