/**
 * MSET and MSETNX: several keys as one step, with the other threads held between commands meanwhile.
 *
 * All or nothing also where memory runs out half-way. Redis refuses such a command before it begins and then lets it pass
 * the limit; this store never passes it, so a later pair may find no room. Deleting what was written would lose
 * values that were there before, and leaving it would show half a command. So, unless free memory makes that
 * impossible, the items that are about to be replaced are copied first and put back, the last one first. Putting back needs
 * no more memory than was in use before.
 */
import type { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import { ItemSnapshot, WriteResult } from '../../store/types.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { existingKey, valueFits, writableKey } from './arguments.ts';
import { ErrorText, wrongArity } from './error-text.ts';

/** Upper bound of what an item takes besides key and value: header, optional fields, padding, index slot. */
const ITEM_OVERHEAD_BYTES_MAX = 128;

export function msetCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (!checkPairs(context, command, 'mset', reply)) return;
  if (command.count === 3) {
    if (writePair(context, command, 1)) reply.ok();
    else reply.error(ErrorText.outOfMemory);
    return;
  }
  context.store.beginExclusive();
  try {
    if (writePairs(context, command)) reply.ok();
    else reply.error(ErrorText.outOfMemory);
  } finally {
    context.store.endExclusive();
  }
}

export function msetnxCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  if (!checkPairs(context, command, 'msetnx', reply)) return;
  context.store.beginExclusive();
  try {
    if (anyExists(context, command)) reply.integer(0);
    else if (writePairs(context, command)) reply.integer(1);
    else reply.error(ErrorText.outOfMemory);
  } finally {
    context.store.endExclusive();
  }
}

/** Checks count and sizes of all pairs before the first is written; answers the error. */
function checkPairs(context: KeyspaceContext, command: Command, name: string, reply: Reply): boolean {
  if (command.count % 2 === 0) {
    reply.error(wrongArity(name));
    return false;
  }
  for (let index = 1; index < command.count; index += 2) {
    if (!writableKey(context, command, index, reply)) return false;
    if (!valueFits(context, command.length(index + 1), reply)) return false;
  }
  return true;
}

function anyExists(context: KeyspaceContext, command: Command): boolean {
  for (let index = 1; index < command.count; index += 2) {
    if (existingKey(context, command, index) && context.store.has(context.key, context.nowMs)) return true;
  }
  return false;
}

/** Writes all pairs, or none and returns false. */
function writePairs(context: KeyspaceContext, command: Command): boolean {
  if (surelyFits(context, command)) {
    for (let index = 1; index < command.count; index += 2) {
      if (!writePair(context, command, index)) return false;
    }
    return true;
  }
  const replaced: ItemSnapshot[] = [];
  for (let index = 1; index < command.count; index += 2) {
    const old = new ItemSnapshot();
    existingKey(context, command, index);
    context.store.read(context.key, old, context.nowMs);
    if (!writePair(context, command, index)) {
      restore(context, command, replaced);
      return false;
    }
    replaced.push(old);
  }
  return true;
}

function writePair(context: KeyspaceContext, command: Command, index: number): boolean {
  existingKey(context, command, index);
  const { store, key, writeOptions, nowMs } = context;
  const start = command.start(index + 1);
  return (
    store.set(key, command.bytes, start, command.length(index + 1), writeOptions.reset(), nowMs) === WriteResult.stored
  );
}

/** Puts back what the first pairs replaced, the last one first, so that a key given twice ends as it began. */
function restore(context: KeyspaceContext, command: Command, replaced: readonly ItemSnapshot[]): void {
  const { store, key, writeOptions, nowMs } = context;
  for (let pair = replaced.length - 1; pair >= 0; pair -= 1) {
    const old = replaced[pair]!;
    existingKey(context, command, 1 + pair * 2);
    store.delete(key, null, nowMs);
    if (!old.found) continue;
    writeOptions.reset();
    writeOptions.expiresAtMs = old.expiresAtMs;
    writeOptions.raw = old.raw;
    store.set(key, old.bytes, 0, old.length, writeOptions, nowMs);
  }
}

/**
 * Whether free segments hold all pairs with certainty: twice their bytes, for segments that are not filled to the end,
 * and two segments more, for the index. Values of more than half a segment need segments in a row, so they never count as certain.
 */
function surelyFits(context: KeyspaceContext, command: Command): boolean {
  const stats = context.store.stats();
  let bytes = 0;
  for (let index = 1; index < command.count; index += 2) {
    const itemBytes = command.length(index) + command.length(index + 1) + ITEM_OVERHEAD_BYTES_MAX;
    if (itemBytes > stats.segmentBytes / 2) return false;
    bytes += itemBytes;
  }
  return (stats.freeSegmentCount - 2) * stats.segmentBytes >= bytes * 2;
}
