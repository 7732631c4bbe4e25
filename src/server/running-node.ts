/** A node that runs, and what every kind of node is started from. `start-node.ts` starts one. */
import type { NodeOptions } from '../config/node-options.ts';
import { currentRuntime } from '../io/select-transport.ts';
import type { LastWill } from '../persistence/persistence-state.ts';
import type { StoreHandle } from '../store/memory.ts';
import type { NodeEnvironment } from './environment.ts';
import type { NodeIdentity } from './node-services.ts';
import type { Loaded, LoadingProgress } from './persistence/disk-start.ts';

export interface RunningNode extends AsyncDisposable {
  /** The address that is listened on. */
  readonly host: string;
  readonly port: number;
  /** Runtime, transport and threads, for people: `bun 1.4.5, epoll, 2 data threads`. */
  readonly description: string;
  /** The memory of its store, for who audits or measures it. */
  readonly store: StoreHandle;
  /** What was on disk; null where nothing is kept. */
  readonly loaded: Loaded | null;
  /** Resolves where a data thread has died, which is a bug: the node does not serve any more, and is to be stopped. */
  readonly failure: Promise<Error>;
  /** Resolves where a client asks the node to stop (SHUTDOWN), and how: whoever started it is to do so. Never for a node inside an application. */
  readonly stopAsked: Promise<LastWill>;
  /** Resolves where an operator has the node start again: it has left its cluster, and its process is to end so that it is started again. Never for a node inside an application. */
  readonly restartAsked: Promise<void>;
  /** Has the slots of a node in a cluster moved to others, while it serves. Resolves when it has none, when that cannot be had, or at once where it is in no cluster. */
  leave(): Promise<void>;
  /**
   * Stops accepting, closes every connection, writes what is to be kept, stops all threads. Resolves when the port is free; safe to call again. Rejects, when
   * all has stopped, with a ShoalError where not all could be kept. `last`: of changes since the last snapshot; 'save' by default.
   */
  stop(last?: LastWill): Promise<void>;
}

export interface NodeStart {
  readonly options: NodeOptions;
  readonly environment: NodeEnvironment;
  readonly identity: NodeIdentity;
  /** For a node that finds none on disk. */
  readonly itemVersionSeed: readonly [number, number];
  /** The process is nothing but this node. */
  readonly isProcess: boolean;
  /** Called while what is on disk is loaded. */
  readonly onLoading: (progress: LoadingProgress) => void;
}

/** `bun 1.4.5`. */
export function runtimeText(): string {
  return currentRuntime() === 'bun' ? `bun ${process.versions['bun']}` : `node ${process.versions.node}`;
}
