/**
 * Requests that another node forwards over one session, and the order that is kept among them (see protocol/shoal/forward.ts). None of them
 * waits here and none is sent on: a link carries the requests of many clients, so what cannot be served now is refused, and the
 * sender finds out where it belongs.
 */
import { type SlotFinding, SlotVerdict } from '../cluster/slot-gate.ts';
import { DATABASE_COUNT } from '../../store/types.ts';
import type { ForwardHead } from '../../protocol/shoal/forward.ts';

/** Slots with a refusal that the sender may not have seen. Beyond it the oldest is forgotten, which costs order and nothing else. */
const REFUSED_SLOTS_MAX = 4096;

export class IncomingForwards {
  /** Of the request that runs. */
  readonly head: ForwardHead = { database: 0, form: 0, cluster: 0, refusals: 0 };
  /** A forwarded request runs, and not one of the session's own. */
  isRunning = false;
  /** Replies `moved` and `tryAgain` on this connection. */
  private refusalCount = 0;
  /** Slots on which a request was refused, and the number of that refusal. */
  private readonly refused = new Map<number, number>();
  private isBehind = false;

  /** What is to be done with the request that runs, where `verdict` is what its slot says. */
  order(verdict: SlotVerdict, finding: SlotFinding): SlotVerdict {
    const refusal = this.refused.size === 0 ? undefined : this.refused.get(finding.slot);
    this.isBehind = refusal !== undefined && this.head.refusals < refusal;
    if (this.isBehind && verdict !== SlotVerdict.refuse) {
      finding.refusal = BEHIND_REFUSED;
      return SlotVerdict.refuse;
    }
    if (verdict !== SlotVerdict.hold) return verdict;
    finding.refusal = SLOT_BUSY;
    return SlotVerdict.refuse;
  }

  /** The request was answered `moved` or `tryAgain`. */
  noteRefusal(slot: number): void {
    this.refusalCount = (this.refusalCount + 1) >>> 0;
    if (this.isBehind) return;
    // The sender has seen all refusals up to `head.refusals`: those slots are free again.
    for (const [known, refusal] of this.refused) if (refusal <= this.head.refusals) this.refused.delete(known);
    this.refused.delete(slot);
    this.refused.set(slot, this.refusalCount);
    if (this.refused.size <= REFUSED_SLOTS_MAX) return;
    for (const oldest of this.refused.keys()) {
      this.refused.delete(oldest);
      break;
    }
  }
}

/** What is wrong with a forwarded request, or null. `clusterTag`: of this node's cluster; null where it is in none. */
export function forwardProblem(head: ForwardHead, clusterTag: number | null): string | null {
  if (clusterTag === null) return 'this node is in no cluster';
  if (head.cluster !== clusterTag) return 'this node is in another cluster';
  return head.database < DATABASE_COUNT ? null : `there are ${DATABASE_COUNT} databases, from 0 on`;
}

const SLOT_BUSY = 'TRYAGAIN The slot is being handed over';
const BEHIND_REFUSED = 'TRYAGAIN A request on the slot that was sent before was refused';
