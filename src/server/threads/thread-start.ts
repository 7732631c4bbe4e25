/** What the control thread and a data thread tell each other beside mail. Plain data and ports. */
import type { MessagePort } from 'node:worker_threads';
import type { NodeOptions } from '../../config/node-options.ts';
import type { ListenOptions } from '../../io/transport.ts';
import type { LastWill } from '../../persistence/persistence-state.ts';
import type { StoreHandle } from '../../store/memory.ts';
import type { LogLevel } from '../environment.ts';
import type { NodeIdentity } from '../node-services.ts';
import type { OwnThreads } from './placement.ts';

/** A data thread's `workerData`. */
export interface ThreadStart {
  readonly thread: number;
  readonly threadCount: number;
  readonly transport: OwnThreads['transport'];
  readonly options: NodeOptions;
  readonly identity: NodeIdentity;
  readonly itemVersionSeed: readonly [number, number];
  readonly store: StoreHandle;
  readonly runsJanitor: boolean;
  /** The memory of the slot table of a node in a cluster; else null. */
  readonly slots: SharedArrayBuffer | null;
  /** The memory of the `ReplicaTable` of a node in a cluster; else null. */
  readonly replicas: SharedArrayBuffer | null;
  /** The memory of its `CopyTable`; else null. */
  readonly copies: SharedArrayBuffer | null;
  /** The memory of the `PersistenceState` of a node that keeps its data; else null. */
  readonly persistence: SharedArrayBuffer | null;
  /** The buffer of the `TrackingMemory`. */
  readonly tracking: SharedArrayBuffer;
  /** The buffer of the `SharedState`. */
  readonly shared: SharedArrayBuffer;
  /** To each data thread, and last to the control thread; null in one's own place. */
  readonly ports: readonly (MessagePort | null)[];
  /** Clients may ask the node to stop. */
  readonly isProcess: boolean;
  /** To listen on, instead of that of the options. */
  readonly port: number;
  readonly portSharing: NonNullable<ListenOptions['portShared']> | null;
}

/** What a data thread reports to the control thread. */
export type ThreadReport =
  | { readonly kind: 'listening'; readonly host: string; readonly port: number }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'stopAsked'; readonly last: LastWill }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string };
