/**
 * The operations of the Shoal protocol on one key: what GET, SET, DEL, EXISTS, INCRBY, PEXPIRE and PERSIST are there. Their rows are
 * those of the commands, their counting of hits and misses too.
 */
import { TWO_TO_32, readInt32, readU32 } from '../../protocol/shoal/bytes.ts';
import { Flag, Status } from '../../protocol/shoal/frame.ts';
import { KEY_ARGUMENT, type Operation, VALUE_ARGUMENT } from '../../protocol/shoal/operation.ts';
import type { OperationReply } from '../../protocol/shoal/operation-reply.ts';
import { ExpireCondition, NO_EXPIRY, WriteCondition, WriteResult } from '../../store/types.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { existingKey, trimScratch, valueFits, writableKey } from './arguments.ts';
import { addToCounter } from './counter-sum.ts';
import { ErrorText } from './error-text.ts';

export function getOperation(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  const found = existingKey(context, operation, KEY_ARGUMENT);
  if (operation.has(Flag.wantVersion | Flag.wantTtl)) {
    if (!found || !readWithFields(context, operation, reply)) reply.answer(Status.miss);
    trimScratch(context);
    return;
  }
  if (!found || !context.store.get(context.key, reply, context.nowMs)) reply.answer(Status.miss);
}

/** Fields and value must be of one moment, so the item is copied first. */
function readWithFields(context: ExecutionContext, operation: Operation, reply: OperationReply): boolean {
  const { store, key, info, snapshot, nowMs } = context;
  // `inspect` counts the hit or miss, which `read` does not.
  if (!store.inspect(key, info, false, nowMs) || !store.read(key, snapshot, nowMs)) return false;
  if (operation.has(Flag.wantTtl) && snapshot.expiresAtMs !== NO_EXPIRY) {
    reply.withTimeToLive(Math.max(1, Math.ceil(snapshot.expiresAtMs - nowMs)));
  }
  if (operation.has(Flag.wantVersion)) answerWithVersion(context, snapshot.bytes, 0, snapshot.length, reply);
  reply.bulk(snapshot.bytes, 0, snapshot.length);
  return true;
}

export function setOperation(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  const length = operation.length(VALUE_ARGUMENT);
  if (!writableKey(context, operation, KEY_ARGUMENT, reply) || !valueFits(context, length, reply)) return;
  const { writeOptions, nowMs } = context;
  writeOptions.reset();
  if (operation.has(Flag.ttl)) writeOptions.expiresAtMs = nowMs + operation.ttlMs;
  writeOptions.keepExpiry = operation.has(Flag.keepTtl);
  if (operation.has(Flag.ifAbsent)) writeOptions.condition = WriteCondition.ifAbsent;
  if (operation.has(Flag.ifPresent)) writeOptions.condition = WriteCondition.ifPresent;
  if (operation.has(Flag.version)) {
    replaceVersion(context, operation, reply);
    trimScratch(context);
  } else answerWrite(context, operation, write(context, operation), reply);
}

/** Writes if the item's version is that of the operation; read again where somebody writes in between. */
function replaceVersion(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  const { store, key, snapshot, writeOptions, nowMs } = context;
  const { itemVersions } = context.node;
  writeOptions.ifUnchangedSince = snapshot;
  for (;;) {
    if (!store.read(key, snapshot, nowMs)) {
      reply.answer(Status.miss);
      return;
    }
    itemVersions.compute(snapshot.bytes, 0, snapshot.length);
    if (itemVersions.low !== operation.versionLow || itemVersions.high !== operation.versionHigh) {
      reply.answer(Status.conflict);
      return;
    }
    const result = write(context, operation);
    if (result === WriteResult.conflict) continue;
    answerWrite(context, operation, result, reply);
    return;
  }
}

function write(context: ExecutionContext, operation: Operation): WriteResult {
  const { store, key, writeOptions, nowMs } = context;
  const start = operation.start(VALUE_ARGUMENT);
  return store.set(key, operation.bytes, start, operation.length(VALUE_ARGUMENT), writeOptions, nowMs);
}

function answerWrite(
  context: ExecutionContext,
  operation: Operation,
  result: WriteResult,
  reply: OperationReply,
): void {
  if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
  else if (result === WriteResult.notStored) reply.answer(Status.notStored);
  else {
    if (operation.has(Flag.wantVersion)) {
      const start = operation.start(VALUE_ARGUMENT);
      answerWithVersion(context, operation.bytes, start, operation.length(VALUE_ARGUMENT), reply);
    }
    reply.ok();
  }
}

function answerWithVersion(
  context: ExecutionContext,
  bytes: Uint8Array,
  start: number,
  length: number,
  reply: OperationReply,
): void {
  const { itemVersions } = context.node;
  itemVersions.compute(bytes, start, length);
  reply.withVersion(itemVersions.low, itemVersions.high);
}

export function deleteOperation(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  const found = existingKey(context, operation, KEY_ARGUMENT) && context.store.delete(context.key, null, context.nowMs);
  reply.answer(found ? Status.ok : Status.miss);
}

export function existsOperation(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  const { store, key, info, nowMs } = context;
  const found = existingKey(context, operation, KEY_ARGUMENT) && store.inspect(key, info, false, nowMs);
  reply.answer(found ? Status.ok : Status.miss);
}

/** A time to live is for a counter that begins here: one that counts already keeps its own, so that a window of time stays what it was. */
export function incrementOperation(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  const start = operation.start(VALUE_ARGUMENT);
  const amount = readInt32(operation.bytes, start + 4) * TWO_TO_32 + readU32(operation.bytes, start);
  const longAmount = Number.isSafeInteger(amount) ? 0n : readBigInt64(operation.bytes, start);
  const expiresAtMs = operation.has(Flag.ttl) ? context.nowMs + operation.ttlMs : NO_EXPIRY;
  addToCounter(context, operation, amount, longAmount, expiresAtMs, reply);
}

function readBigInt64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readInt32(bytes, at + 4)) << 32n) | BigInt(readU32(bytes, at));
}

export function touchOperation(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  if (!existingKey(context, operation, KEY_ARGUMENT)) {
    reply.answer(Status.miss);
    return;
  }
  const { store, key, nowMs } = context;
  const expiresAtMs = operation.has(Flag.ttl) ? nowMs + operation.ttlMs : NO_EXPIRY;
  const result = store.expire(key, expiresAtMs, ExpireCondition.always, nowMs);
  // To take an expiry away where there is none stores nothing, and is done all the same.
  const there = result === WriteResult.stored || (expiresAtMs === NO_EXPIRY && store.has(key, nowMs));
  if (result === WriteResult.outOfMemory) reply.error(ErrorText.outOfMemory);
  else reply.answer(there ? Status.ok : Status.miss);
}

export function pingOperation(_context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  reply.bulk(operation.bytes, operation.start(VALUE_ARGUMENT), operation.length(VALUE_ARGUMENT));
}
