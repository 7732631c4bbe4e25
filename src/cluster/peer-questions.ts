/** What other nodes ask this one: for promises, and how moves stand. Part of the agent. */
import { type PeerRequest, type Refusal, refusal } from '../protocol/cluster/messages.ts';
import type { Topology } from '../topology/topology.ts';
import type { AgentOutput } from './agent-output.ts';
import type { IncomingMoves } from './incoming-moves.ts';
import type { PromiseTalk } from './promise-talk.ts';

export class PeerQuestions {
  private readonly output: AgentOutput;
  private readonly promises: PromiseTalk;
  private readonly incoming: IncomingMoves;

  constructor(output: AgentOutput, promises: PromiseTalk, incoming: IncomingMoves) {
    this.output = output;
    this.promises = promises;
    this.incoming = incoming;
  }

  take(
    ticket: number,
    request: PeerRequest,
    { topology, selfId, nowMs }: { topology: Topology; selfId: string; nowMs: number },
  ): void {
    if (request.type !== 'promise' && request.to !== selfId) {
      this.output.add({ type: 'reply', ticket, answer: notMe(request.to, selfId) });
      return;
    }
    switch (request.type) {
      case 'promise': {
        const granted = this.promises.grant(request, topology, selfId, nowMs);
        this.output.add({ type: 'reply', ticket, answer: { type: 'promised', granted } });
        return;
      }
      case 'moveStatus':
        if (request.isAhead === true) this.incoming.tellKnown(request.move, ticket);
        else this.incoming.tellState(request.move, ticket);
        return;
      case 'handover': {
        const { move, attempt, frames } = request;
        this.incoming.takeHandover(move, { attempt, frames }, ticket);
      }
    }
  }

  /** A node that has left takes nothing over and takes part in nothing, but says so to those who ask. */
  takeWhenLeft(ticket: number, request: PeerRequest, selfId: string): void {
    if (request.type === 'promise') {
      this.output.add({ type: 'reply', ticket, answer: { type: 'promised', granted: false } });
    } else if (request.to === selfId) {
      const state = this.incoming.stateOf(request.move);
      this.output.add({ type: 'reply', ticket, answer: { type: 'moveState', state } });
    } else {
      this.output.add({ type: 'reply', ticket, answer: notMe(request.to, selfId) });
    }
  }
}

/** Another process was at this address when the asker heard of it: only that one could know. */
function notMe(nodeId: string, selfId: string): Refusal {
  return refusal(`this is node ${selfId}, not ${nodeId}`);
}
