/**
 * Keeps a store's changes on disk. Sans-IO but for the `Disk` that it is given: a thread of its own calls `step`, which blocks while the disk
 * does, until it is told to stop.
 */
import type { ShoalError } from '../base/errors.ts';
import type { ChangeLog } from '../changes/change-log.ts';
import type { Store } from '../store/store.ts';
import type { DataSet } from './data-set.ts';
import type { PersistenceState } from './persistence-state.ts';

/** `snapshot`: whole copies from time to time. `log`: each change, too. */
export type PersistenceMode = 'snapshot' | 'log';
/** When what was appended to the log is made to survive a loss of power. `never`: when the system does it; at rotations and at the end. */
export type FsyncPolicy = 'never' | 'everysec' | 'always';

export interface PersistenceEngineOptions {
  /** The disk thread's access (`diskRow`), which does not count uses. */
  readonly store: Store;
  readonly log: ChangeLog;
  /** Recovered. */
  readonly dataSet: DataSet;
  readonly mode: PersistenceMode;
  readonly fsync: FsyncPolicy;
  /** Time between the beginnings of two snapshots, if anything has changed; infinite: only those that are asked for, or that the log's length asks for. */
  readonly snapshotIntervalMs: number;
  readonly state: PersistenceState;
  readonly logLine: (level: 'info' | 'warn' | 'error', text: string) => void;
  /** Called when `written`, `durable` or the status has changed: who waits for them is to look. */
  readonly onAdvance: () => void;
}

export declare class PersistenceEngine {
  /** From here on each change is followed: make it after the recovery and before anybody is served. `nowMs`: as for `step`. */
  constructor(options: PersistenceEngineOptions, nowMs: number, wallMs: number);
  /**
   * A bounded piece of work at `nowMs`, by a clock that never goes back, `wallMs` since 1970. Returns when to call it again at the latest, by the first
   * clock; at or before `nowMs`: at once. Never throws for what the disk does: `state` says so.
   */
  step(nowMs: number, wallMs: number): number;
  /** Writes what is left and makes it last: the rest of the log, or a last snapshot. Null: all is kept; else why not. */
  stop(nowMs: number, wallMs: number): ShoalError | null;
}
