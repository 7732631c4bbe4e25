/**
 * Data sets on a simulated disk (sim/disk-run.ts): several lives of a process, each of which ends well, or with the process, or with the power, at any call. What
 * the next life finds is compared with what was said to be kept.
 */
import { describe, expect, test } from 'bun:test';
import type { DiskBug } from '../sim/disk-bugs.ts';
import { type DiskFailureKind, runDisk } from '../sim/disk-run.ts';

const SEEDS = 40;
const SEEDS_AT_ONCE = 10;

describe('lives of a data set', () => {
  let changes = 0;
  let cutTails = 0;
  for (let first = 1; first <= SEEDS; first += SEEDS_AT_ONCE) {
    test(`seeds ${first} to ${first + SEEDS_AT_ONCE - 1}`, () => {
      for (let seed = first; seed < first + SEEDS_AT_ONCE; seed += 1) {
        const { failure, figures } = runDisk(seed, null);
        expect(
          failure === null ? null : `${failure.kind}: ${failure.message}; npm run sim:disk -- --seed ${seed}`,
        ).toBeNull();
        changes += figures.changes;
        cutTails += figures.cutTails;
      }
    });
  }

  test('in which something happens', () => {
    expect(changes).toBeGreaterThan(1000 * SEEDS);
    expect(cutTails).toBeGreaterThan(0);
  });
});

interface Plant {
  readonly bug: DiskBug;
  /** It is found within so many seeds. */
  readonly within: number;
  readonly kinds: readonly DiskFailureKind[];
}

const PLANTS: readonly Plant[] = [
  { bug: 'forgetFolder', within: 10, kinds: ['lost', 'refused'] },
  { bug: 'earlyDurable', within: 40, kinds: ['lost'] },
  { bug: 'skipRecord', within: 40, kinds: ['lost'] },
  { bug: 'lyingDisk', within: 10, kinds: ['lost', 'refused'] },
];

describe('a planted bug is found', () => {
  test.each(PLANTS)('$bug within $within seeds', ({ bug, within, kinds }) => {
    for (let seed = 1; seed <= within; seed += 1) {
      const { failure } = runDisk(seed, bug);
      if (failure === null) continue;
      expect(kinds).toContain(failure.kind);
      return;
    }
    expect('not found').toBe(`found within ${within} seeds`);
  });
});

test('a seed takes the same path again', () => {
  expect(runDisk(3, null).figures).toEqual(runDisk(3, null).figures);
});
