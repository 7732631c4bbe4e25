/**
 * Reading strings: GET, GETDEL, GETEX, MGET, STRLEN, GETRANGE, SUBSTR. Where a whole value is the answer, the store copies
 * it straight into the reply.
 */
import type { Command } from '../../protocol/command.ts';
import { BEYOND_SAFE, isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { REQUEST_FIRST, REQUEST_PLACES } from '../../store/keys-ahead.ts';
import { NO_EXPIRY, WriteResult } from '../../store/types.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { bigIntegerArgument, existingKey, fetchKeys, saturatedArgument, trimScratch } from './arguments.ts';
import { ErrorText, invalidExpireTime } from './error-text.ts';
import {
  BAD_OPTIONS,
  expiryOfOption,
  expiryPosition,
  hasOption,
  INVALID_TIME,
  parseStringOptions,
  StringOption,
} from './strings-options.ts';

export function getCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (!existingKey(context, command, 1) || !context.store.get(context.key, reply, context.nowMs)) reply.nil();
}

/** Keys are looked up one by one into the reply; other threads may write between two of them. */
export function mgetCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const { store, key, nowMs } = context;
  const { count } = command;
  reply.array(count - 1);
  if (count === 2) {
    if (!existingKey(context, command, 1) || !store.get(key, reply, nowMs)) reply.nil();
    return;
  }
  for (let first = 1; first < count; first += REQUEST_PLACES) {
    const end = Math.min(count, first + REQUEST_PLACES);
    fetchKeys(context, command, first, end);
    let place = REQUEST_FIRST;
    for (let index = first; index < end; index += 1) {
      if (!existingKey(context, command, index)) {
        reply.nil();
        continue;
      }
      key.place = place;
      place += 1;
      if (!store.get(key, reply, nowMs)) reply.nil();
    }
  }
}

export function getdelCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (!existingKey(context, command, 1) || !context.store.delete(context.key, reply, context.nowMs)) reply.nil();
}

export function getexCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const options = parseStringOptions(command, 2, 'getex');
  if (options === BAD_OPTIONS) {
    reply.error(ErrorText.syntax);
    return;
  }
  if (options === 0) {
    getCommand(context, command, reply);
    return;
  }
  // `inspect` counts the hit or miss, which `read` does not.
  if (!existingKey(context, command, 1) || !context.store.inspect(context.key, context.info, true, context.nowMs)) {
    reply.nil();
    return;
  }
  getWithNewExpiry(context, command, options, reply);
  trimScratch(context);
}

/**
 * Reply and new expiry must belong to the same value, so the value is written back with the expiry, on the condition that
 * it is still the one that was read. A key that is missing answers nil before the time is even looked at, as in Redis.
 */
function getWithNewExpiry(context: KeyspaceContext, command: Command, options: number, reply: Reply): void {
  const { store, key, snapshot, writeOptions, nowMs } = context;
  for (;;) {
    if (!store.read(key, snapshot, nowMs)) {
      reply.nil();
      return;
    }
    let expiresAtMs = NO_EXPIRY;
    if (!hasOption(options, StringOption.persist)) {
      expiresAtMs = expiryOfOption(context, command, expiryPosition(options), options);
      if (refusedTime(expiresAtMs, 'getex', reply)) return;
      if (expiresAtMs <= nowMs) {
        if (!store.delete(key, reply, nowMs)) reply.nil();
        return;
      }
    }
    if (expiresAtMs === snapshot.expiresAtMs) {
      reply.bulk(snapshot.bytes, 0, snapshot.length);
      return;
    }
    writeOptions.reset();
    writeOptions.expiresAtMs = expiresAtMs;
    writeOptions.raw = snapshot.raw;
    writeOptions.ifUnchangedSince = snapshot;
    const result = store.set(key, snapshot.bytes, 0, snapshot.length, writeOptions, nowMs);
    if (result === WriteResult.stored) {
      reply.bulk(snapshot.bytes, 0, snapshot.length);
      return;
    }
    if (result === WriteResult.outOfMemory) {
      reply.error(ErrorText.outOfMemory);
      return;
    }
  }
}

/** Answers the error of a time that `expiryOfOption` or `timeArgument` refused. `name`: the command, for the text. */
export function refusedTime(time: number, name: string, reply: Reply): boolean {
  if (isNotInteger(time)) {
    reply.error(ErrorText.notAnInteger);
    return true;
  }
  if (time === INVALID_TIME) {
    reply.error(invalidExpireTime(name));
    return true;
  }
  return false;
}

export function strlenCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const found =
    existingKey(context, command, 1) && context.store.inspect(context.key, context.info, true, context.nowMs);
  reply.integer(found ? context.info.valueLength : 0);
}

/** GETRANGE and its old name SUBSTR: both ends count from the end where negative, and are inside the range. */
export function getrangeCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  let start = saturatedArgument(command, 2);
  const end = isNotInteger(start) ? start : saturatedArgument(command, 3);
  // Of two ends that lie beyond the safe range before the value, only the exact numbers tell the order.
  if (start === end && start === -BEYOND_SAFE && bigIntegerArgument(command, 2) > bigIntegerArgument(command, 3)) {
    start = -Number.MAX_SAFE_INTEGER;
  }
  if (isNotInteger(end)) {
    reply.error(ErrorText.notAnInteger);
    return;
  }
  const { store, key, info, snapshot, nowMs } = context;
  // Here too `inspect` counts the hit or miss; and many ranges turn out empty without a copy.
  const found = existingKey(context, command, 1) && store.inspect(key, info, true, nowMs);
  if (!found || rangeLength(start, end, info.valueLength) === 0 || !store.read(key, snapshot, nowMs)) {
    reply.bulk(EMPTY, 0, 0);
    return;
  }
  const length = rangeLength(start, end, snapshot.length);
  reply.bulk(snapshot.bytes, length === 0 ? 0 : rangeStart(start, snapshot.length), length);
  trimScratch(context);
}

function rangeStart(start: number, length: number): number {
  return start < 0 ? Math.max(length + start, 0) : start;
}

/** How many of `length` bytes lie in the range. */
function rangeLength(start: number, end: number, length: number): number {
  if (start < 0 && end < 0 && start > end) return 0;
  const first = rangeStart(start, length);
  const last = Math.min(end < 0 ? Math.max(length + end, 0) : end, length - 1);
  return first > last ? 0 : last - first + 1;
}

const EMPTY = new Uint8Array(0);
