/** Keys and values of the benchmark of data on disk: values that do not compress, so that nobody's work is saved by their being alike. */
const POOL_BYTES = 65_536;
/** No divisor of the pool's length, so that items differ. */
const STRIDE = 97;
const VALUE_BYTES_MAX = 65_536;

export class RandomValues {
  readonly bytes: Buffer = Buffer.alloc(POOL_BYTES + VALUE_BYTES_MAX);

  constructor() {
    crypto.getRandomValues(this.bytes.subarray(0, POOL_BYTES));
    this.bytes.copy(this.bytes, POOL_BYTES, 0, VALUE_BYTES_MAX);
  }

  /** Where the value of an item begins in `bytes`. */
  startOf(item: number): number {
    return (item * STRIDE) % POOL_BYTES;
  }
}

export function keyOfItem(item: number): Buffer {
  return Buffer.from(`key:${item}`);
}
