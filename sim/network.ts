/**
 * The network between the processes of a run. A message may be late, lost, come twice or overtake another; a link may be cut, also in one
 * direction alone, and for a moment at a time. Which of it happens is drawn from the seed; how much of it there is, is the weather.
 *
 * Places are names (`n1`, `c2`, `k1`); a process that comes back after a crash is at the same place, and what is still on its way reaches it,
 * unless the sender meant the process before (an open connection does).
 */
import type { Chance } from './randomness.ts';
import type { Scheduler } from './scheduler.ts';

/** How bad the network is. Probabilities are per message. */
export interface Weather {
  readonly delayMsMin: number;
  /** Added to the least delay; now and then a message takes several times as long, so messages overtake each other. */
  readonly delayMsMean: number;
  readonly lossProbability: number;
  readonly duplicateProbability: number;
  /** Of a message that takes `SLOW_MS` more. */
  readonly slowProbability: number;
}

export const FAIR_WEATHER: Weather = {
  delayMsMin: 0.1,
  delayMsMean: 0.4,
  lossProbability: 0,
  duplicateProbability: 0,
  slowProbability: 0.001,
};

export const STORM: Weather = {
  delayMsMin: 0.2,
  delayMsMean: 8,
  lossProbability: 0.08,
  duplicateProbability: 0.06,
  slowProbability: 0.03,
};

/** What a slow message takes more, at most. */
const SLOW_MS = 400;
/** A lost piece of a stream is sent again after this. */
const RESEND_MS = 200;

export class Network {
  weather: Weather = FAIR_WEATHER;
  private readonly scheduler: Scheduler;
  private readonly chance: Chance;
  /** How many cuts lie on a directed link, by `from>to`. */
  private readonly cuts = new Map<string, number>();

  constructor(scheduler: Scheduler, chance: Chance) {
    this.scheduler = scheduler;
    this.chance = chance;
  }

  /** Carries a message: `deliver` runs when it arrives, which may be never, or twice. */
  send(from: string, to: string, deliver: () => void): void {
    this.sendOnce(from, to, deliver);
    if (this.chance.happens(this.weather.duplicateProbability)) this.carry(from, to, deliver);
  }

  /** As `send`, of what no connection brings twice. */
  sendOnce(from: string, to: string, deliver: () => void): void {
    if (!this.chance.happens(this.weather.lossProbability)) this.carry(from, to, deliver);
  }

  /** Ms that a piece of a stream takes, or null where it does not get through for now. Order is the stream's own business. */
  streamDelayMs(from: string, to: string): number | null {
    if (this.isCut(from, to)) return null;
    const lost = this.chance.happens(this.weather.lossProbability);
    return this.delayMs() + (lost ? RESEND_MS : 0);
  }

  /** Cuts the way from `from` to `to` until `heal` is called as often. */
  cut(from: string, to: string): void {
    const link = `${from}>${to}`;
    this.cuts.set(link, (this.cuts.get(link) ?? 0) + 1);
  }

  heal(from: string, to: string): void {
    const link = `${from}>${to}`;
    const count = this.cuts.get(link) ?? 0;
    if (count <= 1) this.cuts.delete(link);
    else this.cuts.set(link, count - 1);
  }

  healAll(): void {
    this.cuts.clear();
    this.weather = FAIR_WEATHER;
  }

  isCut(from: string, to: string): boolean {
    return this.cuts.has(`${from}>${to}`);
  }

  private carry(from: string, to: string, deliver: () => void): void {
    this.scheduler.after(this.delayMs(), () => {
      // Cut while it was on its way: lost as well.
      if (!this.isCut(from, to)) deliver();
    });
  }

  private delayMs(): number {
    const { chance, weather } = this;
    const slow = chance.happens(weather.slowProbability) ? chance.between(0, SLOW_MS) : 0;
    return weather.delayMsMin + chance.exponential(weather.delayMsMean) + slow;
  }
}
