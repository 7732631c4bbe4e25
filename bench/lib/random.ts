/** Seeded random numbers and key choosers: a run is the same whenever its seed is. */

/** A source of numbers in [0, 1). */
export type Random01 = () => number;

/** Mulberry32: 32 bits of state, good enough to choose keys and sizes. */
export function seededRandom(seed: number): Random01 {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Chooses a key's number, 0 up to the count of keys. */
export type KeyChooser = () => number;

export function uniformKeys(count: number, random: Random01): KeyChooser {
  return () => Math.floor(random() * count);
}

/** Key `k` comes with a probability in proportion to 1 / (k + 1)^exponent. Takes 8 bytes a key. */
export function zipfKeys(count: number, exponent: number, random: Random01): KeyChooser {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let key = 0; key < count; key += 1) {
    sum += 1 / (key + 1) ** exponent;
    cumulative[key] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** A size from `minBytes` to `maxBytes`, each doubling of the size as likely as the next. */
export function logUniformBytes(minBytes: number, maxBytes: number, random: Random01): number {
  return Math.floor(minBytes * (maxBytes / minBytes) ** random());
}
