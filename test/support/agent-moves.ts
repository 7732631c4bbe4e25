/** A move of two slots at the side of node a, which is its source or its target, for tests of the agent. */
import type { PeerAnswer } from '../../src/protocol/cluster/messages.ts';
import type { MoveExtent } from '../../src/cluster/mover.ts';
import type { SlotMove, Topology } from '../../src/topology/topology.ts';
import { AgentBench, idOf, topologyOf } from './agent-bench.ts';

export const SLOTS: readonly number[] = [10, 11];
export const OUT: SlotMove = { id: 7, from: idOf('a'), to: idOf('b'), slots: SLOTS };
export const IN: SlotMove = { id: 8, from: idOf('b'), to: idOf('a'), slots: SLOTS };

/** What the source has sent of a move when it lets go. */
export const EXTENT: MoveExtent = { attempt: 2, frames: 30 };

export function state(name: 'importing' | 'handed' | 'unknown'): PeerAnswer {
  return { type: 'moveState', state: name };
}

/** Who owns each slot where `of` has those of the move. */
export function owner(of: string): (slot: number) => string {
  return (slot) => (SLOTS.includes(slot) ? of : slot < 100 ? 'a' : 'b');
}

/** A topology without the move, in which `of` has its slots. Slots of nodes that are not in `digits` are c's. */
export function after(epoch: number, of: string, digits = 'abc'): Topology {
  return topologyOf(epoch, digits, (slot) => {
    const wanted = owner(of)(slot);
    return digits.includes(wanted) ? wanted : 'c';
  });
}

/** a is the source; its topology has the move. */
export function source(): AgentBench {
  const bench = new AgentBench();
  bench.apply(topologyOf(1, 'abc', owner('a')));
  bench.apply(topologyOf(2, 'abc', owner('a'), { moves: [OUT] }));
  return bench;
}

/** a is the target. */
export function target(): AgentBench {
  const bench = new AgentBench();
  bench.apply(topologyOf(1, 'abc', owner('b')));
  bench.effects = [];
  bench.apply(topologyOf(2, 'abc', owner('b'), { moves: [IN] }));
  return bench;
}

/** How moves have ended for the mover. */
export function outcomes(bench: AgentBench): readonly string[] {
  return bench.wanted('endMove').map(({ moveId, outcome }) => `${moveId} ${outcome}`);
}
