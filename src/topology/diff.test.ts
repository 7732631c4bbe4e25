import { describe, expect, test } from 'bun:test';
import {
  CHANGES,
  changedNodes,
  randomNode,
  randomNodes,
  randomTopology,
  withMoves,
} from '../../test/support/slot-clusters.ts';
import { seededRandom } from '../base/random.ts';
import { diffTopologies } from './diff.ts';
import { planOwners, planReplicas } from './planner.ts';
import { nextTopology, Topology } from './topology.ts';

const LIMITS = { nodeCountMin: 2, nodeCountMax: 20, weightMax: 16, zoneCountMax: 3 };

describe('the difference of two topologies', () => {
  test('names what is new, gone and other', () => {
    const random = seededRandom(1);
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => randomNode(random, { id: letter.repeat(40) }));
    const empty = nextTopology(Topology.empty('test'), { nodes: [a!, b!], replicaCount: 1 });
    const owners = new Map([
      [0, a!.id],
      [1, a!.id],
      [2, b!.id],
      [3, b!.id],
      [4, b!.id],
    ]);
    const owned = nextTopology(empty, { owners });
    const before = nextTopology(owned, { moves: [{ id: 1, from: b!.id, to: a!.id, slots: [3, 4] }] });
    const after = nextTopology(before, {
      nodes: [{ ...b!, weight: 9 }, c!],
      owners: new Map([
        [0, b!.id],
        [3, c!.id],
        [4, c!.id],
        [9, c!.id],
      ]),
      moves: [{ id: 2, from: b!.id, to: c!.id, slots: [2] }],
      replicas: new Uint16Array(16_384).fill(0xffff).with(2, 1),
    });
    expect(diffTopologies(before, after)).toEqual({
      nodesAdded: [c!],
      nodesRemoved: [a!],
      nodesChanged: [{ before: b!, after: { ...b!, weight: 9 } }],
      owners: [
        { from: a!.id, to: b!.id, slots: [0] },
        { from: a!.id, to: null, slots: [1] },
        { from: b!.id, to: c!.id, slots: [3, 4] },
        { from: null, to: c!.id, slots: [9] },
      ],
      replicaSlots: [2],
      movesBegun: after.moves,
      movesEnded: before.moves,
      isEmpty: false,
    });
  });

  test.each(['host', 'port', 'peerPort', 'zone', 'weight', 'state'] as const)('sees another %s', (field) => {
    const node = randomNode(seededRandom(2));
    const other = { ...node, host: 'h', port: 1, peerPort: 2, zone: 'z', weight: 3, state: 'draining' as const };
    const topologies = [node, { ...node, [field]: other[field] }].map((each) =>
      nextTopology(Topology.empty('test'), { nodes: [each] }),
    );
    const { nodesChanged, isEmpty } = diffTopologies(topologies[0]!, topologies[1]!);
    expect([nodesChanged.length, isEmpty]).toEqual([1, false]);
  });

  test('is empty where only the epoch is another', () => {
    const random = seededRandom(3);
    const topology = randomTopology(random, randomNodes(random, LIMITS), 2);
    expect(diffTopologies(topology, nextTopology(topology, {})).isEmpty).toBe(true);
  });

  test('is all that is needed to get from one to the other', () => {
    const random = seededRandom(4);
    for (let round = 0; round < 25; round += 1) {
      const nodes = randomNodes(random, LIMITS);
      const before = randomTopology(random, nodes, 1);
      const changed = nextTopology(before, { nodes: changedNodes(random, nodes, CHANGES[round % CHANGES.length]!) });
      const after = withMoves(nextTopology(changed, { replicas: planReplicas(changed) }), planOwners(changed));
      const { nodesAdded, nodesRemoved, nodesChanged, owners, movesBegun } = diffTopologies(before, after);
      const gone = new Set(nodesRemoved.map(({ id }) => id));
      const other = new Map(nodesChanged.map((change) => [change.before.id, change.after]));
      const again = nextTopology(before, {
        nodes: [
          ...before.nodes.filter(({ id }) => !gone.has(id)).map((node) => other.get(node.id) ?? node),
          ...nodesAdded,
        ],
        owners: new Map(owners.flatMap(({ to, slots }) => slots.map((slot) => [slot, to] as const))),
        moves: movesBegun,
        replicas: planReplicas(changed),
      });
      expect(diffTopologies(again, after).isEmpty).toBe(true);
    }
  });
});
