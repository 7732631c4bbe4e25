/** What the disk thread and the thread that starts it tell each other beside what they share. Plain data. */
import type { PersistenceOptions } from '../../config/node-options.ts';
import type { RecoveryReport } from '../../persistence/recovery.ts';
import type { StoreHandle } from '../../store/memory.ts';
import type { LogLevel } from '../environment.ts';

/** The disk thread's `workerData`. */
export interface DiskStart {
  readonly options: PersistenceOptions;
  readonly store: StoreHandle;
  /** The memory of the `PersistenceState`. */
  readonly state: SharedArrayBuffer;
  /** The buffer of the `SharedState`. */
  readonly shared: SharedArrayBuffer;
  readonly threadCount: number;
  /** How data threads hear that something has moved: each by its mail, or the one that started this thread by a report. */
  readonly wakesBy: 'mail' | 'report';
  /** Of a node in a cluster: its name, and the memory of the `ClaimTable`; null: it is in none. */
  readonly cluster: { readonly name: string; readonly claims: SharedArrayBuffer } | null;
  /** For a data set that is made now. */
  readonly itemVersionSeed: readonly [number, number];
  /** Where the node serves, for people. */
  readonly address: string;
}

/** How far loading is. */
export interface LoadingProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly itemCount: number;
}

/** What loading came to. */
export interface Loaded extends RecoveryReport {
  readonly durationMs: number;
}

export type DiskReport =
  | ({ readonly kind: 'loading' } & LoadingProgress)
  /** What is on disk is in memory. */
  | { readonly kind: 'loaded'; readonly loaded: Loaded }
  /** From now on each change is followed. What follows is the data set's. */
  | { readonly kind: 'ready'; readonly itemVersionSeed: readonly [number, number]; readonly dataSetId: string }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'advanced' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string }
  /** The last before the thread ends. `failure`: why not all is kept, or null. */
  | { readonly kind: 'stopped'; readonly failure: string | null };
