/** Slots and plans must be the same on any runtime and machine: golden slots of keys, and the digest of a long history of random clusters. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { seededRandom } from '../../src/base/random.ts';
import { decodeTopology, encodeTopology } from '../../src/topology/encoding.ts';
import { planOwners, planReplicas } from '../../src/topology/planner.ts';
import { keySlot } from '../../src/topology/slots.ts';
import { nextTopology, Topology } from '../../src/topology/topology.ts';
import { CHANGES, changedNodes, randomNodes, withTransfers } from '../support/slot-clusters.ts';
import vectors from '../vectors/placement.json' with { type: 'json' };

export function definePlacementContract(test: (name: string, body: () => Promise<void>) => void): void {
  test('each key of the vectors is in its slot', async () => {
    for (const [key, slot] of Object.entries(vectors.slots)) {
      const bytes = Buffer.from(key, 'utf8');
      assert.equal(keySlot(bytes, 0, bytes.length), slot, `the slot of ${JSON.stringify(key)}`);
    }
  });
  for (const { seed, nodeCountMax, digest } of vectors.histories) {
    test(`all plans of the history ${seed}, of up to ${nodeCountMax} nodes, are those of the vectors`, async () => {
      assert.equal(digestOfHistory(seed, nodeCountMax), digest);
    });
  }
}

/** Of the topologies of a few clusters, from their first plan through one change of each kind. */
function digestOfHistory(seed: number, nodeCountMax: number): string {
  const random = seededRandom(seed);
  const hash = createHash('sha256');
  for (let cluster = 0; cluster < 4; cluster += 1) {
    let nodes = randomNodes(random, { nodeCountMin: 2, nodeCountMax, weightMax: 16, zoneCountMax: 4 });
    let topology = nextTopology(Topology.empty('history'), { nodes, replicaCount: 1 + (cluster % 2) });
    for (const change of [null, ...CHANGES]) {
      if (change !== null) nodes = changedNodes(random, nodes, change);
      topology = nextTopology(topology, { nodes });
      topology = withTransfers(topology, planOwners(topology, { tight: change === 'many' }));
      topology = nextTopology(topology, { replicas: planReplicas(topology) });
      const bytes = encodeTopology(topology);
      hash.update(bytes);
      hash.update(encodeTopology(decodeTopology(bytes)));
    }
  }
  return hash.digest('hex');
}
