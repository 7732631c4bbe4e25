/**
 * The simulator over a hundred seeds: any of them that fails prints how to replay it. And that it finds what it is for: bugs that are planted on
 * purpose, each within a stated number of seeds.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { availableParallelism } from 'node:os';
import type { PlantedBug } from '../sim/bugs.ts';
import type { FailureKind } from '../sim/failure.ts';
import { runSeed } from '../sim/run.ts';
import { type Action, drawScenario, type Profile, PROFILES } from '../sim/scenario.ts';
import { shrinkScenario } from '../sim/shrink.ts';
import { type SimOutcome, SimThreads } from './support/sim-threads.ts';

const SEED_COUNT = 100;
/** Seeds of one test. */
const SEEDS_AT_ONCE = 5;
/** On a slow machine that is busy. */
const TIMEOUT_MS = 120_000;
/** Each takes some hundred MiB. */
const THREAD_COUNT_MAX = 4;

let threads: SimThreads;
beforeAll(() => {
  threads = new SimThreads(Math.min(availableParallelism(), THREAD_COUNT_MAX));
});
afterAll(() => threads.close());

describe('the cluster keeps its promises', () => {
  const profiles = new Set<string>();
  const outcomes: Promise<SimOutcome>[] = [];
  // All of them at once, so that no thread waits for another between two tests.
  beforeAll(() => {
    for (let seed = 1; seed <= SEED_COUNT; seed += 1) outcomes.push(threads.run({ seed, bug: null }));
  });

  for (let first = 1; first <= SEED_COUNT; first += SEEDS_AT_ONCE) {
    const last = first + SEEDS_AT_ONCE - 1;
    test(
      `seeds ${first} to ${last}`,
      async () => {
        let answered = 0;
        for (const { seed, profile, answeredCount, failure } of await Promise.all(outcomes.slice(first - 1, last))) {
          profiles.add(profile);
          const told = failure === null ? null : `${failure.kind}: ${failure.message}; npm run sim -- --seed ${seed}`;
          expect(told).toBeNull();
          answered += answeredCount;
        }
        // Fewer where writes wait for replicas.
        expect(answered).toBeGreaterThan(300 * SEEDS_AT_ONCE);
      },
      TIMEOUT_MS,
    );
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
  test.each(PLANTS)(
    '$bug within $within seeds',
    async ({ bug, within, profiles, replicas = 0, kinds }) => {
      const seeds = Array.from({ length: within }, (_unused, index) => index + 1).filter((seed) => {
        const drawn = drawScenario(seed);
        return profiles.includes(drawn.profile) && drawn.replicas >= replicas;
      });
      for (let at = 0; at < seeds.length; at += threads.count) {
        const runs = seeds.slice(at, at + threads.count).map((seed) => threads.run({ seed, bug }));
        const found = (await Promise.all(runs)).find(({ failure }) => failure !== null);
        if (found === undefined) continue;
        expect(kinds).toContain(found.failure!.kind);
        return;
      }
      expect('not found').toBe(`found within ${within} seeds`);
    },
    TIMEOUT_MS,
  );
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
