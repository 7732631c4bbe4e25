/**
 * KEYS and SCAN. Both gather the matching keys first, because the size of the reply's array is sent before its elements.
 *
 * SCAN's cursor is the store's: the place in the index to go on from. COUNT is how many keys are looked at, as in Redis,
 * and the number of empty buckets passed in one call is bounded, so a call over a sparse index stays short.
 * KEYS is one step for all threads: it sees no key twice while the index grows.
 */
import { globMatches, isMatchAll } from '../../base/glob.ts';
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { KeyBatch } from '../../store/key-batch.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { KeyspaceContext } from '../execution-context.ts';
import { saturatedArgument } from './arguments.ts';
import { ErrorText } from './error-text.ts';
import { commandRow } from './row.ts';

const COUNT_DEFAULT = 10;
/** Buckets visited by one call for each key asked for, as in Redis. */
const BUCKETS_PER_KEY_MAX = 10;
/**
 * And at least so many: all those of an index of one default segment, so that a small database is scanned in one
 * call, as people expect who try `SCAN 0`. An empty bucket costs some 50 ns.
 */
const BUCKETS_MIN = 16_384;

export function keysCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  const { store, batch, database, nowMs } = context;
  const found = new KeyBatch();
  store.beginExclusive();
  try {
    let cursor = 0;
    do {
      cursor = store.scan(cursor, database, batch, nowMs);
      addMatching(batch, command, 1, found);
    } while (cursor !== 0);
  } finally {
    store.endExclusive();
  }
  answerKeys(found, reply);
}

export function scanCommand(context: KeyspaceContext, command: Command, reply: Reply): void {
  let cursor = parseCursor(command, 1);
  if (cursor === INVALID_CURSOR) {
    reply.error(ErrorText.invalidCursor);
    return;
  }
  let count = COUNT_DEFAULT;
  let patternIndex = 0;
  let typeIndex = 0;
  for (let index = 2; index < command.count; index += 2) {
    const hasNext = index + 1 < command.count;
    if (hasNext && command.is(index, 'COUNT')) {
      count = saturatedArgument(command, index + 1);
      if (isNotInteger(count) || count < 1) {
        reply.error(isNotInteger(count) ? ErrorText.notAnInteger : ErrorText.syntax);
        return;
      }
    } else if (hasNext && command.is(index, 'MATCH')) {
      patternIndex = index + 1;
    } else if (hasNext && command.is(index, 'TYPE')) {
      typeIndex = index + 1;
    } else {
      reply.error(ErrorText.syntax);
      return;
    }
  }
  // Every key here is a string, so any other type has none; the iteration goes on all the same.
  const wanted = typeIndex === 0 || command.is(typeIndex, 'STRING');
  const found = new KeyBatch();
  cursor = gather(context, command, { cursor, count, patternIndex, wanted }, found);
  reply.array(2);
  reply.bulkText(String(cursor));
  answerKeys(found, reply);
}

interface ScanRequest {
  readonly cursor: number;
  readonly count: number;
  /** 0: all keys match. */
  readonly patternIndex: number;
  readonly wanted: boolean;
}

/** Adds what one call finds to `found` and returns the cursor to go on from. */
function gather(context: KeyspaceContext, command: Command, request: ScanRequest, found: KeyBatch): number {
  const { store, batch, database, nowMs } = context;
  let cursor = request.cursor;
  let buckets = Math.max(BUCKETS_MIN, request.count * BUCKETS_PER_KEY_MAX);
  let visited = 0;
  do {
    cursor = store.scan(cursor, database, batch, nowMs);
    visited += batch.count;
    buckets -= 1;
    if (request.wanted) addMatching(batch, command, request.patternIndex, found);
  } while (cursor !== 0 && visited < request.count && buckets > 0);
  return cursor;
}

/** Copies the keys of `batch` that fit the pattern in argument `patternIndex` to `found`. */
function addMatching(batch: KeyBatch, command: Command, patternIndex: number, found: KeyBatch): void {
  const patternStart = command.start(patternIndex);
  const patternLength = command.length(patternIndex);
  const all = patternIndex === 0 || isMatchAll(command.bytes, patternStart, patternLength);
  for (let index = 0; index < batch.count; index += 1) {
    const start = batch.starts[index]!;
    const length = batch.lengths[index]!;
    if (!all && !globMatches(command.bytes, patternStart, patternLength, batch.bytes, start, length)) continue;
    while (!found.fits(length)) found.grow(length);
    found.bytes.set(batch.bytes.subarray(start, start + length), found.add(length, batch.namespaces[index]!));
  }
}

function answerKeys(found: KeyBatch, reply: Reply): void {
  reply.array(found.count);
  for (let index = 0; index < found.count; index += 1)
    reply.bulk(found.bytes, found.starts[index]!, found.lengths[index]!);
}

const INVALID_CURSOR = -1;
/** Largest cursor that Redis takes: 2^64 - 1. */
const CURSOR_MAX = 2n ** 64n - 1n;
const CURSOR_TEXT = /^[+-]?(\d+)$/;
/** Longer texts are not looked at: no cursor of ours has more digits. */
const CURSOR_BYTES_MAX = 128;

/**
 * The cursor in argument `index`. Redis reads it with `strtoul`, so the empty text is 0 and signs are taken. Cursors that
 * this store never gave (beyond 2^53 - 1) end the iteration at once.
 */
function parseCursor(command: Command, index: number): number {
  const length = command.length(index);
  if (length === 0) return 0;
  if (length > CURSOR_BYTES_MAX) return INVALID_CURSOR;
  const digits = CURSOR_TEXT.exec(command.text(index))?.[1];
  if (digits === undefined || BigInt(digits) > CURSOR_MAX) return INVALID_CURSOR;
  const value = command.bytes[command.start(index)] === MINUS ? -BigInt(digits) : BigInt(digits);
  const cursor = BigInt.asUintN(64, value);
  return cursor > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(cursor);
}

const MINUS = 0x2d;

const READ: readonly CommandFlag[] = ['readonly'];

export const SCAN_COMMANDS: readonly CommandSpec[] = [
  commandRow({
    name: 'keys',
    arity: 2,
    flags: READ,
    group: 'generic',
    categories: ['keyspace', 'dangerous'],
    since: '1.0.0',
    complexity: 'O(N) for N keys stored',
    syntax: 'pattern',
    summary: 'Answers all keys that match a pattern.',
    handler: keysCommand,
  }),
  commandRow({
    name: 'scan',
    arity: -2,
    flags: READ,
    group: 'generic',
    categories: ['keyspace'],
    since: '2.8.0',
    complexity: 'O(1) a call, O(N) for all N keys stored',
    syntax: 'cursor [MATCH pattern] [COUNT count] [TYPE type]',
    summary: 'Answers some of the keys and a cursor to ask for more.',
    handler: scanCommand,
  }),
];
