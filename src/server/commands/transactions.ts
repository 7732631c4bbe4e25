/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH. Queueing is dispatch's work; EXEC runs the queue while all other threads stand
 * between batches, so nobody sees half of it.
 */
import { Command } from '../../protocol/command.ts';
import type { Reply } from '../../protocol/reply.ts';
import type { CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { Gate } from '../session.ts';
import type { Session } from '../session.ts';
import { TransactionQueue } from '../transaction-queue.ts';
import { existingKey } from './arguments.ts';
import { commandRow } from './row.ts';

function multiCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  const { session } = context;
  if (session.transaction !== null) {
    reply.error('ERR MULTI calls can not be nested');
    return;
  }
  session.transaction = new TransactionQueue();
  session.setGate(Gate.multi, true);
  reply.ok();
}

function discardCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  const { session, store } = context;
  if (session.transaction === null) {
    reply.error('ERR DISCARD without MULTI');
    return;
  }
  session.endTransaction(store);
  reply.ok();
}

function execCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  const { session, store } = context;
  const queue = session.transaction;
  // CLIENT REPLY is applied to each queued command's reply, since pushes between them are sent all the same; so
  // what EXEC itself answers is dropped here.
  if (queue === null) {
    if (!session.isMuted) reply.error('ERR EXEC without MULTI');
    return;
  }
  if (session.transactionFailed) {
    session.endTransaction(store);
    if (!session.isMuted) reply.error('EXECABORT Transaction discarded because of previous errors.');
    return;
  }
  store.beginExclusive();
  try {
    const touched = isTouched(context, session);
    session.endTransaction(store);
    if (!touched) runQueue(context, queue, reply);
    else if (!session.isMuted) reply.nilArray();
  } finally {
    store.endExclusive();
  }
}

function isTouched(context: ExecutionContext, session: Session): boolean {
  for (const watch of session.watches) {
    if (context.store.isTouched(watch, context.nowMs)) return true;
  }
  return false;
}

function runQueue(context: ExecutionContext, queue: TransactionQueue, reply: Reply): void {
  const command = new Command();
  if (!context.session.isMuted) reply.array(queue.count);
  for (let index = 0; index < queue.count; index += 1) {
    queue.load(index, command);
    context.control.runQueued(queue.entry(index), command, reply);
  }
}

function watchCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const { session, store } = context;
  if (session.transaction !== null) {
    reply.error('ERR WATCH inside MULTI is not allowed');
    return;
  }
  let { watchedBytes } = session;
  for (let index = 1; index < command.count; index += 1) watchedBytes += command.length(index) + WATCH_BYTES;
  if (watchedBytes > context.limits.transactionBytesMax) {
    reply.error(`ERR Watched keys exceed the limit of ${context.limits.transactionBytesMax} bytes`);
    return;
  }
  session.watchedBytes = watchedBytes;
  for (let index = 1; index < command.count; index += 1) {
    // A key too long to exist never changes.
    if (existingKey(context, command, index)) session.watches.push(store.watch(context.key, context.nowMs));
  }
  reply.ok();
}

function unwatchCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  context.session.unwatch(context.store);
  reply.ok();
}

/** What a watch costs beside its key, about. */
const WATCH_BYTES = 128;

export const TRANSACTION_COMMANDS: readonly CommandSpec[] = [
  commandRow({
    name: 'multi',
    changesConnection: true,
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    group: 'transactions',
    since: '1.2.0',
    syntax: '',
    summary: 'Begins a transaction: the commands that follow are queued.',
    categories: ['transaction'],
    handler: multiCommand,
  }),
  commandRow({
    name: 'exec',
    changesConnection: true,
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
    group: 'transactions',
    since: '1.2.0',
    syntax: '',
    summary: 'Runs the queued commands as one step, unless a watched key changed.',
    complexity: 'That of the queued commands',
    categories: ['transaction'],
    handler: execCommand,
  }),
  commandRow({
    name: 'discard',
    changesConnection: true,
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    group: 'transactions',
    since: '2.0.0',
    syntax: '',
    summary: 'Drops the queued commands and ends the transaction.',
    complexity: 'O(N) with N queued commands',
    categories: ['transaction'],
    handler: discardCommand,
  }),
  commandRow({
    name: 'watch',
    changesConnection: true,
    arity: -2,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    group: 'transactions',
    since: '2.2.0',
    syntax: 'key [key ...]',
    summary: 'Makes the next EXEC do nothing if one of these keys changes before it.',
    complexity: 'O(1) for every key',
    keys: [1, -1, 1],
    categories: ['transaction'],
    handler: watchCommand,
  }),
  commandRow({
    name: 'unwatch',
    changesConnection: true,
    arity: 1,
    flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
    group: 'transactions',
    since: '2.2.0',
    syntax: '',
    summary: 'Forgets all watched keys.',
    categories: ['transaction'],
    handler: unwatchCommand,
  }),
];
