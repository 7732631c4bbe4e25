/** Medians, spreads, and a histogram of latencies that costs a few nanoseconds a record. */

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
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Cells for each doubling of the value: an error of at most 1/64. */
const CELLS_PER_DOUBLING = 64;
const DOUBLINGS = 32;

/** Counts of values from 1 to 2^32, log-linear. One unit is whatever the caller records, say ns. */
export class Histogram {
  private readonly cells = new Uint32Array(CELLS_PER_DOUBLING * DOUBLINGS);
  private total = 0;

  get count(): number {
    return this.total;
  }

  record(value: number): void {
    const whole = value < 1 ? 1 : value >= 0xffff_ffff ? 0xffff_ffff : value >>> 0;
    const exponent = 31 - Math.clz32(whole);
    const cell = exponent * CELLS_PER_DOUBLING + Math.floor((whole / 2 ** exponent - 1) * CELLS_PER_DOUBLING);
    this.cells[cell] = (this.cells[cell] as number) + 1;
    this.total += 1;
  }

  /** The value that `fraction` of all records do not exceed, 0 < fraction <= 1: the upper edge of its cell. 0 for no record. */
  quantile(fraction: number): number {
    let left = Math.ceil(this.total * fraction);
    if (left === 0) return 0;
    for (let cell = 0; cell < this.cells.length; cell += 1) {
      left -= this.cells[cell] as number;
      if (left <= 0) {
        const exponent = Math.floor(cell / CELLS_PER_DOUBLING);
        return 2 ** exponent * (1 + ((cell % CELLS_PER_DOUBLING) + 1) / CELLS_PER_DOUBLING);
      }
    }
    return 2 ** DOUBLINGS;
  }

  clear(): void {
    this.cells.fill(0);
    this.total = 0;
  }
}
