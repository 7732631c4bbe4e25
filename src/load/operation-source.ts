/**
 * What a load does next. A source describes one operation at a time in its own fields, so that asking for the next makes no
 * object. Time is passed in; what is drawn follows from the seed.
 */
import { type KeyChooser, type Random01 } from './key-choice.ts';

export interface OperationSource {
  /** The operation that `take` took. */
  readonly isRead: boolean;
  readonly key: number;
  /** Of a write. */
  readonly valueBytes: number;
  /** When it should have been sent: its latency counts from here. */
  readonly sinceNs: number;
  /** Whether operations have times of their own (open loop), instead of following a reply (closed loop). */
  readonly paced: boolean;
  /** Operations that this source will give; Infinity where only time ends it. */
  readonly plannedCount: number;
  /** Called once, when the first operations are about to be taken. */
  begin(nowNs: number): void;
  /** Takes the next operation. False: none is due now. */
  take(nowNs: number): boolean;
  /** When the next operation is due. */
  nextDueNs(): number;
  /** Whether `take` will never again take one. */
  isExhausted(nowNs: number): boolean;
}

/** Chooses the length of a value. */
export type BytesChooser = () => number;

/** Any length from `minBytes` to `maxBytes` as likely as any other. */
export function uniformBytes(minBytes: number, maxBytes: number, random: Random01): BytesChooser {
  if (minBytes === maxBytes) return () => minBytes;
  return () => minBytes + Math.floor(random() * (maxBytes - minBytes + 1));
}

/** Writes each key once, in order: what fills the key space before reads are measured. */
export class PreloadSource implements OperationSource {
  readonly isRead = false;
  readonly paced = false;
  readonly plannedCount: number;
  key = -1;
  valueBytes = 0;
  sinceNs = 0;
  private readonly chooseBytes: BytesChooser;

  constructor(keyCount: number, chooseBytes: BytesChooser) {
    this.plannedCount = keyCount;
    this.chooseBytes = chooseBytes;
  }

  begin(): void {
    this.key = -1;
  }

  take(nowNs: number): boolean {
    if (this.isExhausted()) return false;
    this.key += 1;
    this.valueBytes = this.chooseBytes();
    this.sinceNs = nowNs;
    return true;
  }

  nextDueNs(): number {
    return -Infinity;
  }

  isExhausted(): boolean {
    return this.key + 1 >= this.plannedCount;
  }
}

export interface MixOptions {
  /** Share of reads, 0 to 1. */
  readonly readShare: number;
  readonly chooseKey: KeyChooser;
  readonly chooseBytes: BytesChooser;
  readonly random: Random01;
  /** Ends after so many operations; Infinity for no such end. */
  readonly operationsMax: number;
  /** Ends after this time; Infinity for no such end. */
  readonly durationNs: number;
  /** Operations a second, whether replies come or not; 0: as fast as replies come. */
  readonly ratePerSecond: number;
}

/** Reads and writes in random order, in a given share. */
export class MixedSource implements OperationSource {
  isRead = false;
  key = 0;
  valueBytes = 0;
  sinceNs = 0;
  readonly paced: boolean;
  private readonly options: MixOptions;
  private readonly intervalNs: number;
  private startNs = 0;
  private endNs = Infinity;
  private taken = 0;

  constructor(options: MixOptions) {
    this.options = options;
    this.paced = options.ratePerSecond > 0;
    this.intervalNs = this.paced ? 1e9 / options.ratePerSecond : 0;
  }

  get plannedCount(): number {
    const { operationsMax, durationNs } = this.options;
    return this.paced ? Math.min(operationsMax, Math.ceil(durationNs / this.intervalNs)) : operationsMax;
  }

  begin(nowNs: number): void {
    this.startNs = nowNs;
    this.endNs = nowNs + this.options.durationNs;
    this.taken = 0;
  }

  take(nowNs: number): boolean {
    if (this.isExhausted(nowNs)) return false;
    this.sinceNs = nowNs;
    if (this.paced) {
      const dueNs = this.nextDueNs();
      if (dueNs > nowNs) return false;
      this.sinceNs = dueNs;
    }
    const { options } = this;
    this.taken += 1;
    this.isRead = options.random() < options.readShare;
    this.key = options.chooseKey();
    this.valueBytes = this.isRead ? 0 : options.chooseBytes();
    return true;
  }

  nextDueNs(): number {
    return this.paced ? this.startNs + this.taken * this.intervalNs : -Infinity;
  }

  isExhausted(nowNs: number): boolean {
    return this.taken >= this.options.operationsMax || nowNs >= this.endNs;
  }

  /** Operations whose time had come by `nowNs` and that were not taken: what the server could not keep up with. 0 in a closed loop. */
  overdueCount(nowNs: number): number {
    if (!this.paced) return 0;
    const due = Math.ceil((Math.min(nowNs, this.endNs) - this.startNs) / this.intervalNs);
    return Math.max(0, Math.min(due, this.options.operationsMax) - this.taken);
  }
}
