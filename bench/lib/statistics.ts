/** Medians and spreads of a few runs. The histogram of latencies is in src/load. */

/** Middle value; the mean of the two middle ones where the count is even. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Between the first and the third quartile: the middle half of the values. */
  readonly interquartile: number;
}

/** All NaN for no values. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { median: NaN, min: NaN, max: NaN, interquartile: NaN };
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    interquartile: quantile(values, 0.75) - quantile(values, 0.25),
  };
}

/** The value below which `fraction` of all lie, 0 to 1, between two neighbours in proportion. NaN for none. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const lower = sorted[below] ?? NaN;
  const upper = sorted[below + 1] ?? lower;
  return lower + (upper - lower) * (position - below);
}
