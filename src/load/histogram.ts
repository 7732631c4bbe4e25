/**
 * A histogram of latencies that costs a few nanoseconds a record and never grows: log-linear, as HdrHistogram's. Each doubling of
 * the value has CELLS_PER_DOUBLING cells of one width, so a quantile is at most 1/128 (0.8%) above the exact one, and never below.
 * Smallest, largest and sum are exact.
 */

const PRECISION_BITS = 7;
const CELLS_PER_DOUBLING = 1 << PRECISION_BITS;
const CELL_MASK = CELLS_PER_DOUBLING - 1;
/** Values reach 2^48: in ns, three days. */
const DOUBLINGS = 48;
/** Values of more than 32 bits lose this many low ones before their cell is found; the cell is wider than that. */
const WIDE_SHIFT = 16;
const VALUE_MAX = 2 ** DOUBLINGS - 1;

/** A histogram as plain data, for another process: the cells that counted something, as pairs of index and count. */
export interface HistogramParts {
  readonly cells: readonly (readonly [index: number, count: number])[];
  readonly sum: number;
  /** Of an empty one, the largest number there is. */
  readonly smallest: number;
  readonly largest: number;
}

/** Counts of values from 1 to 2^48 - 1; what lies outside counts at its ends. One unit is whatever the caller records, say ns. */
export class Histogram {
  private readonly cells = new Uint32Array(CELLS_PER_DOUBLING * DOUBLINGS);
  private total = 0;
  private sum = 0;
  private smallest = VALUE_MAX;
  private largest = 0;

  get count(): number {
    return this.total;
  }

  /** 0 for no record. */
  get max(): number {
    return this.largest;
  }

  /** 0 for no record. */
  get min(): number {
    return this.total === 0 ? 0 : this.smallest;
  }

  /** NaN for no record. */
  get mean(): number {
    return this.sum / this.total;
  }

  record(value: number): void {
    const inRange = value < 1 ? 1 : value > VALUE_MAX ? VALUE_MAX : Math.floor(value);
    const cell = inRange <= 0xffff_ffff ? cellOf(inRange, 0) : cellOf(inRange / 2 ** WIDE_SHIFT, WIDE_SHIFT);
    this.cells[cell]! += 1;
    this.total += 1;
    this.sum += inRange;
    if (inRange > this.largest) this.largest = inRange;
    if (inRange < this.smallest) this.smallest = inRange;
  }

  /** The value that `fraction` of all records do not exceed, 0 < fraction <= 1: the largest of its cell that was, or could have been, recorded. 0 for no record. */
  quantile(fraction: number): number {
    let left = Math.ceil(this.total * fraction);
    if (left === 0) return 0;
    for (let cell = 0; cell < this.cells.length; cell += 1) {
      left -= this.cells[cell]!;
      if (left <= 0) return Math.min(upperEdge(cell), this.largest);
    }
    return this.largest;
  }

  /** Adds all that `other` counted. */
  add(other: Histogram): void {
    for (let cell = 0; cell < this.cells.length; cell += 1) this.cells[cell]! += other.cells[cell]!;
    this.total += other.total;
    this.sum += other.sum;
    this.largest = Math.max(this.largest, other.largest);
    this.smallest = Math.min(this.smallest, other.smallest);
  }

  copy(): Histogram {
    const copy = new Histogram();
    copy.add(this);
    return copy;
  }

  toParts(): HistogramParts {
    const cells: [number, number][] = [];
    this.cells.forEach((count, index) => {
      if (count > 0) cells.push([index, count]);
    });
    return { cells, sum: this.sum, smallest: this.smallest, largest: this.largest };
  }

  /** Adds all that the histogram counted of which `parts` were made. */
  addParts(parts: HistogramParts): void {
    for (const [index, count] of parts.cells) {
      this.cells[index]! += count;
      this.total += count;
    }
    this.sum += parts.sum;
    this.largest = Math.max(this.largest, parts.largest);
    this.smallest = Math.min(this.smallest, parts.smallest);
  }

  clear(): void {
    this.cells.fill(0);
    this.total = 0;
    this.sum = 0;
    this.smallest = VALUE_MAX;
    this.largest = 0;
  }
}

/** The cell of `value` * 2^`shift`, where `value` has at most 32 bits before its point. */
function cellOf(value: number, shift: number): number {
  const whole = value >>> 0;
  const exponent = 31 - Math.clz32(whole);
  const linear =
    exponent >= PRECISION_BITS ? whole >>> (exponent - PRECISION_BITS) : whole << (PRECISION_BITS - exponent);
  return (exponent + shift) * CELLS_PER_DOUBLING + (linear & CELL_MASK);
}

/** The largest whole number of the cell. */
function upperEdge(cell: number): number {
  return Math.ceil(2 ** (cell >>> PRECISION_BITS) * (1 + ((cell & CELL_MASK) + 1) / CELLS_PER_DOUBLING)) - 1;
}
