/**
 * Tells data threads and people whether this node may serve, and why not: each change once, and a mere change of words not too often. Part
 * of the agent.
 */
import type { AgentOutput } from './agent-output.ts';
import { NO_RIGHT, type RightUntil } from './serving-right.ts';
import { ServingRight } from './slot-table.ts';

/** The reason of a trouble that goes on is told anew at most this often. */
const TROUBLE_TEXT_MS = 250;

/** `dropping`: removed, until all is deleted. `left`: gone in order, for good. */
export type Life = 'joining' | 'member' | 'dropping' | 'left';

/** Why a node may not serve; null where it may. `failure`: why it got no lease last time. `missing`: who holds a member up; null: nobody. */
export function troubleText(life: Life, failure: string | null, missing: () => string | null): string | null {
  const reason = failure === null ? '' : ` (${failure})`;
  if (life === 'joining') return `the node has not joined the cluster yet${reason}`;
  if (life === 'dropping') return 'the node was removed from the cluster and is being cleared';
  if (life === 'left') return 'the node has left the cluster';
  const who = missing();
  return who === null ? null : `no coordinator answers${reason}, and ${who}`;
}

/** What people are to know about the coordinator when the right changes. */
export interface CoordinatorState {
  /** The lease has run out. */
  readonly leaseEnded: boolean;
  /** Since the heartbeat of the last lease. */
  readonly silentMs: number;
  /** Why there was no lease last time; null where there was. */
  readonly failure: string | null;
  readonly otherCount: number;
}

export class ServingNews {
  /** As the slot table has it. */
  right: RightUntil = NO_RIGHT;
  private readonly output: AgentOutput;
  private trouble: string | null = null;
  private troubleToldMs = Number.NEGATIVE_INFINITY;
  private servesByPromises = false;

  constructor(output: AgentOutput) {
    this.output = output;
  }

  tellRight(right: RightUntil, coordinator: CoordinatorState): void {
    if (right.right !== this.right.right || right.untilMs !== this.right.untilMs) {
      this.right = right;
      this.output.add({ type: 'serveUntil', untilMs: right.untilMs, right: right.right });
    }
    const servesByPromises = right.right === ServingRight.promises && coordinator.leaseEnded;
    if (servesByPromises === this.servesByPromises) return;
    this.servesByPromises = servesByPromises;
    if (servesByPromises) this.output.log('warn', promisesText(coordinator));
    else if (right.right === ServingRight.lease) this.output.log('info', 'a coordinator answers again');
  }

  /** `trouble`: why the node may not serve, null where it may. `isWorthLogging`: it is one of those who should serve. */
  tellTrouble(trouble: string | null, isWorthLogging: boolean, nowMs: number): void {
    const hadTrouble = this.trouble !== null;
    const isFirst = this.troubleToldMs === Number.NEGATIVE_INFINITY;
    const isTurn = hadTrouble !== (trouble !== null);
    if (!isFirst && !isTurn && (trouble === this.trouble || nowMs - this.troubleToldMs < TROUBLE_TEXT_MS)) return;
    this.trouble = trouble;
    this.troubleToldMs = nowMs;
    this.output.add({ type: 'trouble', trouble });
    if (!isWorthLogging || !isTurn) return;
    if (trouble !== null) this.output.log('error', `this node does not serve: ${trouble}`);
    else this.output.log('info', 'this node serves');
  }
}

function promisesText({ silentMs, failure, otherCount }: CoordinatorState): string {
  const reason = failure === null ? '' : ` (${failure})`;
  const others = otherCount === 1 ? 'the only other node has' : `all ${otherCount} other nodes have`;
  return `no coordinator has answered for ${Math.round(silentMs)} ms${reason}; serving on, because ${others} promised to take over nothing`;
}
