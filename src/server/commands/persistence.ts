/**
 * What is kept on disk, by Redis's names: SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, WAITAOF, SHUTDOWN. A snapshot and a rewritten log are the same thing here, and the
 * disk thread makes them: a data thread asks, and nobody else waits.
 */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { Figure, type PersistenceState } from '../../persistence/persistence-state.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import type { ThreadPersistence } from '../persistence/thread-persistence.ts';
import { type ReplyWait, WaitState } from '../reply-gate/reply-wait.ts';
import { integerArgument } from './arguments.ts';
import { ErrorText } from './error-text.ts';
import { commandRow } from './row.ts';

const NOTHING_KEPT = 'ERR This server keeps nothing on disk: start it with a data folder (--data-dir)';
const SAVING_ALREADY = 'ERR Background save already in progress';

/** Answers when the snapshot is complete; inside EXEC Redis refuses it, and so does its row. */
function saveCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  const { persistence } = context.node;
  if (persistence === null) reply.error(NOTHING_KEPT);
  else if (persistence.state.isSaving) reply.error(SAVING_ALREADY);
  else {
    const { state } = persistence;
    const mark = state.requestSave();
    const wait = new SnapshotWait(state);
    const blocked = context.control.block(context.session, {
      wait,
      mark,
      deadlineMs: Number.POSITIVE_INFINITY,
      endsEarly: false,
      answer: (late, outcome) => (outcome === WaitState.over ? late.ok() : late.error(saveFailure(state))),
    });
    // Nothing may wait here; then what was asked for comes in the background.
    if (!blocked) reply.simple('Background saving started');
  }
}

function backgroundSaveCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const schedules = command.count > 1 && command.is(1, 'SCHEDULE');
  const { persistence } = context.node;
  if (command.count > 2 || (command.count === 2 && !schedules)) reply.error(ErrorText.syntax);
  else if (persistence === null) reply.error(NOTHING_KEPT);
  else if (persistence.state.isSaving && !schedules) reply.error(SAVING_ALREADY);
  else reply.simple(startSaving(context, persistence.state, 'Background saving'));
}

function rewriteLogCommand(context: ExecutionContext, _command: Command, reply: Reply): void {
  const { persistence } = context.node;
  if (persistence === null) reply.error(NOTHING_KEPT);
  else reply.simple(startSaving(context, persistence.state, 'Background append only file rewriting'));
}

/** Asks for a snapshot that begins from now on, and says of `what` whether that is at once: as in Redis, not for EXEC. */
function startSaving({ control }: ExecutionContext, state: PersistenceState, what: string): string {
  const isLater = state.isSaving || control.runsTransaction;
  state.requestSave();
  return `${what} ${isLater ? 'scheduled' : 'started'}`;
}

/** As in Redis, the start of the server where there was none. */
function lastSaveCommand({ node }: ExecutionContext, _command: Command, reply: Reply): void {
  const lastSaveMs = node.persistence?.state.figure(Figure.lastSaveMs) ?? 0;
  reply.integer(Math.floor((lastSaveMs === 0 ? node.identity.startedAtMs : lastSaveMs) / 1000));
}

/** Without an answer: the connection ends with the node. */
function shutdownCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const words = new Set<string>();
  for (let index = 1; index < command.count; index += 1) words.add(command.text(index).toUpperCase());
  const { persistence, askToStop } = context.node;
  const isKnown = [...words].every((word) => SHUTDOWN_WORDS.has(word));
  const isTwofold = words.has('SAVE') && words.has('NOSAVE');
  if (!isKnown || isTwofold || (words.has('ABORT') && words.size > 1)) reply.error(ErrorText.syntax);
  else if (words.has('ABORT')) reply.error('ERR No shutdown in progress.');
  else if (askToStop === null) reply.error('ERR This node is part of an application, which stops it');
  else if (persistence === null && words.has('SAVE')) reply.error(NOTHING_KEPT);
  else if (persistence?.isFailing === true && !words.has('FORCE') && !words.has('NOSAVE')) {
    reply.error('ERR Errors trying to SHUTDOWN. Check logs.');
  } else {
    const wait = { holdsRequests: false, look: () => WaitState.waiting };
    const answer = (late: Reply): void => late.ok();
    context.control.block(context.session, {
      wait,
      mark: 0,
      deadlineMs: Number.POSITIVE_INFINITY,
      endsEarly: false,
      answer,
    });
    askToStop(words.has('NOSAVE') ? 'discard' : 'save');
  }
}

/** Answers how many have the session's writes so far: this node's disk, and replicas, of which there are none. */
function waitForLogCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const localCount = integerArgument(command, 1);
  const replicaCount = integerArgument(command, 2);
  const timeoutMs = integerArgument(command, 3);
  const { session, node } = context;
  const { persistence } = node;
  if (isNotInteger(localCount) || localCount < 0 || localCount > 1) {
    reply.error('ERR value is out of range, value must between 0 and 1');
  } else if (isNotInteger(replicaCount) || replicaCount < 0) {
    reply.error('ERR value is out of range, must be positive');
  } else if (isNotInteger(timeoutMs)) reply.error('ERR timeout is not an integer or out of range');
  else if (timeoutMs < 0) reply.error('ERR timeout is negative');
  else if (localCount > 0 && persistence?.mode !== 'log') {
    reply.error('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.');
  } else if (persistence?.mode !== 'log') answerCopies(reply, 0);
  else {
    const mark = persistence.markOf(session);
    const isDone = localCount === 0 || mark === null || persistence.state.isDurable(mark);
    const answer = (late: Reply): void => answerCopies(late, isLasting(persistence, mark) ? 1 : 0);
    const deadlineMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : node.clock.monotonicMs() + timeoutMs;
    // Redis goes on waiting while a disk fails: it may be mended, and who asks says how long.
    const wait = new LogWait(persistence.state);
    if (isDone || !context.control.block(session, { wait, mark: mark ?? 0, deadlineMs, endsEarly: true, answer }))
      answer(reply);
    else persistence.state.wake();
  }
}

function isLasting({ state }: ThreadPersistence, mark: number | null): boolean {
  return mark === null || state.isDurable(mark);
}

function answerCopies(reply: Reply, localCount: number): void {
  reply.array(2);
  reply.integer(localCount);
  reply.integer(0);
}

function saveFailure(state: PersistenceState): string {
  return `ERR The snapshot could not be written: ${state.failure === '' ? 'the log says why' : state.failure}`;
}

/** Until the snapshot of a ticket is complete, or has failed. */
class SnapshotWait implements ReplyWait {
  readonly holdsRequests = false;
  private readonly state: PersistenceState;

  constructor(state: PersistenceState) {
    this.state = state;
  }

  look(mark: number): WaitState {
    const outcome = this.state.saveOutcome(mark);
    // Where the disk thread ends, or has died, nobody will say.
    if (outcome === 'pending') return this.state.isStopping ? WaitState.broken : WaitState.waiting;
    return outcome === 'done' ? WaitState.over : WaitState.broken;
  }
}

/** Until changes survive a loss of power, whatever becomes of the disk meanwhile. */
class LogWait implements ReplyWait {
  readonly holdsRequests = false;
  private readonly state: PersistenceState;

  constructor(state: PersistenceState) {
    this.state = state;
  }

  look(mark: number): WaitState {
    return this.state.isDurable(mark) ? WaitState.over : WaitState.waiting;
  }
}

const SHUTDOWN_WORDS: ReadonlySet<string> = new Set(['NOSAVE', 'SAVE', 'NOW', 'FORCE', 'ABORT']);
const ADMIN: readonly CommandFlag[] = ['admin', 'noscript', 'no_async_loading'];

export const PERSISTENCE_COMMANDS: readonly CommandSpec[] = [
  commandRow({
    name: 'save',
    arity: 1,
    flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
    group: 'server',
    since: '1.0.0',
    syntax: '',
    summary: 'Writes everything to disk, and answers when it is there.',
    complexity: 'O(N) with N keys',
    mayBlock: true,
    handler: saveCommand,
  }),
  commandRow({
    name: 'bgsave',
    arity: -1,
    flags: ADMIN,
    group: 'server',
    since: '1.0.0',
    syntax: '[SCHEDULE]',
    summary: 'Begins to write everything to disk.',
    handler: backgroundSaveCommand,
  }),
  commandRow({
    name: 'lastsave',
    arity: 1,
    flags: ['loading', 'stale', 'fast'],
    group: 'server',
    since: '1.0.0',
    syntax: '',
    summary: 'Answers when everything was last written to disk: seconds since 1970.',
    categories: ['admin', 'dangerous'],
    handler: lastSaveCommand,
  }),
  commandRow({
    name: 'bgrewriteaof',
    arity: 1,
    flags: ADMIN,
    group: 'server',
    since: '1.0.0',
    syntax: '',
    summary: 'Begins to write everything to disk, in place of the log of changes so far.',
    handler: rewriteLogCommand,
  }),
  commandRow({
    name: 'waitaof',
    arity: 4,
    flags: ['noscript', 'blocking'],
    group: 'generic',
    since: '7.2.0',
    syntax: 'numlocal numreplicas timeout',
    summary: 'Waits until the writes so far survive a loss of power, and answers on how many disks they do.',
    categories: ['connection'],
    mayBlock: true,
    handler: waitForLogCommand,
  }),
  commandRow({
    name: 'shutdown',
    arity: -1,
    flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
    group: 'server',
    since: '1.0.0',
    syntax: '[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]',
    summary: 'Writes what is to be kept, and ends the server.',
    complexity: 'O(N) with N keys that are written',
    mayBlock: true,
    handler: shutdownCommand,
  }),
];
