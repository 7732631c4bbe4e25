/**
 * What the handlers of key and string commands have in common: reading arguments as keys, integers and values under the
 * limits of node and store, and the scratch buffers of read-modify-write. Nothing here allocates, apart from scratch that grows.
 *
 * A key over the key limit is never given to the store. For a read it is simply a key that does not exist; only a
 * command that would create it answers an error.
 */
import { equalBytes } from '../../base/bytes.ts';
import type { Command } from '../../protocol/command.ts';
import { BEYOND_SAFE, parseBigInteger, parseInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { REQUEST_FIRST } from '../../store/keys-ahead.ts';
import type { ItemSnapshot, Key } from '../../store/types.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { ErrorText, keyTooLong } from './error-text.ts';

/** Scratch above this is given back after the command, so that one large value does not hold memory for good. */
const SCRATCH_BYTES_KEPT = 1024 * 1024;
const SCRATCH_BYTES_INITIAL = 1024;

/** The part of a reply that a refusal takes, in any protocol. */
export type ErrorReply = Pick<Reply, 'error'>;

/** Takes argument `index` as the key in `context.key`. False where it is too long to exist. */
export function existingKey(context: KeyspaceContext, command: Command, index: number): boolean {
  return assignKey(context, context.key, command, index, context.database);
}

/** Takes argument `index` as the key in `context.key`, to be written. False where it is too long: the error is answered. */
export function writableKey(context: KeyspaceContext, command: Command, index: number, reply: ErrorReply): boolean {
  if (assignKey(context, context.key, command, index, context.database)) return true;
  reply.error(keyTooLong(command.length(index), keyBytesMax(context)));
  return false;
}

/**
 * Has the values of the arguments from `first` up to `end` fetched, of which there are REQUEST_PLACES at most: those that can be keys
 * get the places from REQUEST_FIRST on, in order.
 */
export function fetchKeys(context: KeyspaceContext, command: Command, first: number, end: number): void {
  const { keysAhead } = context.store;
  const { key } = context;
  keysAhead.begin(REQUEST_FIRST);
  for (let index = first; index < end; index += 1) {
    if (existingKey(context, command, index)) keysAhead.note(key.bytes, key.start, key.length, key.database, true);
  }
  keysAhead.fetch(REQUEST_FIRST);
}

/** As `writableKey`, for `context.otherKey` in any database. */
export function writableOtherKey(
  context: KeyspaceContext,
  command: Command,
  index: number,
  database: number,
  reply: ErrorReply,
): boolean {
  if (assignKey(context, context.otherKey, command, index, database)) return true;
  reply.error(keyTooLong(command.length(index), keyBytesMax(context)));
  return false;
}

function assignKey(context: KeyspaceContext, key: Key, command: Command, index: number, database: number): boolean {
  const length = command.length(index);
  if (length > keyBytesMax(context)) return false;
  key.assign(command.bytes, command.start(index), length, database);
  if (index === 1) key.place = command.keyPlace;
  return true;
}

/** Longest key that may be written. */
export function keyBytesMax(context: KeyspaceContext): number {
  return Math.min(context.limits.keyBytesMax, context.store.keyBytesMax);
}

/** Longest value that may be stored. */
export function valueBytesMax(context: KeyspaceContext): number {
  return Math.min(context.limits.valueBytesMax, context.store.valueBytesMax);
}

/** Whether a value of `length` bytes may be stored; answers the error where not. */
export function valueFits(context: KeyspaceContext, length: number, reply: ErrorReply): boolean {
  if (length <= valueBytesMax(context)) return true;
  reply.error(ErrorText.valueTooLong);
  return false;
}

/**
 * Argument `index` as a 64-bit integer by Redis's rule: a safe number, or NOT_INTEGER, or BEYOND_SAFE where only
 * `bigIntegerArgument` has it.
 */
export function integerArgument(command: Command, index: number): number {
  return parseInteger(command.bytes, command.start(index), command.length(index));
}

/** The exact value of an argument that `integerArgument` found to be an integer. Allocates. */
export function bigIntegerArgument(command: Command, index: number): bigint {
  return parseBigInteger(command.bytes, command.start(index), command.length(index)) ?? 0n;
}

/**
 * As `integerArgument`, but integers beyond the safe range become the infinity of their sign: enough for
 * offsets and counts, which mean the same whatever they exceed the data by.
 */
export function saturatedArgument(command: Command, index: number): number {
  const value = integerArgument(command, index);
  return value === BEYOND_SAFE && command.bytes[command.start(index)] === MINUS ? -BEYOND_SAFE : value;
}

/**
 * Argument `index` as an error may quote it: up to a zero byte or `bytesMax`, as Redis's texts do, and byte for byte (see
 * `RespWriter.error`). Allocates.
 */
export function quotedArgument(command: Command, index: number, bytesMax: number): string {
  const start = command.start(index);
  const length = Math.min(command.length(index), bytesMax);
  let text = '';
  for (let offset = 0; offset < length; offset += 1) {
    const byte = command.bytes[start + offset]!;
    if (byte === 0) break;
    text += String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
  }
  return text;
}

/** Whether two arguments hold the same bytes. */
export function sameArguments(command: Command, left: number, right: number): boolean {
  const length = command.length(left);
  const { bytes } = command;
  return (
    length === command.length(right) && equalBytes(bytes, command.start(left), bytes, command.start(right), length)
  );
}

/**
 * At least `length` bytes to build a value in: those of `context.otherSnapshot`, because the value that was read stays in
 * `context.snapshot` until the write has compared with it. What they held is lost.
 */
export function scratchBytes(context: KeyspaceContext, length: number): Uint8Array {
  const scratch = context.otherSnapshot;
  if (scratch.bytes.length < length) scratch.bytes = Buffer.allocUnsafe(Math.max(length, scratch.bytes.length * 2));
  return scratch.bytes;
}

/** Gives back scratch that a large value made large. At the end of each command that uses it. */
export function trimScratch(context: KeyspaceContext): void {
  trim(context.snapshot);
  trim(context.otherSnapshot);
}

function trim(snapshot: ItemSnapshot): void {
  if (snapshot.bytes.length > SCRATCH_BYTES_KEPT) snapshot.bytes = Buffer.alloc(SCRATCH_BYTES_INITIAL);
}

const MINUS = 0x2d;
