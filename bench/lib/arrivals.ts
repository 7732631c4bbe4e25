/**
 * When the requests of an open loop are due: at random, as from many clients who know nothing of each other (exponential gaps),
 * whatever the server does. Time is passed in. What is due and not taken stays due, so a stall delays all that came in it,
 * and their latencies, counted from when they were due, tell of it.
 */
import type { Random01 } from '../../src/load/key-choice.ts';

export class Arrivals {
  private readonly meanGapNs: number;
  private readonly endNs: number;
  private readonly random: Random01;
  private dueNs: number;
  private taken = 0;

  /** `ratePerSecond` > 0, from `startNs` for `durationNs`. */
  constructor(
    schedule: { readonly ratePerSecond: number; readonly startNs: number; readonly durationNs: number },
    random: Random01,
  ) {
    if (!(schedule.ratePerSecond > 0)) throw new RangeError(`a rate is above 0, not ${schedule.ratePerSecond}`);
    this.meanGapNs = 1e9 / schedule.ratePerSecond;
    this.endNs = schedule.startNs + schedule.durationNs;
    this.random = random;
    this.dueNs = schedule.startNs + this.gapNs();
  }

  /** When the next request is or was due; Infinity where there is none any more. */
  get nextDueNs(): number {
    return this.dueNs < this.endNs ? this.dueNs : Infinity;
  }

  get takenCount(): number {
    return this.taken;
  }

  /** The time of a request that is due by `nowNs`, which is taken; NaN where none is. */
  take(nowNs: number): number {
    const dueNs = this.nextDueNs;
    if (dueNs === Infinity || dueNs > nowNs) return NaN;
    this.taken += 1;
    this.dueNs += this.gapNs();
    return dueNs;
  }

  /** How many are left, due or not: they are drawn, and gone. For the end of a run, to say what was never sent. */
  countRest(): number {
    let rest = 0;
    while (!Number.isNaN(this.take(Infinity))) rest += 1;
    return rest;
  }

  private gapNs(): number {
    return -Math.log(1 - this.random()) * this.meanGapNs;
  }
}
