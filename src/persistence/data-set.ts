/**
 * The folder that a node's data is kept in: one data set, which one process uses at a time. `open` takes the folder's lock, makes the data set where the
 * folder is empty, and refuses what it cannot understand whole, with a sentence that says what to do; it changes nothing then.
 */
import type { Disk } from '../io/disk.ts';
import type { Store } from '../store/store.ts';

export interface DataSetOptions {
  /** For a data set that is made now: what versions of items are keyed with. One that is there has its own. */
  readonly itemVersionSeed: readonly [number, number];
  /** Where the node serves, for people who find the folder in use. */
  readonly address: string;
}

/** What loading came to. */
export interface RecoveryReport {
  readonly itemCount: number;
  /** Items that had expired meanwhile. */
  readonly expiredCount: number;
  /** Items that this node's memory had no room for, by its eviction policy. */
  readonly evictedCount: number;
  /** Bytes of the files. */
  readonly bytes: number;
  /** What the end of the last log lost, because it had not been written whole when the process or the power ended; null: nothing. */
  readonly cutTail: { readonly file: string; readonly offset: number; readonly bytes: number } | null;
  readonly durationMs: number;
}

/** Bytes of the files read so far, of all, and items stored. Called a few hundred times. */
export type RecoveryProgress = (progress: {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly itemCount: number;
}) => void;

export declare class DataSet {
  /** Throws a ShoalError, DataSetFailed. */
  static open(disk: Disk, folder: string, options: DataSetOptions): DataSet;
  readonly folder: string;
  readonly itemVersionSeed: readonly [number, number];
  /**
   * Fills an empty store, through the disk thread's access (`diskRow`), while nobody else uses it. Throws a ShoalError, DataSetFailed, where a file is
   * damaged, missing or longer than this node's limits allow. Once, before an engine is made.
   */
  recover(store: Store, wallMs: number, onProgress: RecoveryProgress): RecoveryReport;
  /** Gives the lock back. */
  close(): void;
}
