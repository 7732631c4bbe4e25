/**
 * Writing one string: SET with all its options, SETNX, SETEX, PSETEX, GETSET, APPEND, SETRANGE.
 */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { WriteCondition, WriteResult } from '../../store/types.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { saturatedArgument, scratchBytes, trimScratch, valueFits, writableKey } from './arguments.ts';
import { ErrorText } from './error-text.ts';
import {
  BAD_OPTIONS,
  expiryOfOption,
  expiryPosition,
  hasOption,
  parseStringOptions,
  StringOption,
} from './strings-options.ts';
import { refusedTime } from './strings-read.ts';

export function setCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const options = command.count === 3 ? 0 : parseStringOptions(command, 3, 'set');
  if (options === BAD_OPTIONS) {
    reply.error(ErrorText.syntax);
    return;
  }
  const { writeOptions } = context;
  writeOptions.reset();
  const position = expiryPosition(options);
  if (position !== 0) {
    writeOptions.expiresAtMs = expiryOfOption(context, command, position, options);
    if (refusedTime(writeOptions.expiresAtMs, 'set', reply)) return;
  }
  writeOptions.keepExpiry = hasOption(options, StringOption.keepExpiry);
  if (hasOption(options, StringOption.ifAbsent)) writeOptions.condition = WriteCondition.ifAbsent;
  if (hasOption(options, StringOption.ifPresent)) writeOptions.condition = WriteCondition.ifPresent;
  if (hasOption(options, StringOption.get)) {
    writeAndAnswerOld(context, command, reply);
    return;
  }
  const result = writeArgument(context, command, 2, reply);
  if (result === WriteResult.stored) reply.ok();
  else if (result === WriteResult.notStored) reply.nil();
}

/**
 * SET … GET and GETSET, as `context.writeOptions` say: answers what was there before, whether or not it was replaced. The old value
 * is read first, and the write holds only if it is still there; so nothing is answered that was not replaced.
 */
function writeAndAnswerOld(context: KeyspaceContext, command: Command, reply: Reply): void {
  const { store, key, snapshot, writeOptions, nowMs } = context;
  const { condition } = writeOptions;
  if (!writableKey(context, command, 1, reply) || !valueFits(context, command.length(2), reply)) return;
  writeOptions.ifUnchangedSince = snapshot;
  for (;;) {
    const found = store.read(key, snapshot, nowMs);
    const wanted = condition === WriteCondition.always || (condition === WriteCondition.ifPresent) === found;
    const result = wanted
      ? store.set(key, command.bytes, command.start(2), command.length(2), writeOptions, nowMs)
      : WriteResult.notStored;
    if (result === WriteResult.conflict) continue;
    if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
    else if (found) reply.bulk(snapshot.bytes, 0, snapshot.length);
    else reply.nil();
    break;
  }
  trimScratch(context);
}

export function setnxCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  context.writeOptions.reset().condition = WriteCondition.ifAbsent;
  const result = writeArgument(context, command, 2, reply);
  if (result !== WriteResult.outOfMemory) reply.integer(result === WriteResult.stored ? 1 : 0);
}

export function setexCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  setWithExpiry(context, command, StringOption.seconds, 'setex', reply);
}

export function psetexCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  setWithExpiry(context, command, StringOption.milliseconds, 'psetex', reply);
}

function setWithExpiry(context: KeyspaceContext, command: Command, unit: number, name: string, reply: Reply): void {
  const expiresAtMs = expiryOfOption(context, command, 2, unit);
  if (refusedTime(expiresAtMs, name, reply)) return;
  context.writeOptions.reset().expiresAtMs = expiresAtMs;
  if (writeArgument(context, command, 3, reply) === WriteResult.stored) reply.ok();
}

export function getsetCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  context.writeOptions.reset();
  writeAndAnswerOld(context, command, reply);
}

/**
 * Writes argument `valueIndex` at the key in argument 1 as `context.writeOptions` say. Where it is refused for its size or for
 * lack of memory, the error is answered and the result is `outOfMemory`.
 */
function writeArgument(context: KeyspaceContext, command: Command, valueIndex: number, reply: Reply): WriteResult {
  const length = command.length(valueIndex);
  if (!writableKey(context, command, 1, reply) || !valueFits(context, length, reply)) return WriteResult.outOfMemory;
  const { store, key, writeOptions, nowMs } = context;
  const result = store.set(key, command.bytes, command.start(valueIndex), length, writeOptions, nowMs);
  if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
  return result;
}

/** A value that APPEND creates is like one that SET wrote; one that it extends counts as `raw`. */
export function appendCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const { store, key, snapshot, writeOptions, nowMs } = context;
  const addedStart = command.start(2);
  const added = command.length(2);
  if (!writableKey(context, command, 1, reply)) return;
  for (;;) {
    const found = store.read(key, snapshot, nowMs);
    const length = found ? snapshot.length + added : added;
    if (!valueFits(context, length, reply)) break;
    const bytes = scratchBytes(context, length);
    if (found) bytes.set(snapshot.bytes.subarray(0, snapshot.length));
    bytes.set(command.bytes.subarray(addedStart, addedStart + added), length - added);
    writeOptions.reset();
    writeOptions.raw = found;
    if (replaceRead(context, bytes, length, reply)) break;
  }
  trimScratch(context);
}

export function setrangeCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const offset = saturatedArgument(command, 2);
  if (isNotInteger(offset) || offset < 0) {
    reply.error(isNotInteger(offset) ? ErrorText.notAnInteger : ErrorText.offsetOutOfRange);
    return;
  }
  if (!writableKey(context, command, 1, reply)) return;
  if (command.length(3) === 0) {
    const found = context.store.inspect(context.key, context.info, false, context.nowMs);
    reply.integer(found ? context.info.valueLength : 0);
    return;
  }
  if (!valueFits(context, offset + command.length(3), reply)) return;
  overwriteAt(context, command, offset, reply);
  trimScratch(context);
}

function overwriteAt(context: KeyspaceContext, command: Command, offset: number, reply: Reply): void {
  const { store, key, snapshot, writeOptions, nowMs } = context;
  const writtenStart = command.start(3);
  const written = command.length(3);
  for (;;) {
    const oldLength = store.read(key, snapshot, nowMs) ? snapshot.length : 0;
    const length = Math.max(oldLength, offset + written);
    const bytes = scratchBytes(context, length);
    bytes.set(snapshot.bytes.subarray(0, oldLength));
    if (offset > oldLength) bytes.fill(0, oldLength, offset);
    bytes.set(command.bytes.subarray(writtenStart, writtenStart + written), offset);
    writeOptions.reset();
    writeOptions.raw = true;
    if (replaceRead(context, bytes, length, reply)) return;
  }
}

/**
 * Writes the value that was built from `context.snapshot`, keeping its expiry, and answers the new length. False where the
 * key was written in between: read and build again.
 */
function replaceRead(context: KeyspaceContext, bytes: Uint8Array, length: number, reply: Reply): boolean {
  const { store, key, snapshot, writeOptions, nowMs } = context;
  writeOptions.keepExpiry = true;
  writeOptions.ifUnchangedSince = snapshot;
  const result = store.set(key, bytes, 0, length, writeOptions, nowMs);
  if (result === WriteResult.conflict) return false;
  if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
  else reply.integer(length);
  return true;
}
