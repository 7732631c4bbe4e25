import { describe, expect, test } from 'bun:test';
import {
  below,
  boundsOf,
  CHANGES,
  changedNodes,
  effectiveCounts,
  leastTransfers,
  plannedTopology,
  randomNode,
  randomNodes,
  randomTopology,
  withMoves,
  withTransfers,
} from '../../test/support/slot-clusters.ts';
import { seededRandom } from '../base/random.ts';
import { planOwners, type SlotTransfer } from './planner.ts';
import { slotRanges } from './slot-ranges.ts';
import { SLOT_COUNT } from './slots.ts';
import { type ClusterNode, nextTopology, Topology } from './topology.ts';

const SMALL = { nodeCountMin: 2, nodeCountMax: 40, weightMax: 16, zoneCountMax: 4 };
const ANY_SIZE = { ...SMALL, nodeCountMax: 1000 };

/** Each slot once, from who owns it, to another node that is active. */
function checkTransfers(topology: Topology, transfers: readonly SlotTransfer[]): void {
  let before = -1;
  for (const { slot, from, to } of transfers) {
    if (slot <= before) throw new Error(`slot ${slot} follows ${before}`);
    before = slot;
    const owner = topology.ownerOf(slot)?.id ?? null;
    if (from !== owner) throw new Error(`slot ${slot} goes from ${from}, but is owned by ${owner}`);
    if (from === to || topology.node(to)?.state !== 'active') throw new Error(`slot ${slot} goes to ${to}`);
    if (topology.moveOf(slot) !== null) throw new Error(`slot ${slot} is on its way already`);
  }
}

/** All slots are owned, and no node has more or less than it may. */
function checkShares(topology: Topology): void {
  const counts = effectiveCounts(topology);
  expect(topology.ownedCount).toBe(SLOT_COUNT);
  boundsOf(topology.nodes).forEach(({ min, max }, index) => {
    const count = counts[index]!;
    if (count < min || count > max) throw new Error(`node ${index} has ${count} slots, not ${min} to ${max}`);
  });
}

/** Plans for `topology`, checks the plan in every way, and returns the topology after it. */
function checkedPlan(topology: Topology): Topology {
  const transfers = planOwners(topology);
  checkTransfers(topology, transfers);
  expect(transfers.length).toBe(leastTransfers(topology));
  const after = withTransfers(topology, transfers);
  checkShares(after);
  expect(planOwners(after)).toEqual([]);
  return after;
}

/** By how much fair shares change, in slots that must change hands for it: what a planner without tolerance moves. */
function fairMovement(before: readonly ClusterNode[], after: readonly ClusterNode[]): number {
  const shares = (nodes: readonly ClusterNode[]): Map<string, number> => {
    const active = nodes.filter(({ state }) => state === 'active');
    const sum = active.reduce((total, { weight }) => total + weight, 0);
    return new Map(active.map(({ id, weight }) => [id, (SLOT_COUNT * weight) / sum]));
  };
  const old = shares(before);
  let gained = 0;
  for (const [id, share] of shares(after)) gained += Math.max(0, share - (old.get(id) ?? 0));
  return gained;
}

describe('a plan', () => {
  test.each(CHANGES)(
    'after a change (%s) moves the least that can be, and leaves no node above 1.05 of its part',
    (change) => {
      const random = seededRandom(CHANGES.indexOf(change) + 1);
      for (let round = 0; round < (change === 'many' ? 150 : 500); round += 1) {
        const nodes = randomNodes(random, round % 100 === 99 ? ANY_SIZE : SMALL);
        const before = randomTopology(random, nodes);
        const changed = changedNodes(random, nodes, change);
        if (changed.every(({ state }) => state !== 'active')) continue;
        const given = nextTopology(before, { nodes: changed });
        const after = checkedPlan(given);
        if (change === 'many') continue;
        // Fair shares differ from whole slots by less than one for each node.
        expect(movedSlots(before, after)).toBeLessThanOrEqual(1.1 * fairMovement(nodes, changed) + changed.length);
      }
    },
  );

  test('for nodes that all come at once leaves none that has more for its weight than it must', () => {
    const random = seededRandom(20);
    for (let round = 0; round < 60; round += 1) {
      const nodes = randomNodes(random, round % 20 === 19 ? ANY_SIZE : SMALL);
      const after = checkedPlan(nextTopology(Topology.empty('test'), { nodes }));
      const ratios = (more: number): number[] =>
        after.nodes.map(({ id, weight }) => (after.slotCountOf(id) + more) / weight);
      expect(Math.max(...ratios(0))).toBeLessThanOrEqual(Math.min(...ratios(1)) + 1e-5);
    }
  });

  test('for a cluster of 1000 nodes', () => {
    const random = seededRandom(21);
    const nodes = Array.from({ length: 1000 }, () => randomNode(random, { weight: 1 + below(random, 16) }));
    let topology = checkedPlan(nextTopology(Topology.empty('test'), { nodes }));
    for (const change of CHANGES) {
      topology = checkedPlan(nextTopology(topology, { nodes: changedNodes(random, topology.nodes, change) }));
    }
  });

  test('that is tight gives each node its fair share, rounded down or up, and moves the least for that', () => {
    const random = seededRandom(22);
    for (let round = 0; round < 100; round += 1) {
      const topology = randomTopology(random, randomNodes(random, SMALL));
      const transfers = planOwners(topology, { tight: true });
      checkTransfers(topology, transfers);
      const weightSum = topology.nodes.reduce((sum, { weight }) => sum + weight, 0);
      const after = withTransfers(topology, transfers);
      let above = 0;
      let missing = 0;
      for (const { id, weight } of topology.nodes) {
        const fair = (weight * SLOT_COUNT) / weightSum;
        expect(Math.abs(after.slotCountOf(id) - fair)).toBeLessThan(1);
        above += Math.max(0, topology.slotCountOf(id) - Math.ceil(fair));
        missing += Math.max(0, Math.floor(fair) - topology.slotCountOf(id));
      }
      expect(transfers.length).toBe(Math.max(above, missing));
    }
  });

  test('that is made anew while half of it is on its way moves no more in all', () => {
    const random = seededRandom(23);
    for (let round = 0; round < 15; round += 1) {
      const nodes = randomNodes(random, { ...SMALL, nodeCountMax: 12 });
      const start = nextTopology(randomTopology(random, nodes), { nodes: changedNodes(random, nodes, 'weight') });
      const least = leastTransfers(start);
      let topology = start;
      let moved = 0;
      for (let transfers = planOwners(topology); transfers.length > 0; transfers = planOwners(topology)) {
        checkTransfers(topology, transfers);
        const begun = transfers.filter(() => random() < 0.5);
        if (begun.length === 0) continue;
        topology = withMoves(topology, begun);
        checkTransfers(topology, planOwners(topology));
        const arrived = topology.moves.flatMap(({ to, slots }) => slots.map((slot) => [slot, to] as const));
        moved += arrived.length;
        topology = nextTopology(topology, { owners: new Map(arrived), moves: [] });
      }
      checkShares(topology);
      expect(moved).toBe(least);
    }
  });

  test('leaves slots that are on their way alone, even where their target has too many', () => {
    const random = seededRandom(24);
    for (let round = 0; round < 100; round += 1) {
      const nodes = randomNodes(random, SMALL);
      const start = nextTopology(randomTopology(random, nodes), { nodes: changedNodes(random, nodes, 'join') });
      const moving = withMoves(start, planOwners(start));
      const changed = changedNodes(random, moving.nodes, 'many');
      const topology = nextTopology(moving, { nodes: changed });
      const transfers = planOwners(topology);
      checkTransfers(topology, transfers);
      const after = nextTopology(withTransfers(topology, transfers), {
        owners: new Map(topology.moves.flatMap(({ to, slots }) => slots.map((slot) => [slot, to] as const))),
        moves: [],
      });
      checkedPlan(after);
    }
  });

  test('is the same for the same nodes in whatever order, and for no other reason', () => {
    const random = seededRandom(25);
    const nodes = randomNodes(random, { ...SMALL, nodeCountMin: 10 });
    const forwards = nextTopology(Topology.empty('test'), { nodes });
    const backwards = nextTopology(Topology.empty('other'), { nodes: nodes.toReversed() });
    expect(planOwners(forwards)).toEqual(planOwners(backwards));
  });

  test('gives slots that follow one another to one node', () => {
    const random = seededRandom(26);
    const nodes = Array.from({ length: 3 }, () => randomNode(random));
    const topology = plannedTopology(nodes);
    const rangeCount = nodes.reduce((sum, { id }) => sum + slotRanges(topology.slotsOf(id)).length, 0);
    expect(rangeCount).toBeLessThanOrEqual(6);
  });

  test('is empty where no node is active', () => {
    const node = randomNode(seededRandom(27), { state: 'joining' });
    expect(planOwners(Topology.empty('test'))).toEqual([]);
    expect(planOwners(nextTopology(Topology.empty('test'), { nodes: [node] }))).toEqual([]);
    const owned = plannedTopology([{ ...node, state: 'active' }]);
    expect(planOwners(nextTopology(owned, { nodes: [{ ...node, state: 'draining' }] }))).toEqual([]);
  });
});

function movedSlots(before: Topology, after: Topology): number {
  let moved = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    if (before.ownerOf(slot)?.id !== after.ownerOf(slot)?.id) moved += 1;
  }
  return moved;
}
