import { describe, expect, test } from 'bun:test';
import { movementOfLast, randomCluster, worstDeviation } from '../../test/support/ring-clusters.ts';
import { ShoalError } from '../base/errors.ts';
import { seededRandom } from '../base/random.ts';
import { mix32, murmur3 } from './murmur3.ts';
import { POINTS_PER_NODE, STEP_SEED } from './ring-points.ts';
import { NODE_COUNT_MAX, Ring, type RingNode, WEIGHT_MAX } from './ring.ts';

const FOUR: readonly RingNode[] = [
  { id: 'a', weight: 1 },
  { id: 'b', weight: 2 },
  { id: 'c', weight: 7 },
  { id: 'd', weight: 2 },
];

/** A second implementation, straight from the specification: each node's nearest point by search. */
class PlainRing {
  private readonly nodes: readonly { readonly points: Uint32Array; readonly node: RingNode }[];

  constructor(nodes: readonly RingNode[]) {
    this.nodes = nodes.map((node) => {
      const id = Buffer.from(node.id);
      const start = murmur3(id, 0, id.length, 0);
      const step = murmur3(id, 0, id.length, STEP_SEED) | 1;
      const points = Uint32Array.from({ length: POINTS_PER_NODE }, (_, n) => mix32((start + Math.imul(n, step)) | 0));
      return { points: points.toSorted(), node };
    });
  }

  ownerOfHash(hash: number): string {
    let best = { id: '', distance: Number.POSITIVE_INFINITY, weight: 1 };
    for (const { points, node } of this.nodes) {
      let low = 0;
      for (let high = points.length; low < high; ) {
        const middle = (low + high) >>> 1;
        if (points[middle]! < hash) low = middle + 1;
        else high = middle;
      }
      const distance = low === points.length ? points[0]! + 2 ** 32 - hash : points[low]! - hash;
      const difference = distance * best.weight - best.distance * node.weight;
      if (difference < 0 || (difference === 0 && node.id < best.id)) best = { ...node, distance };
    }
    return best.id;
  }
}

function randomHash(random: () => number): number {
  return Math.floor(random() * 2 ** 32);
}

function thrownBy(task: () => unknown): ShoalError {
  try {
    task();
  } catch (error) {
    if (error instanceof ShoalError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function problemOf(nodes: unknown): string {
  const { code, message } = thrownBy(() => Ring.of(nodes as RingNode[]));
  expect(code).toBe('InvalidOption');
  return message;
}

describe('owners', () => {
  test('are those of a second implementation', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 12; round += 1) {
      const nodes = randomCluster(random, { nodeCountMin: 1, nodeCountMax: 12, weightMax: round < 6 ? 16 : 100 });
      const ring = Ring.of(nodes);
      const plain = new PlainRing(nodes);
      for (const hash of [0, 1, 2 ** 31, 2 ** 32 - 1, ...Array.from({ length: 2000 }, () => randomHash(random))]) {
        expect(nodes[ring.ownerOfHash(hash)]!.id).toBe(plain.ownerOfHash(hash));
      }
    }
  });

  test('do not depend on the order of the list, nor on how the ring came about', () => {
    const random = seededRandom(12);
    const forward = Ring.of(FOUR);
    const others = [
      Ring.of(FOUR.toReversed()),
      Ring.of([{ id: 'x', weight: 5 }, ...FOUR]).without('x'),
      FOUR.slice(1).reduce((ring, node) => ring.with(node), Ring.of(FOUR.slice(0, 1))),
    ];
    for (const other of others) {
      expect(forward.movedShare(other)).toBe(0);
      for (let count = 0; count < 2000; count += 1) {
        const hash = randomHash(random);
        expect(other.nodes[other.ownerOfHash(hash)]!.id).toBe(FOUR[forward.ownerOfHash(hash)]!.id);
      }
    }
  });

  test('of keys with the same tag are the same', () => {
    const ring = Ring.of(FOUR);
    const ownerOf = (key: string): number => ring.ownerOf(Buffer.from(key), 0, Buffer.byteLength(key));
    for (let user = 0; user < 500; user += 1) {
      expect(ownerOf(`{user:${user}}:cart`)).toBe(ownerOf(`user:${user}`));
      expect(ownerOf(`{user:${user}}:name`)).toBe(ownerOf(`user:${user}`));
    }
  });

  test('are indices into the list, within a range of bytes', () => {
    const ring = Ring.of(FOUR);
    const around = Buffer.from('##key:17##');
    expect(ring.ownerOf(around, 2, 6)).toBe(ring.ownerOf(Buffer.from('key:17'), 0, 6));
    expect(Ring.of([{ id: 'only', weight: 3 }]).ownerOf(around, 0, 10)).toBe(0);
  });
});

describe('shares', () => {
  test.each([21, 22, 23, 24])('are within 5%% of the weights, in random clusters from seed %d', (seed) => {
    const random = seededRandom(seed);
    for (let round = 0; round < 40; round += 1) {
      const nodes = randomCluster(random, { nodeCountMin: 2, nodeCountMax: 50, weightMax: 16 });
      const deviation = worstDeviation(Ring.of(nodes));
      if (deviation > 0.05) expect({ nodes, deviation }).toBeNull();
    }
  });

  test('are within 5% with the weights furthest apart', () => {
    for (let round = 0; round < 20; round += 1) {
      const weights = [1, 1, WEIGHT_MAX, WEIGHT_MAX, round + 1];
      const nodes = weights.map((weight, index) => ({ id: `${round}.${index}`, weight }));
      expect(worstDeviation(Ring.of(nodes))).toBeLessThan(0.05);
    }
  });

  test('are what keys that are counted show', () => {
    const ring = Ring.of(FOUR);
    const counts = FOUR.map(() => 0);
    const keyCount = 200_000;
    const key = Buffer.alloc(16);
    for (let number = 0; number < keyCount; number += 1) {
      const length = key.write(`key:${number}`);
      counts[ring.ownerOf(key, 0, length)]! += 1;
    }
    const shares = ring.shares();
    expect(shares.reduce((sum, share) => sum + share)).toBe(1);
    for (const [index, count] of counts.entries()) {
      // Five times what chance varies such a count by.
      const tolerance = 5 * Math.sqrt(keyCount * shares[index]!);
      expect(Math.abs(count - keyCount * shares[index]!)).toBeLessThan(tolerance);
    }
  });
});

describe('a node that comes or goes', () => {
  test.each([31, 32, 33, 34])('moves its own keys only, at most 1.1 of its fair part, from seed %d', (seed) => {
    const random = seededRandom(seed);
    for (let round = 0; round < 15; round += 1) {
      const nodes = randomCluster(random, { nodeCountMin: 2, nodeCountMax: 50, weightMax: 16 });
      const { byFairPart, needless } = movementOfLast(nodes);
      expect(needless).toBe(0);
      expect(byFairPart).toBeLessThan(1.1);
      expect(byFairPart).toBeGreaterThan(0.9);
    }
  });

  test('that gets heavier only gains', () => {
    const light = Ring.of(FOUR);
    const heavy = Ring.of(FOUR.map((node) => (node.id === 'b' ? { ...node, weight: 3 } : node)));
    expect(light.movedShare(heavy)).toBeCloseTo(heavy.shares()[1]! - light.shares()[1]!, 12);
  });
});

describe('a ring', () => {
  test('may be empty, and then has no owners', () => {
    const empty = Ring.of([]);
    expect(thrownBy(() => empty.ownerOfHash(1)).code).toBe('NoAvailableNodes');
    expect(empty.shares()).toHaveLength(0);
    expect(empty.movedShare(Ring.of([]))).toBe(0);
    expect(empty.with(FOUR[0]!).movedShare(empty)).toBe(1);
    expect(empty.with(FOUR[0]!).without('a').nodes).toEqual([]);
  });

  test('never changes', () => {
    const given = FOUR.map((node) => ({ ...node }));
    const ring = Ring.of(given);
    const shares = ring.shares();
    given[0]!.weight = 9;
    ring.with({ id: 'e', weight: 1 });
    expect(ring.without('a').nodes.map(({ id }) => id)).toEqual(['b', 'c', 'd']);
    expect(ring.without('nobody')).toBe(ring);
    expect(ring.nodes).toEqual(FOUR);
    expect(ring.shares()).toEqual(shares);
  });

  test('says what is wrong with a list of nodes', () => {
    expect(problemOf([{ id: '', weight: 1 }])).toContain('no id');
    expect(problemOf([{ weight: 1 }])).toContain('no id');
    expect(problemOf([{ id: '\ud800', weight: 1 }])).toContain('well-formed');
    for (const weight of [0, -1, 1.5, WEIGHT_MAX + 1, Number.NaN, '1', undefined]) {
      expect(problemOf([{ id: 'a', weight }])).toContain(`weight ${String(weight)} of a`);
    }
    expect(problemOf([FOUR[0], FOUR[1], FOUR[0]])).toContain('"a" is there twice');
    const many = Array.from({ length: NODE_COUNT_MAX + 1 }, (_, index) => ({ id: `${index}`, weight: 1 }));
    expect(problemOf(many)).toContain(`${NODE_COUNT_MAX}`);
    expect(() => Ring.of(FOUR).with({ id: 'a', weight: 1 })).toThrow('twice');
  });
});
