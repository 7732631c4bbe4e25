import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { lowerBound, type SlotClaim, targetCounts, type Tolerance, upperBound } from './slot-shares.ts';

const SLOTS = 12;

/** Every way to share `slots` among `nodeCount`. */
function* allShares(nodeCount: number, slots: number): Generator<readonly number[]> {
  if (nodeCount === 1) {
    yield [slots];
    return;
  }
  for (let first = 0; first <= slots; first += 1) {
    for (const rest of allShares(nodeCount - 1, slots - first)) yield [first, ...rest];
  }
}

/** Slots that get another owner, or their first. */
function transferCount(claims: readonly SlotClaim[], targets: ArrayLike<number>): number {
  return claims.reduce((sum, { count }, index) => sum + Math.max(0, targets[index]! - count), 0);
}

interface Claims {
  readonly claims: readonly SlotClaim[];
  readonly tolerance: Tolerance;
}

function randomClaims(random: () => number, withFixed: boolean): Claims {
  let left = SLOTS;
  const claims = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, index) => {
    const count = Math.floor(random() * (left + 1));
    left -= count;
    const weight = index > 0 && random() < 0.2 ? 0 : 1 + Math.floor(random() * 4);
    return { weight, count, fixed: withFixed ? Math.floor(random() * (count + 1)) : 0 };
  });
  return { claims, tolerance: random() < 0.5 ? 'tight' : 'loose' };
}

/** Whether each node has what it may and must have. */
function isWithin({ claims, tolerance }: Claims, shares: readonly number[]): boolean {
  const sum = claims.reduce((total, { weight }) => total + weight, 0);
  return claims.every(({ weight, fixed }, index) => {
    const share = shares[index]!;
    const max = Math.max(fixed, upperBound(weight, sum, SLOTS, tolerance));
    return share >= fixed && share <= max && share >= lowerBound(weight, sum, SLOTS, tolerance);
  });
}

describe('the slots that each node shall have', () => {
  test.each([false, true])('are the best of all that can be (some fixed: %p)', (withFixed) => {
    const random = seededRandom(1);
    let solvable = 0;
    for (let round = 0; round < 400; round += 1) {
      const given = randomClaims(random, withFixed);
      const targets = Array.from(targetCounts(given.claims, SLOTS, given.tolerance));
      expect(targets.reduce((sum, count) => sum + count, 0)).toBe(SLOTS);
      expect(targets.every((count, index) => count >= given.claims[index]!.fixed)).toBe(true);
      const possible = [...allShares(given.claims.length, SLOTS)].filter((shares) => isWithin(given, shares));
      if (possible.length === 0) continue;
      solvable += 1;
      expect(isWithin(given, targets)).toBe(true);
      const least = Math.min(...possible.map((shares) => transferCount(given.claims, shares)));
      expect(transferCount(given.claims, targets)).toBe(least);
    }
    expect(solvable).toBeGreaterThan(200);
  });

  test('come from those that have most for their weight', () => {
    const claims = [
      { weight: 1, count: 900, fixed: 0 },
      { weight: 1, count: 1100, fixed: 0 },
      { weight: 2, count: 2000, fixed: 0 },
      { weight: 1, count: 0, fixed: 0 },
    ];
    // 760 of 4000 are the least that the last one must have; 40 of the second one are too many.
    expect(Array.from(targetCounts(claims, 4000, 'loose'))).toEqual([810, 810, 1620, 760]);
  });

  test('go to those that have least for their weight', () => {
    const claims = [
      { weight: 1, count: 300, fixed: 0 },
      { weight: 2, count: 500, fixed: 0 },
      { weight: 1, count: 200, fixed: 0 },
    ];
    expect(Array.from(targetCounts(claims, 1200, 'loose'))).toEqual([300, 600, 300]);
  });

  test('have the bounds that were promised', () => {
    expect([lowerBound(1, 4, 1000, 'loose'), upperBound(1, 4, 1000, 'loose')]).toEqual([237, 262]);
    expect([lowerBound(1, 3, 1000, 'tight'), upperBound(1, 3, 1000, 'tight')]).toEqual([333, 334]);
    // So few slots that rounding alone is more than a twentieth.
    expect([lowerBound(3, 10, 11, 'loose'), upperBound(3, 10, 11, 'loose')]).toEqual([3, 4]);
    expect([lowerBound(0, 10, 1000, 'loose'), upperBound(0, 10, 1000, 'loose')]).toEqual([0, 0]);
  });
});
