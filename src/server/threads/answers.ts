/**
 * How a thread answers the questions of `questions.ts` for its own sessions and counts. An answer may be given in the middle of a
 * command of another session, so none touches the store or waits.
 */
import { describeSession } from '../client-registry.ts';
import type { ConnectionControl } from '../execution-context.ts';
import type { NodeServices } from '../node-services.ts';
import type { Session } from '../session.ts';
import { readThreadFigures } from '../thread-figures.ts';
import type { AnyQuestion } from './mail.ts';
import type { KillFilter, Question, Questions } from './questions.ts';

/** What answers are given from. */
export interface Answering {
  readonly node: NodeServices;
  readonly control: ConnectionControl;
}

type Answers = { readonly [Q in Question]: (from: Answering, ask: Questions[Q]['ask']) => Questions[Q]['answer'] };

const ANSWERS: Answers = {
  clients: ({ node }, { nowMs }) =>
    Array.from(node.clients.all(), (session) => ({
      id: session.id,
      type: session.type,
      line: describeSession(session, node.threads.own, nowMs),
    })),
  kill: killMatching,
  thread: ({ node }, { clientId }) => (node.clients.get(clientId)?.closing === false ? node.threads.own : null),
  figures: ({ node }) => readThreadFigures(node),
  configure({ node, control }, changes) {
    for (const [name, text] of changes) node.parameters.get(name)?.set?.(text);
    control.settingsChanged();
    return null;
  },
  resetFigures({ node }) {
    node.statistics.reset();
    node.traffic.reset();
    node.clients.resetCounts();
    return null;
  },
  pause({ node }, { mode, untilMs }) {
    node.pause.pause(mode, untilMs);
    return null;
  },
  unpause({ node, control }) {
    node.pause.unpause();
    control.resumePaused();
    return null;
  },
  unblock({ node, control }, { id, reason }) {
    const session = node.clients.get(id);
    return session !== null && control.unblock(session, reason);
  },
};

export function answer<Q extends Question>(from: Answering, name: Q, ask: Questions[Q]['ask']): Questions[Q]['answer'] {
  return ANSWERS[name](from, ask);
}

/** As `answer`, to a question as it came by mail. */
export function answerAny(from: Answering, { name, ask }: AnyQuestion): unknown {
  return answer(from, name, ask);
}

function killMatching({ node, control }: Answering, filter: KillFilter): number {
  const victims = [...node.clients.all()].filter(
    (session) => matches(session, filter) && !(session.id === filter.killerId && filter.sparesKiller),
  );
  for (const victim of victims) control.kill(victim);
  return victims.length;
}

function matches(session: Session, filter: KillFilter): boolean {
  if (filter.id !== null && session.id !== filter.id) return false;
  if (filter.type !== null && session.type !== filter.type) return false;
  if (filter.address !== null && session.connection.remoteAddress !== filter.address) return false;
  return filter.localAddress === null || session.connection.localAddress === filter.localAddress;
}
