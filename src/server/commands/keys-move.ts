/**
 * RENAME, RENAMENX, COPY, MOVE: an item under another key or in another database, with its expiry and the mark of how it was built. The other threads are
 * held between commands meanwhile, so nobody sees a moment between the two keys.
 *
 * An item's key is part of it, so a rename writes it again. Where no memory is left for that, the source stays as it was.
 */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { DATABASE_COUNT, WriteResult } from '../../store/types.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { existingKey, sameArguments, saturatedArgument, trimScratch, writableOtherKey } from './arguments.ts';
import { ErrorText } from './error-text.ts';

const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);

export function renameCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (move(context, command, 'replace', reply) !== MoveResult.refused) reply.ok();
}

export function renamenxCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const result = move(context, command, 'keep', reply);
  if (result !== MoveResult.refused) reply.integer(result === MoveResult.moved ? 1 : 0);
}

const MoveResult = {
  moved: 1,
  /** Source and target are one key, or the target is there and to be kept. */
  left: 0,
  /** The error is answered. */
  refused: -1,
} as const;
type MoveResult = (typeof MoveResult)[keyof typeof MoveResult];

function move(context: KeyspaceContext, command: Command, target: 'replace' | 'keep', reply: Reply): MoveResult {
  const { store, key, otherKey, nowMs } = context;
  store.beginExclusive();
  try {
    if (!existingKey(context, command, 1) || !store.has(key, nowMs)) {
      reply.error(ErrorText.noSuchKey);
      return MoveResult.refused;
    }
    if (sameArguments(command, 1, 2)) return MoveResult.left;
    if (!writableOtherKey(context, command, 2, context.database, reply)) return MoveResult.refused;
    if (target === 'keep' && store.has(otherKey, nowMs)) return MoveResult.left;
    if (!duplicate(context)) {
      reply.error(ErrorText.outOfMemory);
      return MoveResult.refused;
    }
    store.delete(key, null, nowMs);
    return MoveResult.moved;
  } finally {
    store.endExclusive();
    trimScratch(context);
  }
}

export function moveCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const { store, key, otherKey, nowMs } = context;
  const database = databaseArgument(command, 2, reply);
  if (database === BAD_DATABASE) return;
  if (database === context.database) {
    reply.error(ErrorText.sameObject);
    return;
  }
  store.beginExclusive();
  try {
    if (!existingKey(context, command, 1) || !store.has(key, nowMs)) {
      reply.integer(0);
      return;
    }
    if (!writableOtherKey(context, command, 1, database, reply)) return;
    if (store.has(otherKey, nowMs)) {
      reply.integer(0);
    } else if (duplicate(context)) {
      store.delete(key, null, nowMs);
      reply.integer(1);
    } else {
      reply.error(ErrorText.outOfMemory);
    }
  } finally {
    store.endExclusive();
    trimScratch(context);
  }
}

export function swapdbCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const left = saturatedArgument(command, 1);
  const right = saturatedArgument(command, 2);
  if (isNotInteger(left)) reply.error(ErrorText.badFirstDatabase);
  else if (isNotInteger(right)) reply.error(ErrorText.badSecondDatabase);
  else if (!isDatabase(left) || !isDatabase(right)) reply.error(ErrorText.databaseOutOfRange);
  else {
    context.store.beginExclusive();
    context.store.swapDatabases(left, right);
    context.store.endExclusive();
    reply.ok();
  }
}

/** Writes the item of `context.key` at `context.otherKey`. False where there is no memory for it. */
function duplicate(context: KeyspaceContext): boolean {
  const { store, key, otherKey, snapshot, writeOptions, nowMs } = context;
  store.read(key, snapshot, nowMs);
  writeOptions.reset();
  writeOptions.expiresAtMs = snapshot.expiresAtMs;
  writeOptions.raw = snapshot.raw;
  return store.set(otherKey, snapshot.bytes, 0, snapshot.length, writeOptions, nowMs) === WriteResult.stored;
}

export function copyCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  let database = context.database;
  let replace = false;
  for (let index = 3; index < command.count; index += 1) {
    if (command.is(index, 'REPLACE')) {
      replace = true;
    } else if (command.is(index, 'DB') && index + 1 < command.count) {
      index += 1;
      database = databaseArgument(command, index, reply);
      if (database === BAD_DATABASE) return;
    } else {
      reply.error(ErrorText.syntax);
      return;
    }
  }
  if (database === context.database && sameArguments(command, 1, 2)) {
    reply.error(ErrorText.sameObject);
    return;
  }
  copyTo(context, command, database, replace ? 'replace' : 'keep', reply);
}

function copyTo(
  context: KeyspaceContext,
  command: Command,
  database: number,
  target: 'replace' | 'keep',
  reply: Reply,
): void {
  const { store, key, otherKey, info, nowMs } = context;
  store.beginExclusive();
  try {
    if (!existingKey(context, command, 1) || !store.inspect(key, info, true, nowMs)) {
      reply.integer(0);
      return;
    }
    if (!writableOtherKey(context, command, 2, database, reply)) return;
    if (target === 'keep' && store.has(otherKey, nowMs)) reply.integer(0);
    else if (duplicate(context)) reply.integer(1);
    else reply.error(ErrorText.outOfMemory);
  } finally {
    store.endExclusive();
    trimScratch(context);
  }
}

const BAD_DATABASE = -1;

/** Argument `index` as the number of a database; BAD_DATABASE once the error is answered. */
function databaseArgument(command: Command, index: number, reply: Reply): number {
  const database = saturatedArgument(command, index);
  if (isDatabase(database)) return database;
  if (isNotInteger(database)) reply.error(ErrorText.notAnInteger);
  else if (database > INT32_MAX || database < INT32_MIN) reply.error(ErrorText.notAnIntegerInRange);
  else reply.error(ErrorText.databaseOutOfRange);
  return BAD_DATABASE;
}

function isDatabase(number: number): boolean {
  return number >= 0 && number < DATABASE_COUNT;
}
