import { describe, expect, test } from 'bun:test';
import { randomNode } from '../../test/support/slot-clusters.ts';
import { seededRandom } from '../base/random.ts';
import { SLOT_COUNT } from './slots.ts';
import {
  type ClusterNode,
  nextTopology,
  NO_NODE,
  Topology,
  type TopologyChange,
  type TopologyParts,
} from './topology.ts';

const random = seededRandom(1);
const A = randomNode(random, { id: 'a'.repeat(40), zone: 'north' });
const B = randomNode(random, { id: 'b'.repeat(40), weight: 2 });
const C = randomNode(random, { id: 'c'.repeat(40), state: 'joining' });

/** A has slots 0 to 9, B those from 10 to 19, and each is the other's replica. Slots 3 and 4 are on their way to B. */
const PARTS: TopologyParts = {
  cluster: 'test',
  epoch: 7,
  nodes: [A, B, C],
  owners: ownersOf((slot) => (slot < 10 ? 0 : slot < 20 ? 1 : NO_NODE)),
  replicaCount: 2,
  replicas: new Uint16Array(SLOT_COUNT * 2).map((_, at) => (at >= 40 || at % 2 === 1 ? NO_NODE : at < 20 ? 1 : 0)),
  moves: [{ id: 5, from: A.id, to: B.id, slots: [3, 4] }],
};

function ownersOf(owner: (slot: number) => number): Uint16Array {
  return Uint16Array.from({ length: SLOT_COUNT }, (_, slot) => owner(slot));
}

const topology = Topology.of(PARTS);

describe('a topology', () => {
  test('says who has what', () => {
    expect(topology.nodes).toEqual([A, B, C]);
    expect(topology.ownerOf(9)).toEqual(A);
    expect(topology.ownerOf(20)).toBeNull();
    expect([9, 10, 20, -1, SLOT_COUNT, 0.5].map((slot) => topology.ownerIndex(slot))).toEqual([
      0,
      1,
      ...Array.from({ length: 4 }, () => NO_NODE),
    ]);
    expect(topology.ownedCount).toBe(20);
    expect([A.id, B.id, C.id, 'x'].map((id) => topology.slotCountOf(id))).toEqual([10, 10, 0, 0]);
    expect(topology.slotsOf(B.id)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(topology.slotsOf('x')).toEqual([]);
    expect(topology.replicasOf(3)).toEqual([B]);
    expect(topology.replicasOf(30)).toEqual([]);
    expect([topology.replicaIndex(3, 0), topology.replicaIndex(3, 1), topology.replicaIndex(3, 2)]).toEqual([
      1,
      NO_NODE,
      NO_NODE,
    ]);
    expect(topology.moveOf(4)).toEqual(PARTS.moves[0]!);
    expect(topology.moveOf(5)).toBeNull();
    expect(topology.node(C.id)).toEqual(C);
    expect(topology.node('x')).toBeNull();
    expect([topology.indexOf(B.id), topology.indexOf('x')]).toEqual([1, NO_NODE]);
  });

  test('has its nodes in order, whatever order they came in', () => {
    const turned = Topology.of({
      ...PARTS,
      nodes: [C, B, A],
      owners: PARTS.owners.map((index) => (index === NO_NODE ? index : 2 - index)),
      replicas: PARTS.replicas.map((index) => (index === NO_NODE ? index : 2 - index)),
    });
    expect(turned).toEqual(topology);
  });

  test('does not change with what it was made of', () => {
    const parts = {
      ...PARTS,
      nodes: [{ ...A }, { ...B }, { ...C }],
      owners: PARTS.owners.slice(),
      replicas: PARTS.replicas.slice(),
      moves: [{ id: 5, from: A.id, to: B.id, slots: [3, 4] }],
    };
    const made = Topology.of(parts);
    parts.owners.fill(2);
    parts.replicas.fill(2);
    parts.nodes.pop();
    Object.assign(parts.nodes[0]!, { weight: 50 });
    parts.moves[0]!.slots.push(5);
    expect(made).toEqual(topology);
  });

  test('of nobody has no slots', () => {
    const empty = Topology.empty('test');
    expect([empty.epoch, empty.nodes.length, empty.ownedCount, empty.replicaCount, empty.moves.length]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect(empty.ownerOf(0)).toBeNull();
  });
});

describe('what contradicts itself is refused:', () => {
  const node = (change: Partial<ClusterNode>): Partial<TopologyParts> => ({ nodes: [{ ...A, ...change }, B, C] });
  const move = (change: object): Partial<TopologyParts> => ({ moves: [{ ...PARTS.moves[0]!, ...change }] });
  const replica = (at: number, index: number): Partial<TopologyParts> => ({ replicas: PARTS.replicas.with(at, index) });

  test.each<[string, Partial<TopologyParts>, string]>([
    ['no name', { cluster: '' }, 'the cluster has no name'],
    ['a long name', { cluster: 'ü'.repeat(128) }, 'has 256 bytes, more than 255'],
    ['a name with a line end', { cluster: 'a\nb' }, 'control characters'],
    ['half a character', { cluster: '\ud800' }, 'not well-formed'],
    ['a negative epoch', { epoch: -1 }, 'the epoch -1'],
    ['an epoch too high', { epoch: 2 ** 32 }, 'the epoch 4294967296'],
    ['half an epoch', { epoch: 0.5 }, 'the epoch 0.5'],
    ['a short id', node({ id: 'a' }), 'instead of 40 lower-case hexadecimal digits'],
    ['an id of large letters', node({ id: 'A'.repeat(40) }), 'instead of 40 lower-case hexadecimal digits'],
    ['an id twice', node({ id: B.id }), `the node ${B.id} is there twice`],
    ['no host', node({ host: '' }), 'has no host'],
    ['a host with a space', node({ host: 'a b' }), 'has a space'],
    ['port 0', node({ port: 0 }), 'the port of'],
    ['a peer port too high', node({ peerPort: 65_536 }), 'the peer port of'],
    ['weight 0', node({ weight: 0 }), 'the weight of'],
    ['a weight too high', node({ weight: 101 }), 'is 101 instead of 1 to 100'],
    ['a zone with a null', node({ zone: '\0' }), 'the zone of'],
    ['an unknown state', node({ state: 'gone' as 'active' }), 'the state of'],
    ['too many nodes', { nodes: Array.from({ length: 1025 }, () => A) }, '1025 nodes are more than 1024'],
    ['too few owners', { owners: new Uint16Array(5) }, 'there are 5 owners instead of 16384'],
    ['an owner that is nobody', { owners: ownersOf(() => 3) }, 'owners name node 3, but there are 3'],
    ['too many replicas', { replicaCount: 5 }, '5 replicas of a slot'],
    ['replicas of another number', { replicaCount: 1 }, 'there are 32768 replicas instead of 16384'],
    ['a replica that is the owner', replica(0, 0), 'a replica of slot 0 is its owner'],
    ['a replica twice', replica(1, 1), 'two replicas of slot 0 are one node'],
    ['a replica behind none', replica(41, 1), 'a replica of slot 20 stands behind an empty place'],
    ['a move without slots', move({ slots: [] }), 'has no slots'],
    ['a move of no slot', move({ slots: [SLOT_COUNT] }), 'which is no slot'],
    ['a move out of order', move({ slots: [4, 3] }), 'not in ascending order'],
    ['a move of another’s slot', move({ slots: [10] }), "slot 10 of the move 5 is not its source's"],
    ['a move from nobody', move({ from: 'x' }), 'is from x, which is no node'],
    ['a move to nobody', move({ to: 'x' }), 'is to x, which is no node'],
    ['a move to itself', move({ to: A.id }), 'to itself'],
    ['a move 0', move({ id: 0 }), 'the id 0 of a move'],
    ['a move twice', { moves: [PARTS.moves[0]!, { ...PARTS.moves[0]!, slots: [5] }] }, 'the move 5 is there twice'],
    ['a slot in two moves', { moves: [PARTS.moves[0]!, { ...PARTS.moves[0]!, id: 6 }] }, 'slot 3 is in two moves'],
  ])('%s', (_, change, problem) => {
    expect(() => Topology.of({ ...PARTS, ...change })).toThrow(
      expect.objectContaining({ code: 'InvalidTopology', message: expect.stringContaining(problem) }),
    );
  });
});

describe('the next topology', () => {
  const next = (change: TopologyChange): Topology => nextTopology(topology, change);

  test('is the same but for its epoch where nothing changes', () => {
    expect(next({})).toEqual(Topology.of({ ...PARTS, epoch: 8 }));
  });

  test('has the new owners, whose replicas give way', () => {
    const after = next({
      owners: new Map([
        [0, B.id],
        [9, null],
        [30, A.id],
      ]),
    });
    expect([0, 1, 9, 30].map((slot) => after.ownerOf(slot)?.id)).toEqual([B.id, A.id, undefined, A.id]);
    expect([0, 1, 9].map((slot) => after.replicasOf(slot))).toEqual([[], [B], [B]]);
    expect(after.moves).toEqual(topology.moves);
  });

  test('loses what nodes had that are gone', () => {
    const after = next({ nodes: [C, B] });
    expect(after.nodes).toEqual([B, C]);
    expect([after.ownerOf(3), after.ownerOf(10)?.id]).toEqual([null, B.id]);
    expect([after.replicasOf(3), after.replicasOf(10)]).toEqual([[B], []]);
    expect(after.moves).toEqual([]);
  });

  test('has new nodes wherever they stand in the order', () => {
    const first = randomNode(random, { id: '0'.repeat(40) });
    const after = next({ nodes: [...topology.nodes, first], owners: new Map([[0, first.id]]) });
    expect([0, 1, 10].map((slot) => after.ownerOf(slot)?.id)).toEqual([first.id, A.id, B.id]);
    expect(after.moves).toEqual(topology.moves);
  });

  test('ends a move whose slots go over', () => {
    const after = next({
      owners: new Map([
        [3, B.id],
        [4, B.id],
      ]),
      moves: [],
    });
    expect([after.ownerOf(3), after.moveOf(3)]).toEqual([B, null]);
  });

  test('takes replicas as they are given, or as many as are wanted', () => {
    expect(next({ replicaCount: 1 }).replicasOf(3)).toEqual([B]);
    expect(next({ replicaCount: 3 }).replicasOf(3)).toEqual([B]);
    expect(next({ replicaCount: 0 }).replicasOf(3)).toEqual([]);
    const given = new Uint16Array(SLOT_COUNT).fill(2);
    expect(next({ replicaCount: 1, replicas: given }).replicasOf(3)).toEqual([C]);
  });

  test.each<[string, TopologyChange, string]>([
    ['an owner that is gone', { owners: new Map([[0, 'x']]) }, 'slot 0 shall belong to x, which is no node'],
    ['an owner of no slot', { owners: new Map([[SLOT_COUNT, A.id]]) }, 'the owner of 16384, which is no slot'],
    ['a new owner of a slot on its way', { owners: new Map([[3, B.id]]) }, "slot 3 of the move 5 is not its source's"],
  ])('is refused with %s', (_, change, problem) => {
    expect(() => next(change)).toThrow(
      expect.objectContaining({ code: 'InvalidTopology', message: expect.stringContaining(problem) }),
    );
  });

  test('is refused after the last epoch', () => {
    expect(() => nextTopology(Topology.of({ ...PARTS, epoch: 0xffff_ffff }), {})).toThrow('the epoch 4294967296');
  });
});
