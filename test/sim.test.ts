/**
 * The simulator over a hundred seeds: any of them that fails prints how to replay it. And that it finds what it is for: bugs that are planted on
 * purpose, each within a stated number of seeds.
 */
import { describe, expect, test } from 'bun:test';
import type { PlantedBug } from '../sim/bugs.ts';
import type { FailureKind } from '../sim/failure.ts';
import { runSeed } from '../sim/run.ts';
import { type Action, drawScenario, type Profile, PROFILES } from '../sim/scenario.ts';
import { shrinkScenario } from '../sim/shrink.ts';

const SEED_COUNT = 100;
/** Seeds of one test: small enough for a slow machine's time limit. */
const SEEDS_AT_ONCE = 5;

describe('the cluster keeps its promises', () => {
  const profiles = new Set<string>();
  for (let first = 1; first <= SEED_COUNT; first += SEEDS_AT_ONCE) {
    const last = first + SEEDS_AT_ONCE - 1;
    test(`seeds ${first} to ${last}`, () => {
      let answered = 0;
      for (let seed = first; seed <= last; seed += 1) {
        const { failure, figures, scenario } = runSeed({ seed, bug: null, keep: null, trace: false });
        profiles.add(scenario.profile);
        const told = failure === null ? null : `${failure.kind}: ${failure.message}; npm run sim -- --seed ${seed}`;
        expect(told).toBeNull();
        answered += figures.answeredCount;
      }
      // Fewer where writes wait for replicas.
      expect(answered).toBeGreaterThan(300 * SEEDS_AT_ONCE);
    });
  }

  test('in runs of all kinds', () => {
    expect([...profiles].toSorted()).toEqual(PROFILES.toSorted());
  });
});

interface Plant {
  readonly bug: PlantedBug;
  /** It is found within so many seeds. */
  readonly within: number;
  /** The profiles in which it can show at all; runs of the others are counted and not made. */
  readonly profiles: readonly Profile[];
  /** Copies of each slot that it takes; 0: any. */
  readonly replicas?: number;
  readonly kinds: readonly FailureKind[];
}

const PLANTS: readonly Plant[] = [
  { bug: 'skipFence', within: 60, profiles: ['faults'], kinds: ['twoServe', 'notLinearizable'] },
  { bug: 'dropTail', within: 10, profiles: PROFILES, kinds: ['notLinearizable'] },
  { bug: 'takeEarly', within: 10, profiles: PROFILES, kinds: ['notLinearizable'] },
  {
    bug: 'reuseEpoch',
    within: 100,
    profiles: ['coordinator', 'faults'],
    kinds: ['twoServe', 'notLinearizable', 'needlessDeath', 'notConverged', 'notAtRest'],
  },
  { bug: 'ackEarly', within: 60, profiles: ['faults'], replicas: 1, kinds: ['notLinearizable'] },
  { bug: 'promoteLagging', within: 60, profiles: ['faults'], replicas: 2, kinds: ['notLinearizable'] },
  { bug: 'skipGap', within: 30, profiles: PROFILES, replicas: 1, kinds: ['notLinearizable', 'notAtRest'] },
  { bug: 'reorderWrites', within: 30, profiles: PROFILES, replicas: 1, kinds: ['notLinearizable', 'notAtRest'] },
  { bug: 'fastClock', within: 100, profiles: ['faults'], kinds: ['twoServe', 'notLinearizable'] },
];

describe('a planted bug is found', () => {
  test.each(PLANTS)('$bug within $within seeds', ({ bug, within, profiles, replicas = 0, kinds }) => {
    for (let seed = 1; seed <= within; seed += 1) {
      const drawn = drawScenario(seed);
      if (!profiles.includes(drawn.profile) || drawn.replicas < replicas) continue;
      const { failure } = runSeed({ seed, bug, keep: null, trace: false });
      if (failure === null) continue;
      expect(kinds).toContain(failure.kind);
      return;
    }
    expect('not found').toBe(`found within ${within} seeds`);
  });
});

test('a seed takes the same path again, with a trace too', () => {
  const run = (trace: boolean) => runSeed({ seed: 5, bug: null, keep: null, trace });
  const first = run(false);
  const again = run(true);
  expect(again.figures).toEqual(first.figures);
  expect(first.trace).toEqual([]);
  expect(again.trace.length).toBeGreaterThan(100);
});

const ACTION: Action = { number: 0, atMs: 0, kind: 'join', which: 0, other: 0, forMs: 0, amount: 1 };

describe('a scenario that fails', () => {
  const scenario = {
    ...drawScenario(1),
    actions: Array.from({ length: 5 }, (_unused, number) => ({ ...ACTION, number })),
  };

  test('is made as short as it can be', () => {
    const needed = new Set([1, 3]);
    const kept = shrinkScenario(scenario, 'twoServe', (keep) =>
      [...needed].every((one) => keep.has(one)) ? 'twoServe' : null,
    );
    expect(kept).toEqual(needed);
  });

  test('is not exchanged for another failure', () => {
    const kept = shrinkScenario(scenario, 'twoServe', (keep) => (keep.has(2) ? 'twoServe' : 'crash'));
    expect(kept).toEqual(new Set([2]));
  });
});
