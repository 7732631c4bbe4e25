/** What a run came to, for whoever started it. */
import type { FailureKind } from './failure.ts';
import type { Scenario } from './scenario.ts';

export interface RunFigures {
  readonly steps: number;
  /** True ms that the run took in its own time. */
  readonly virtualMs: number;
  /** Calls of clients that were answered. */
  readonly answeredCount: number;
  /** Calls that were given up at their deadline. */
  readonly failedCount: number;
  /** The last topology's epoch. */
  readonly epoch: number;
  /** Keys' values that the death of an owner was allowed to take. */
  readonly erasedCount: number;
  /** Equal for two runs that took the same path. */
  readonly digest: number;
}

export interface RunFailure {
  readonly kind: FailureKind;
  readonly message: string;
  /** The step in which it showed, and for reads that nothing explains the step of that answer. */
  readonly step: number;
  readonly timeMs: number;
  /** Of the error, where code threw that must not. */
  readonly stack: string;
}

export interface SeedResult {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly figures: RunFigures;
  readonly failure: RunFailure | null;
  /** The last events, where the run was traced. */
  readonly trace: readonly string[];
}
