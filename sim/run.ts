/** One run of the simulation: the world of a seed from its beginning to its verdict, and the replay of one that failed. */
import type { PlantedBug } from './bugs.ts';
import { type FailureKind, SimulationFailure } from './failure.ts';
import type { History } from './history.ts';
import { drawScenario, keepActions } from './scenario.ts';
import type { RunFailure, SeedResult } from './seed-result.ts';
import { shrinkScenario } from './shrink.ts';
import { World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  readonly bug: PlantedBug | null;
  /** Numbers of the actions that happen; null: all. */
  readonly keep: ReadonlySet<number> | null;
  /** Keep the last events as text. */
  readonly trace: boolean;
  /** End there, so that the trace ends with what led to a failure that shows later. */
  readonly stopAtStep?: number;
  /** Gets what clients were told, once the run is over. */
  readonly onHistory?: (history: History) => void;
}

/** Never throws: whatever goes wrong in a run is its result. */
export function runSeed({ seed, bug, keep, trace, stopAtStep, onHistory }: RunOptions): SeedResult {
  const drawn = drawScenario(seed);
  const scenario = keep === null ? drawn : keepActions(drawn, keep);
  const world = new World({ seed, scenario, bug, trace });
  let failure: RunFailure | null = null;
  try {
    world.run(stopAtStep ?? Number.POSITIVE_INFINITY);
  } catch (error) {
    failure = describeFailure(error, world);
  }
  onHistory?.(world.history);
  return { seed, scenario, figures: world.figures, failure, trace: world.trace.tail() };
}

export interface Replay {
  /** The failure with the fewest actions, and its trace. */
  readonly shortest: SeedResult;
  /** Whether the same seed failed in the same step by the same path. */
  readonly isExact: boolean;
}

/** Runs a seed that failed again: once to see that it fails alike, and then with fewer actions for as long as it fails. */
export function replayFailure(result: SeedResult, bug: PlantedBug | null, keep: ReadonlySet<number> | null): Replay {
  const { seed } = result;
  const run = (actions: ReadonlySet<number> | null): SeedResult => runSeed({ seed, bug, keep: actions, trace: false });
  const again = run(keep);
  const isExact =
    again.failure?.step === result.failure!.step &&
    again.failure.message === result.failure!.message &&
    again.figures.digest === result.figures.digest;
  const kept = shrinkScenario(result.scenario, result.failure!.kind, (fewer) => run(fewer).failure?.kind ?? null);
  const shortest = run(kept);
  const { failure } = shortest;
  // A promise that is checked at the end was broken earlier: the trace ends there.
  const traced = runSeed({ seed, bug, keep: kept, trace: true, stopAtStep: failure?.step ?? 0 });
  return { shortest: { ...shortest, trace: traced.trace }, isExact };
}

function describeFailure(error: unknown, world: World): RunFailure {
  const { step, nowMs } = world.scheduler;
  const kind: FailureKind = error instanceof SimulationFailure ? error.kind : 'crash';
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = error instanceof SimulationFailure ? error.step : null;
  return { kind, message, step: at ?? step, timeMs: nowMs, stack };
}
