import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { arcsOf, type PlacedNode } from './ring-arcs.ts';

const CIRCLE = 2 ** 32;

interface Layout {
  readonly nodes: readonly PlacedNode[];
  /** Ascending, and by place where positions are equal. */
  readonly points: readonly (readonly [position: number, place: number])[];
}

/** By the definition: the node whose next point is nearest by its weight; in fractions, so exactly. */
function ownerByDefinition({ nodes, points }: Layout, hash: number): number {
  let best = { distance: CIRCLE, weight: 1, rank: 0, index: -1 };
  for (const [position, place] of points) {
    const node = nodes[place]!;
    const distance = (position - hash + CIRCLE) % CIRCLE;
    const difference = distance * best.weight - best.distance * node.weight;
    if (difference < 0 || (difference === 0 && node.rank < best.rank)) best = { distance, ...node };
  }
  return best.index;
}

/** Few positions and weights, so that points coincide and nodes are equally near often. */
function randomLayout(random: () => number): Layout {
  const below = (limit: number): number => Math.floor(random() * limit);
  const nodeCount = 1 + below(5);
  const nodes = Array.from({ length: nodeCount }, (_, rank) => ({
    weight: 1 + below(4),
    rank,
    index: nodeCount - rank,
  }));
  nodes.sort((left, right) => left.weight - right.weight || left.rank - right.rank);
  const width = 4 + below(40);
  const points = nodes.flatMap((_, place) =>
    Array.from({ length: 1 + below(4) }, () => {
      const offset = below(width);
      return [random() < 0.5 ? offset : CIRCLE - 1 - offset, place] as const;
    }),
  );
  points.sort((left, right) => left[0] - right[0] || left[1] - right[1]);
  return { nodes, points };
}

function ownerByArcs({ ends, owners }: ReturnType<typeof arcsOf>, hash: number): number {
  return owners[ends.findIndex((end) => end >= hash)]!;
}

function draw({ nodes, points }: Layout): ReturnType<typeof arcsOf> {
  const positions = Uint32Array.from(points, ([position]) => position);
  return arcsOf({ positions, places: Uint16Array.from(points, ([, place]) => place) }, nodes);
}

describe('arcs', () => {
  test('give each hash the owner that the definition gives it', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 3000; round += 1) {
      const layout = randomLayout(random);
      const arcs = draw(layout);
      const near = Array.from({ length: 50 }, (_, offset) => [offset, CIRCLE - 1 - offset]).flat();
      // Far from all points too, and around every end.
      const hashes = [...near, CIRCLE / 2, ...Array.from(arcs.ends, (end) => [end, (end + 1) % CIRCLE]).flat()];
      for (const hash of hashes) {
        if (ownerByArcs(arcs, hash) === ownerByDefinition(layout, hash)) continue;
        expect({ layout, hash, owner: ownerByArcs(arcs, hash) }).toEqual({
          layout,
          hash,
          owner: ownerByDefinition(layout, hash),
        });
      }
    }
  });

  test('ascend, end at the highest hash, and are as few as can be', () => {
    const random = seededRandom(2);
    for (let round = 0; round < 1000; round += 1) {
      const { ends, owners } = draw(randomLayout(random));
      expect(ends.at(-1)).toBe(CIRCLE - 1);
      for (let arc = 1; arc < ends.length; arc += 1) {
        expect(ends[arc]!).toBeGreaterThan(ends[arc - 1]!);
        expect(owners[arc]).not.toBe(owners[arc - 1]);
      }
    }
  });
});
