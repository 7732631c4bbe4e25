/**
 * Makes a scenario that fails shorter: leaves out one action after the other, and keeps it out where the run still breaks the same promise.
 * What is left is nearly always two or three actions, which people can follow.
 */
import type { FailureKind } from './failure.ts';
import type { Scenario } from './scenario.ts';

/** Runs that shrinking may take. */
const TRIES_MAX = 60;

/** The numbers of the actions that are left. `failsWith` runs the seed with only these and says what it broke, or null. */
export function shrinkScenario(
  scenario: Scenario,
  kind: FailureKind,
  failsWith: (keep: ReadonlySet<number>) => FailureKind | null,
): ReadonlySet<number> {
  let kept: ReadonlySet<number> = new Set(scenario.actions.map(({ number }) => number));
  let tries = 0;
  for (let isShorter = true; isShorter; ) {
    isShorter = false;
    for (const number of kept) {
      if (tries >= TRIES_MAX) return kept;
      tries += 1;
      const fewer = new Set(kept);
      fewer.delete(number);
      if (failsWith(fewer) !== kind) continue;
      kept = fewer;
      isShorter = true;
    }
  }
  return kept;
}
