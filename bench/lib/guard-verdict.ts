/**
 * Compares measured ratios with recorded ones. A ratio counts as worse where it is above the recorded one by more than chance
 * explains; how much that is follows from the spread of the rounds when it was recorded. Pure: numbers in, verdicts out.
 */
import type { Row } from './rows.ts';
import { ratioText } from './suite-tables.ts';
import type { Spread } from './statistics.ts';
import type { Cell } from './report.ts';

/** Server CPU of Shoal by that of a peer, in one workload. */
export interface GuardedRatio extends Spread {
  readonly workload: string;
  readonly server: string;
  readonly peer: string;
}

export interface RecordedRatios {
  readonly recordedAt: string;
  readonly commit: string;
  readonly machine: string;
  readonly servers: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly ratios: readonly GuardedRatio[];
}

/** `missing`: it was recorded and not measured now. `new`: the other way round. */
export type Outcome = 'same' | 'worse' | 'better' | 'missing' | 'new';

export interface Verdict {
  readonly workload: string;
  readonly server: string;
  readonly peer: string;
  readonly outcome: Outcome;
  readonly recorded: GuardedRatio | null;
  readonly measured: GuardedRatio | null;
  /** Part of the recorded ratio that a change may be without being told; NaN where nothing is recorded. */
  readonly toleranceShare: number;
}

/** A quiet machine tells three hundredths apart; what is less is not worth an alarm. */
const TOLERANCE_SHARE_MIN = 0.03;
/** Ratios that need more than this to be told apart guard nothing: they are not recorded. */
export const TOLERANCE_SHARE_MAX = 0.25;
/** Of a normal distribution: standard deviations in an interquartile range, and standard error of a median, by that of a mean. */
const DEVIATIONS_PER_INTERQUARTILE = 1.349;
const MEDIAN_ERROR = 1.2533;
/** Standard errors of the difference of two medians beyond which chance is no explanation. */
const ERRORS_MAX = 3;

/** How much of itself the recorded ratio may change by chance, between two runs of `rounds` rounds. */
export function toleranceShare(recorded: Spread, rounds: number): number {
  const deviation = recorded.interquartile / DEVIATIONS_PER_INTERQUARTILE;
  const differenceError = (Math.SQRT2 * MEDIAN_ERROR * deviation) / Math.sqrt(rounds);
  return Math.max(TOLERANCE_SHARE_MIN, (ERRORS_MAX * differenceError) / recorded.median);
}

/** The ratios of CPU in `rows`, for all that was measured. */
export function guardedRatios(rows: readonly Row[]): readonly GuardedRatio[] {
  return rows.flatMap(({ workload, server, ratios }) =>
    Object.entries(ratios).flatMap(([peer, { cpu }]) =>
      Number.isFinite(cpu.median) ? [{ workload, server, peer, ...cpu }] : [],
    ),
  );
}

export function judge(recorded: RecordedRatios, measured: readonly GuardedRatio[]): readonly Verdict[] {
  const verdicts = recorded.ratios.map((before): Verdict => {
    const { workload, server, peer } = before;
    const now = measured.find((one) => isSame(one, before)) ?? null;
    const tolerance = toleranceShare(before, recorded.rounds);
    const outcome = now === null ? 'missing' : outcomeOf(before.median, now.median, tolerance);
    return { workload, server, peer, outcome, recorded: before, measured: now, toleranceShare: tolerance };
  });
  const added = measured
    .filter((one) => !recorded.ratios.some((before) => isSame(one, before)))
    .map(({ workload, server, peer, ...rest }): Verdict => {
      const now = { workload, server, peer, ...rest };
      return { workload, server, peer, outcome: 'new', recorded: null, measured: now, toleranceShare: NaN };
    });
  return [...verdicts, ...added];
}

/**
 * What is worse in `first` and was measured `again` is worse only where it is so both times: chance rarely strikes twice. Verdicts of
 * workloads that `again` does not hold stay as they are.
 */
export function confirm(first: readonly Verdict[], again: readonly Verdict[]): readonly Verdict[] {
  return first.map((one) => {
    if (one.outcome !== 'worse') return one;
    return again.find((other) => isSame(other, one) && other.measured !== null) ?? one;
  });
}

export function isFailure({ outcome }: Verdict): boolean {
  return outcome === 'worse' || outcome === 'missing';
}

/** The first row holds the titles. */
export function verdictTable(verdicts: readonly Verdict[]): readonly (readonly Cell[])[] {
  const titles = ['workload', 'server', 'beside', 'recorded', 'measured', 'change', 'tolerance', ''];
  return [
    titles,
    ...verdicts.map(({ workload, server, peer, outcome, recorded, measured, toleranceShare: tolerance }) => [
      workload,
      server,
      peer,
      ratioText(recorded ?? undefined),
      ratioText(measured ?? undefined),
      recorded === null || measured === null ? '' : percent(measured.median / recorded.median - 1),
      Number.isNaN(tolerance) ? '' : `±${Math.round(tolerance * 100)}%`,
      outcome === 'worse' || outcome === 'missing' ? outcome.toUpperCase() : outcome,
    ]),
  ];
}

/** Reads the file of recorded ratios. Throws with a sentence where it is none. */
export function parseRecorded(text: string, file: string): RecordedRatios {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is no JSON: ${(error as Error).message}`, { cause: error });
  }
  const { ratios, rounds } = (value ?? {}) as Partial<RecordedRatios>;
  const isRatio = (one: Partial<GuardedRatio> | null): boolean =>
    [one?.workload, one?.server, one?.peer].every((name) => typeof name === 'string') &&
    [one?.median, one?.interquartile].every((number) => typeof number === 'number' && Number.isFinite(number)) &&
    one!.median! > 0;
  if (!Array.isArray(ratios) || !ratios.every(isRatio) || !(Number(rounds) > 0)) {
    throw new Error(`${file} holds no recorded ratios; write it anew with npm run bench:guard -- --record`);
  }
  return value as RecordedRatios;
}

function outcomeOf(before: number, now: number, tolerance: number): Outcome {
  const change = now / before - 1;
  if (change > tolerance) return 'worse';
  return change < -tolerance ? 'better' : 'same';
}

interface Named {
  readonly workload: string;
  readonly server: string;
  readonly peer: string;
}

function isSame(one: Named, other: Named): boolean {
  return one.workload === other.workload && one.server === other.server && one.peer === other.peer;
}

function percent(share: number): string {
  return `${share < 0 ? '' : '+'}${(share * 100).toFixed(1)}%`;
}
