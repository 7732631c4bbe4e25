import { describe, expect, test } from 'bun:test';
import { randomNodes } from '../../test/support/slot-clusters.ts';
import { seededRandom } from '../base/random.ts';
import { SLOT_STEP, SlotRing } from './slot-ring.ts';
import { SLOT_COUNT } from './slots.ts';

const POINTS = 4;
const LIMITS = { nodeCountMin: 1, nodeCountMax: 300, weightMax: 16, zoneCountMax: 1 };

function randomRing(seed: number): { ring: SlotRing; weights: readonly number[] } {
  const nodes = randomNodes(seededRandom(seed), LIMITS);
  return {
    ring: SlotRing.of(
      nodes.map(({ id, weight }, index) => ({ id, weight, index })),
      POINTS,
    ),
    weights: nodes.map(({ weight }) => weight),
  };
}

describe('the ring of slots', () => {
  test('has points in order, as many for each node as its weight says', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { ring, weights } = randomRing(seed);
      expect(ring.positions).toEqual(ring.positions.toSorted());
      const counts = weights.map(() => 0);
      for (const owner of ring.owners) counts[owner]! += 1;
      expect(counts).toEqual(weights.map((weight) => weight * POINTS));
    }
  });

  test('lets each slot begin at the next point clockwise', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { ring } = randomRing(seed);
      const distances = ring.distances();
      for (let slot = 0; slot < SLOT_COUNT; slot += 61) {
        const at = slot * SLOT_STEP;
        const found = ring.positions.findIndex((position) => position >= at);
        const point = Math.max(0, found);
        expect(ring.firstPoint(slot)).toBe(point);
        expect(distances[slot]).toBe((ring.positions[point]! - at + 2 ** 32) % 2 ** 32);
      }
    }
  });

  test('keeps the points of those that stay where another comes', () => {
    const nodes = randomNodes(seededRandom(9), { ...LIMITS, nodeCountMin: 20 }).map(({ id, weight }, index) => ({
      id,
      weight,
      index,
    }));
    const pointsOf = (ring: SlotRing): string[] =>
      Array.from(ring.positions, (position, point) => `${position} ${ring.owners[point]}`);
    const whole = pointsOf(SlotRing.of(nodes, POINTS));
    const last = nodes.length - 1;
    expect(pointsOf(SlotRing.of(nodes.slice(0, last), POINTS))).toEqual(
      whole.filter((point) => !point.endsWith(` ${last}`)),
    );
  });
});
