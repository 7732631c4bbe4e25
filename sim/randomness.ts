/**
 * All chance of a run comes from its seed, in one stream for each purpose: so that leaving an action out of a scenario does not change
 * what the network does before it, and a shorter scenario can be tried.
 */
import { seededRandom } from '../src/base/random.ts';

export class Chance {
  private readonly random: () => number;

  constructor(seed: number, purpose: string) {
    let mixed = seed | 0;
    for (const character of purpose) mixed = Math.imul(mixed ^ character.codePointAt(0)!, 0x01000193) + 0x9e37;
    this.random = seededRandom(mixed);
  }

  /** In [0, 1). */
  fraction(): number {
    return this.random();
  }

  /** In [from, to). */
  between(from: number, to: number): number {
    return from + (to - from) * this.random();
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  /** True once in 1/`probability` times. */
  happens(probability: number): boolean {
    return this.random() < probability;
  }

  /** One of `choices`, which must not be empty. */
  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.below(choices.length)]!;
  }

  /** Around `meanMs`, now and then much longer: waits and delays as they are. */
  exponential(meanMs: number): number {
    return -Math.log(1 - this.random()) * meanMs;
  }
}
