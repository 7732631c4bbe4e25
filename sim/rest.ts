/**
 * When a cluster is at rest, and what must be so then: every node that runs is in the topology and nobody else is, all have applied it and a fresh lease, all
 * slots are owned within bounds, no move is left; each table says what the topology says and nothing more, and no store holds a key of a
 * slot that is not its own. Replicas are as many as can be, and all of them have what the owner has.
 */
import { OWNED, OWNER_MASK, REPLICA, ServingRight, SYNCED } from '../src/cluster/slot-table.ts';
import { planOwners } from '../src/topology/planner.ts';
import { SLOT_COUNT } from '../src/topology/slots.ts';
import type { Topology } from '../src/topology/topology.ts';
import { LEASE_MS } from './coordinator.ts';
import { SimulationFailure } from './failure.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

/** What keeps the cluster from being at rest, for people; null: nothing. */
export function whyNotAtRest({ topology, nodes, scenario, isQuiet }: World): string | null {
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
  if (planned > 0) return `${planned} slots are not where they should be`;
  if (scenario.replicas === 0) return null;
  const behind = isQuiet ? nodes.find(({ replicaLag }) => replicaLag > 0) : undefined;
  if (behind !== undefined) return `a replica of ${behind.describe()} is ${behind.replicaLag} changes behind`;
  return whyReplicasAreNotAtRest(topology, nodes, scenario.replicas);
}

function whyReplicasAreNotAtRest(topology: Topology, nodes: readonly SimNode[], replicas: number): string | null {
  const tables = topology.nodes.map(({ id }) => nodes.find((node) => node.id === id)!.slots);
  const activeCount = topology.nodes.filter(({ state }) => state === 'active').length;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (topology.hasKept(slot) || topology.isUnsure(slot)) return `copies of slot ${slot} are still kept`;
    const others = activeCount - Number(topology.ownerOf(slot)!.state === 'active');
    let count = 0;
    for (let n = 0; n < topology.replicaCount; n += 1) {
      const table = tables[topology.replicaIndex(slot, n)];
      if (table === undefined) continue;
      count += 1;
      if ((table.wordOf(slot) & SYNCED) === 0) return `replica ${n} of slot ${slot} is not synced`;
    }
    if (count < Math.min(replicas, others)) return `slot ${slot} has ${count} replicas of ${replicas}`;
    if (count > replicas) return `slot ${slot} has ${count} replicas, more than ${replicas}`;
  }
  return null;
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
  if (!node.mayAnswer()) return 'may not serve';
  const leaseLeftMs = node.slots.serveUntilMs - node.process.monotonicMs;
  // Of what is over it may still be dying: what it asked before was lost, and it waits for the answer.
  if (node.slots.right !== ServingRight.lease || leaseLeftMs < LEASE_MS / 2) return 'has no fresh lease';
  return null;
}

/** Throws `notAtRest`. */
export function checkAtRest({ topology, nodes, keys }: World): void {
  for (const node of nodes) {
    const index = topology!.indexOf(node.id);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const owner = topology!.ownerIndex(slot);
      const isReplica = topology!.columnOf(slot, index) >= 0;
      const expected = owner === index ? owner | OWNED : isReplica ? owner | REPLICA | SYNCED : owner;
      const word = node.slots.wordOf(slot);
      if (word === expected) continue;
      const flags = `flags ${(word & ~OWNER_MASK).toString(16)} and owner ${word & OWNER_MASK}`;
      throw new SimulationFailure(
        'notAtRest',
        `${node.describe()} has slot ${slot} with ${flags}, which ${owner} owns`,
      );
    }
    const copied = keys.filter(({ slot }) => topology!.columnOf(slot, index) >= 0);
    for (const { name, slot } of copied) {
      const owner = nodes.find(({ id }) => id === topology!.ownerOf(slot)!.id)!;
      const [here, there] = [node.data.valueOf(name), owner.data.valueOf(name)];
      if (here === there) continue;
      throw new SimulationFailure(
        'notAtRest',
        `${node.describe()} has ${here} as its copy of ${name}, and the owner ${owner.describe()} has ${there}`,
      );
    }
    const foreign = keys
      .filter(({ slot }) => topology!.ownerIndex(slot) !== index && topology!.columnOf(slot, index) < 0)
      .map(({ name }) => name);
    const ghosts = node.data.stored(foreign);
    if (ghosts.length === 0) continue;
    throw new SimulationFailure(
      'notAtRest',
      `${node.describe()} holds ${ghosts.join(', ')} of slots that are not its own`,
    );
  }
}
