/** WAIT: until replicas have what the session has written, in whatever slots. */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { ACK_REPLICA_COUNT_MAX, ACK_WAIT_MS_MAX } from '../../protocol/shoal/frame.ts';
import { EVERY_SLOT } from '../cluster/slot-gate.ts';
import type { CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import type { OwnerAnswers } from '../forwarding/owner-answers.ts';
import type { ThreadReplicas } from '../replicas/thread-replicas.ts';
import { type ReplyWait, WaitState } from '../reply-gate/reply-wait.ts';
import type { Session } from '../session.ts';
import { integerArgument } from './arguments.ts';
import { ErrorText } from './error-text.ts';
import { commandRow } from './row.ts';

function waitCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const replicaCount = integerArgument(command, 1);
  const timeoutMs = integerArgument(command, 2);
  const { replicas } = context.node;
  if (isNotInteger(replicaCount)) reply.error(ErrorText.notAnInteger);
  else if (isNotInteger(timeoutMs)) reply.error('ERR timeout is not an integer or out of range');
  else if (timeoutMs < 0) reply.error('ERR timeout is negative');
  else if (replicas === null) reply.integer(0);
  else waitForReplicas(context, replicas, { replicaCount, timeoutMs }, reply);
}

interface WaitDemand {
  readonly replicaCount: number;
  /** 0: for as long as it takes. */
  readonly timeoutMs: number;
}

function waitForReplicas(
  { session, node, control }: ExecutionContext,
  replicas: ThreadReplicas,
  { replicaCount, timeoutMs }: WaitDemand,
  reply: Reply,
): void {
  const nowMs = node.clock.monotonicMs();
  const written = session.writtenSlots;
  const ownersWaitMs = Math.min(timeoutMs === 0 ? ACK_WAIT_MS_MAX : timeoutMs, ACK_WAIT_MS_MAX);
  const askOwners = (): OwnerAnswers | null =>
    control.askOwners(session, Math.min(Math.max(replicaCount, 1), ACK_REPLICA_COUNT_MAX), ownersWaitMs);
  const owners = replicaCount > 0 && !control.runsTransaction ? askOwners() : null;
  const slots = written?.list ?? (owners === null ? WHOLE_NODE : []);
  const wait = new WrittenWait({ replicas, slots, replicaCount, owners, askAgain: timeoutMs === 0 ? askOwners : null });
  // What others wrote meanwhile is behind what this session did, or costs no more than it.
  const mark = replicas.position;
  const answer = (to: Reply, state: WaitState): void => {
    if (state === WaitState.broken) {
      to.error(NOBODY_KNOWS);
      return;
    }
    if (state === WaitState.over) settle(session);
    to.integer(wait.countOf(mark));
  };
  const state = wait.look(mark);
  const ownersMs = owners === null ? 0 : OWNERS_ANSWER_MS_MAX;
  const deadlineMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : nowMs + timeoutMs + ownersMs;
  if (state !== WaitState.waiting || !control.block(session, { wait, mark, deadlineMs, endsEarly: true, answer })) {
    answer(reply, state);
  } else replicas.ask();
}

/** The next write begins a new list. */
function settle({ writtenSlots, forwards }: Session): void {
  writtenSlots?.settle();
  if (forwards !== null) for (const slots of forwards.written.values()) slots.settle();
}

interface WrittenParts {
  readonly replicas: ThreadReplicas;
  /** Of this node. */
  readonly slots: readonly number[];
  readonly replicaCount: number;
  /** What the nodes say that did what was passed on; null: nothing was. */
  readonly owners: OwnerAnswers | null;
  /** Where the wait is longer than they may be asked to wait; null: it is not. */
  readonly askAgain: (() => OwnerAnswers | null) | null;
}

/** Until so many replicas have all that was written, for as long as the nodes that did it can tell. */
class WrittenWait implements ReplyWait {
  readonly holdsRequests = false;
  private readonly parts: WrittenParts;
  private owners: OwnerAnswers | null;

  constructor(parts: WrittenParts) {
    this.parts = parts;
    this.owners = parts.owners;
  }

  look(mark: number): WaitState {
    const { replicas, slots, replicaCount, askAgain } = this.parts;
    const { owners } = this;
    if (owners?.isLost === true || slots.some((slot) => !replicas.isServed(slot))) return WaitState.broken;
    if (!slots.every((slot) => replicas.areAt(slot, mark, replicaCount))) return WaitState.waiting;
    if (owners === null) return WaitState.over;
    if (owners.pendingCount > 0) return WaitState.waiting;
    // They were told how long to wait.
    if (owners.fewest >= replicaCount || askAgain === null) return WaitState.over;
    this.owners = askAgain();
    return WaitState.waiting;
  }

  /** How many replicas have all of it, as far as is known. */
  countOf(mark: number): number {
    const { slots, replicas } = this.parts;
    const { owners } = this;
    const here = Math.min(...slots.map((slot) => replicas.countOf(slot, mark)));
    const elsewhere = owners === null ? Number.POSITIVE_INFINITY : owners.pendingCount > 0 ? 0 : owners.fewest;
    return Math.min(here, elsewhere);
  }
}

/** How long, beyond what they may wait, the nodes that did what was passed on have for their answer. */
const OWNERS_ANSWER_MS_MAX = 500;
const WHOLE_NODE: readonly number[] = [EVERY_SLOT];
const NOBODY_KNOWS =
  'UNBLOCKED a slot that was written to is no longer served by the node that did it, so nobody can say how many replicas have it';

export const WAIT_COMMANDS: readonly CommandSpec[] = [
  commandRow({
    name: 'wait',
    arity: 3,
    flags: ['noscript', 'blocking'],
    group: 'generic',
    since: '3.0.0',
    syntax: 'numreplicas timeout',
    summary: 'Waits until so many replicas have the writes so far, and answers how many have them.',
    categories: ['connection'],
    mayBlock: true,
    handler: waitCommand,
  }),
];
