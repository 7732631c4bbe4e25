import { describe, expect, test } from 'bun:test';
import { randomNode } from '../../test/support/slot-clusters.ts';
import { seededRandom } from '../base/random.ts';
import { emptyLineage, keptMark, type SlotLineage, UNSURE } from './slot-lineage.ts';
import { SLOT_COUNT } from './slots.ts';
import { nextTopology, NO_NODE, Topology } from './topology.ts';

const random = seededRandom(1);
const NODES = [randomNode(random), randomNode(random), randomNode(random)].toSorted((left, right) =>
  left.id < right.id ? -1 : 1,
);

/** Slots below 10 are the first node's, copied by the second; the others are nobody's. */
function topology(change: (lineage: SlotLineage) => void): Topology {
  const lineage = emptyLineage();
  change(lineage);
  const owners = new Uint16Array(SLOT_COUNT).fill(NO_NODE).fill(0, 0, 10);
  const replicas = new Uint16Array(SLOT_COUNT * 2).fill(NO_NODE);
  for (let slot = 0; slot < 10; slot += 1) replicas[slot * 2] = 1;
  return Topology.of({
    cluster: 'test',
    epoch: 9,
    nodes: NODES,
    owners,
    replicaCount: 2,
    replicas,
    lineage,
    moves: [],
  });
}

describe('the lineage of slots', () => {
  test('is told slot by slot, and is nothing where it says nothing', () => {
    const told = topology(({ since, before, marks }) => {
      since[3] = 7;
      before[3] = 4;
      marks[3] = keptMark(0) | UNSURE;
    });
    expect([told.sinceOf(3), told.beforeOf(3), told.isKept(3, 0), told.isUnsure(3), told.hasKept(3)]).toEqual([
      7,
      4,
      true,
      true,
      true,
    ]);
    expect([told.sinceOf(4), told.beforeOf(4), told.isKept(3, 1), told.isUnsure(4), told.hasKept(4)]).toEqual([
      0,
      0,
      false,
      false,
      false,
    ]);
    expect(told.replicasOf(3)).toEqual([]);
    expect(told.replicasOf(4)).toEqual([NODES[1]!]);
    expect(topology(() => {}).lineage).toBeNull();
  });

  test.each<[string, (lineage: SlotLineage) => void, string]>([
    ['an owner of the future', ({ since }) => (since[1] = 10), 'slot 1 is its owner'],
    [
      'an owner who took over from one that came later',
      ({ since, before }) => ((since[1] = 3), (before[1] = 4)),
      'slot 1',
    ],
    ['a mark for a replica that is not there', ({ marks }) => (marks[1] = keptMark(1)), 'a replica that it has not'],
    ['a mark for more replicas than there are', ({ marks }) => (marks[1] = keptMark(3)), 'a replica that it has not'],
    ['a mark for an owner that is not there', ({ marks }) => (marks[11] = UNSURE), 'an owner that it has not'],
    ['a mark that nobody knows', ({ marks }) => (marks[1] = 32), 'the unknown mark 32'],
  ])('does not have %s', (_name, change, problem) => {
    expect(() => topology(change)).toThrow(problem);
  });

  test('goes on with owners, and begins with others, unless the change says more', () => {
    const before = topology(({ since, before: taken, marks }) => {
      since.fill(5, 0, 10);
      taken.fill(2, 0, 10);
      marks.fill(keptMark(0), 0, 10);
    });
    const next = nextTopology(before, {
      owners: new Map([
        [3, NODES[2]!.id],
        [4, null],
      ]),
    });
    expect([2, 3, 4].map((slot) => [next.sinceOf(slot), next.beforeOf(slot), next.hasKept(slot)])).toEqual([
      [5, 2, false],
      [10, 0, false],
      [5, 2, false],
    ]);
    const without = nextTopology(before, { replicaCount: 0, lineage: emptyLineage() });
    expect(without.lineage).toBeNull();
  });
});
