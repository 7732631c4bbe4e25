/**
 * When a cluster is at rest, and what must be so then: every node that runs is in the topology and nobody else is, all have applied it and may serve, all
 * slots are owned within bounds, no move is left; each table says what the topology says and nothing more, and no store holds a key of a
 * slot that is not its own.
 */
import { OWNED, OWNER_MASK } from '../src/cluster/slot-table.ts';
import { planOwners } from '../src/topology/planner.ts';
import { SLOT_COUNT } from '../src/topology/slots.ts';
import type { Topology } from '../src/topology/topology.ts';
import { SimulationFailure } from './failure.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

/** What keeps the cluster from being at rest, for people; null: nothing. */
export function whyNotAtRest({ topology, nodes }: World): string | null {
  if (topology === null) return 'no topology was stored';
  for (const node of nodes) {
    const why = whyNodeIsNotAtRest(node, topology);
    if (why !== null) return `${node.describe()} ${why}`;
    const known = topology.node(node.id);
    if (known === null) return `${node.describe()} is not in the topology`;
    if (known.state === 'joining') return `${node.describe()} is still joining`;
  }
  if (topology.nodes.length !== nodes.length) {
    return `the topology has ${topology.nodes.length} nodes, and there are ${nodes.length}`;
  }
  if (topology.moves.length > 0) return `${topology.moves.length} moves are left`;
  if (topology.ownedCount !== SLOT_COUNT) return `${SLOT_COUNT - topology.ownedCount} slots have no owner`;
  const planned = plannedCount(topology);
  return planned === 0 ? null : `${planned} slots are not where they should be`;
}

/** Slots that are to be moved, by topology: it is looked at again and again. */
const plans = new WeakMap<Topology, number>();

function plannedCount(topology: Topology): number {
  const known = plans.get(topology);
  if (known !== undefined) return known;
  const count = planOwners(topology).length;
  plans.set(topology, count);
  return count;
}

function whyNodeIsNotAtRest(node: SimNode, topology: Topology): string | null {
  const { epoch } = topology;
  if (!node.process.isRunning) return 'does not run';
  if (node.isLeaving) return 'has not left';
  if (node.slots.epoch !== epoch) return `has epoch ${node.slots.epoch}, not ${epoch}`;
  if (node.slots.ownedCount !== topology.slotCountOf(node.id)) return 'holds some of its slots back';
  return node.mayAnswer() ? null : 'may not serve';
}

/** Throws `notAtRest`. */
export function checkAtRest({ topology, nodes, keys }: World): void {
  for (const node of nodes) {
    const index = topology!.indexOf(node.id);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const owner = topology!.ownerIndex(slot);
      const expected = owner === index ? owner | OWNED : owner;
      const word = node.slots.wordOf(slot);
      if (word === expected) continue;
      const flags = `flags ${(word & ~OWNER_MASK).toString(16)} and owner ${word & OWNER_MASK}`;
      throw new SimulationFailure(
        'notAtRest',
        `${node.describe()} has slot ${slot} with ${flags}, which ${owner} owns`,
      );
    }
    const foreign = keys.filter(({ slot }) => topology!.ownerIndex(slot) !== index).map(({ name }) => name);
    const ghosts = node.data.stored(foreign);
    if (ghosts.length === 0) continue;
    throw new SimulationFailure(
      'notAtRest',
      `${node.describe()} holds ${ghosts.join(', ')} of slots that are not its own`,
    );
  }
}
