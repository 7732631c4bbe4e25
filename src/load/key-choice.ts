/**
 * Which key a request is for. Choosers are drawn from a seeded source of randomness, so a run is the same whenever its seed is,
 * and they take no memory, however many keys there are.
 *
 * Zipf's law is sampled by rejection-inversion (W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone
 * discrete distributions", ACM TOMACS 6, 1996): a point under the smooth curve x^-exponent is drawn by inverting its
 * integral and rounded to a rank; where the curve lies above the bar of that rank, the point may be drawn again. It is exact, and
 * takes 1.1 draws or fewer on average.
 */

/** A source of numbers in [0, 1). */
export type Random01 = () => number;

/** Chooses a key's number, 0 up to the count of keys. */
export type KeyChooser = () => number;

export function uniformKeys(count: number, random: Random01): KeyChooser {
  return () => Math.floor(random() * count);
}

/** Key `k` comes with a probability in proportion to 1 / (k + 1)^exponent; `exponent` >= 0. */
export function zipfKeys(count: number, exponent: number, random: Random01): KeyChooser {
  const law = new PowerLaw(exponent);
  const lowest = law.integral(1.5) - 1;
  const highest = law.integral(count + 0.5);
  // Nearer to its rank from below than this, a point is under the bar whatever the rank: no need to look.
  const surelyUnder = 2 - law.inverse(law.integral(2.5) - law.height(2));
  return () => {
    for (;;) {
      const area = highest + random() * (lowest - highest);
      const point = law.inverse(area);
      const rank = Math.min(count, Math.max(1, Math.round(point)));
      if (rank - point <= surelyUnder || area >= law.integral(rank + 0.5) - law.height(rank)) return rank - 1;
    }
  };
}

/** A size from `minBytes` to `maxBytes`, each doubling of the size as likely as the next. */
export function logUniformBytes(minBytes: number, maxBytes: number, random: Random01): number {
  return Math.floor(minBytes * (maxBytes / minBytes) ** random());
}

/** x^-exponent and its integral from 1, in forms that hold near exponent 1, where the integral turns into the logarithm. */
class PowerLaw {
  private readonly exponent: number;

  constructor(exponent: number) {
    this.exponent = exponent;
  }

  height(x: number): number {
    return Math.exp(-this.exponent * Math.log(x));
  }

  integral(x: number): number {
    const logarithm = Math.log(x);
    const scaled = (1 - this.exponent) * logarithm;
    return logarithm * (Math.abs(scaled) < NEARLY_ZERO ? 1 + scaled / 2 : Math.expm1(scaled) / scaled);
  }

  inverse(area: number): number {
    // Rounding may take the argument of the logarithm below 0.
    const scaled = Math.max(-1, area * (1 - this.exponent));
    return Math.exp(area * (Math.abs(scaled) < NEARLY_ZERO ? 1 - scaled / 2 : Math.log1p(scaled) / scaled));
  }
}

/** Below it, two terms of the series are as exact as a double. */
const NEARLY_ZERO = 1e-8;
