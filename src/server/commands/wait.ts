/** WAIT: until replicas have what the session has written, in whatever slots. */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { EVERY_SLOT } from '../cluster/slot-gate.ts';
import type { CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import type { ThreadReplicas } from '../replicas/thread-replicas.ts';
import { type ReplyWait, WaitState } from '../reply-gate/reply-wait.ts';
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
  const written = session.writtenSlots;
  const wait = new WrittenWait(replicas, written === null ? WHOLE_NODE : written.list, replicaCount);
  // What others wrote meanwhile is behind what this session did, or costs no more than it.
  const mark = replicas.position;
  const answer = (to: Reply, state: WaitState): void => {
    if (state === WaitState.broken) {
      to.error(SLOT_IS_GONE);
      return;
    }
    if (state === WaitState.over) written?.settle();
    to.integer(wait.countOf(mark));
  };
  const state = wait.look(mark);
  const deadlineMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : node.clock.monotonicMs() + timeoutMs;
  if (state !== WaitState.waiting || !control.block(session, { wait, mark, deadlineMs, endsEarly: true, answer })) {
    answer(reply, state);
  } else replicas.ask();
}

/** Until so many replicas have all that was done in some slots, for as long as this node serves these. */
class WrittenWait implements ReplyWait {
  readonly holdsRequests = false;
  private readonly replicas: ThreadReplicas;
  private readonly slots: readonly number[];
  private readonly replicaCount: number;

  constructor(replicas: ThreadReplicas, slots: readonly number[], replicaCount: number) {
    this.replicas = replicas;
    this.slots = slots;
    this.replicaCount = replicaCount;
  }

  look(mark: number): WaitState {
    const { replicas, slots, replicaCount } = this;
    if (slots.some((slot) => !replicas.isServed(slot))) return WaitState.broken;
    return slots.every((slot) => replicas.areAt(slot, mark, replicaCount)) ? WaitState.over : WaitState.waiting;
  }

  /** How many replicas have all of it. */
  countOf(mark: number): number {
    return Math.min(...this.slots.map((slot) => this.replicas.countOf(slot, mark)));
  }
}

const WHOLE_NODE: readonly number[] = [EVERY_SLOT];
const SLOT_IS_GONE =
  'UNBLOCKED a slot that was written to is no longer served here, so nobody can say how many replicas have it';

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
