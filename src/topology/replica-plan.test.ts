import { describe, expect, test } from 'bun:test';
import {
  below,
  CHANGES,
  changedNodes,
  randomNode,
  randomNodes,
  randomTopology,
} from '../../test/support/slot-clusters.ts';
import { seededRandom } from '../base/random.ts';
import { planOwners, planReplicas } from './planner.ts';
import { SLOT_COUNT } from './slots.ts';
import { type ClusterNode, nextTopology, Topology } from './topology.ts';

const LIMITS = { nodeCountMin: 2, nodeCountMax: 40, weightMax: 16, zoneCountMax: 5 };

/** Where many topologies are checked, every so many slots. */
const EACH = 31;

function withReplicas(topology: Topology): Topology {
  return nextTopology(topology, { replicas: planReplicas(topology) });
}

/** As many replicas as can be, on distinct active nodes, and as far apart as the zones let them be. */
function checkReplicas(topology: Topology, step = 1): void {
  const active = topology.nodes.filter(({ state }) => state === 'active');
  const zones = new Set(active.map(({ zone }) => zone));
  for (let slot = 0; slot < SLOT_COUNT; slot += step) {
    const owner = topology.ownerOf(slot);
    const replicas = topology.replicasOf(slot);
    const others = active.length - Number(owner?.state === 'active');
    if (replicas.length !== (owner === null ? 0 : Math.min(topology.replicaCount, others))) {
      throw new Error(`slot ${slot} has ${replicas.length} replicas`);
    }
    if (owner === null) continue;
    if (replicas.some(({ state }) => state !== 'active')) throw new Error(`a replica of slot ${slot} is not active`);
    const own = [owner, ...replicas];
    if (new Set(own.map(({ id }) => id)).size !== own.length) throw new Error(`slot ${slot} has a node twice`);
    const zonesNeeded = Math.min(own.length, new Set([...zones, owner.zone]).size);
    const zonesUsed = new Set(own.map(({ zone }) => zone)).size;
    if (zonesUsed !== zonesNeeded) throw new Error(`slot ${slot} is in ${zonesUsed} zones, not ${zonesNeeded}`);
  }
}

function loadsOf(topology: Topology): Map<string, number> {
  const loads = new Map(topology.nodes.map(({ id }) => [id, 0]));
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    for (const { id } of topology.replicasOf(slot)) loads.set(id, loads.get(id)! + 1);
  }
  return loads;
}

function changedReplicas(before: Topology, after: Topology): number {
  let changed = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const kept = new Set(before.replicasOf(slot).map(({ id }) => id));
    changed += after.replicasOf(slot).filter(({ id }) => !kept.has(id)).length;
  }
  return changed;
}

describe('replicas', () => {
  test('are distinct and zones apart, before and after any change, and stay where they may', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 30; round += 1) {
      const nodes = randomNodes(random, LIMITS);
      const first = withReplicas(randomTopology(random, nodes, 1 + below(random, 4)));
      checkReplicas(first, EACH);
      expect(isStable(first)).toBe(true);
      const change = CHANGES[round % CHANGES.length]!;
      const changed = nextTopology(first, { nodes: changedNodes(random, nodes, change) });
      const owned = nextTopology(changed, { owners: new Map(planOwners(changed).map(({ slot, to }) => [slot, to])) });
      const second = withReplicas(owned);
      checkReplicas(second, EACH);
      expect(isStable(second)).toBe(true);
    }
  });

  test('are shared out by weight where zones leave a choice', () => {
    const random = seededRandom(2);
    for (const replicaCount of [1, 2, 4]) {
      const nodes = Array.from({ length: 30 }, (_, index) =>
        randomNode(random, { weight: 1 + (index % 8), zone: `zone-${index % 6}` }),
      );
      const topology = withReplicas(randomTopology(random, nodes, replicaCount));
      const loads = loadsOf(topology);
      const weightSum = nodes.reduce((sum, { weight }) => sum + weight, 0);
      for (const { id, weight } of nodes) {
        const fair = (SLOT_COUNT * replicaCount * weight) / weightSum;
        expect(loads.get(id)!).toBeLessThanOrEqual(1.05 * fair);
      }
    }
  });

  test('go to the other zone, however small, and there to those that have least', () => {
    const random = seededRandom(3);
    const nodes = [
      ...Array.from({ length: 8 }, () => randomNode(random, { weight: 16, zone: 'large' })),
      randomNode(random, { weight: 1, zone: 'small' }),
      randomNode(random, { weight: 3, zone: 'small' }),
    ];
    const topology = withReplicas(randomTopology(random, nodes, 1));
    checkReplicas(topology);
    const loads = loadsOf(topology);
    const [light, heavy] = [nodes[8]!, nodes[9]!].map(({ id }) => loads.get(id)!);
    expect(heavy! / light!).toBeGreaterThan(2.9);
    expect(heavy! / light!).toBeLessThan(3.1);
  });

  test('that a node loses are made on others, and few more', () => {
    const random = seededRandom(4);
    const nodes = Array.from({ length: 20 }, (_, index) => randomNode(random, { zone: `zone-${index % 4}` }));
    const before = withReplicas(randomTopology(random, nodes, 2));
    const gone = nodes[7]!;
    const lost = loadsOf(before).get(gone.id)!;
    const without = nextTopology(before, { nodes: nodes.filter((node) => node !== gone) });
    const after = withReplicas(nextTopology(without, { owners: newOwners(without) }));
    // Those of the owner that is gone, where a replica became the owner, too.
    expect(changedReplicas(before, after)).toBeLessThanOrEqual(1.1 * (lost + before.slotCountOf(gone.id)));
  });

  test('are none where slots have no owner, where there is nobody else, and where none are wanted', () => {
    const node: ClusterNode = randomNode(seededRandom(5));
    const alone = nextTopology(Topology.empty('test'), { nodes: [node], replicaCount: 2 });
    expect(new Set(planReplicas(alone))).toEqual(new Set([0xffff]));
    const owned = nextTopology(alone, { owners: new Map([[7, node.id]]) });
    expect(new Set(planReplicas(owned))).toEqual(new Set([0xffff]));
    expect(planReplicas(Topology.empty('test'))).toHaveLength(0);
  });
});

function newOwners(topology: Topology): Map<number, string> {
  return new Map(planOwners(topology).map(({ slot, to }) => [slot, to]));
}

/** Whether planning what was planned changes nothing. */
function isStable(topology: Topology): boolean {
  const { replicaCount } = topology;
  return planReplicas(topology).every(
    (index, at) => index === topology.replicaIndex(Math.floor(at / replicaCount), at % replicaCount),
  );
}
