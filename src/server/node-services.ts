/**
 * What handlers may ask of the node, as small objects of one concern each. Everything here belongs to one data thread.
 */
import type { NodeOptions } from '../config/node-options.ts';
import type { ThreadCluster } from './cluster/thread-cluster.ts';
import type { TopologyWaits } from './cluster/topology-waits.ts';
import type { LastWill } from '../persistence/persistence-state.ts';
import type { ClientPause } from './client-pause.ts';
import type { ClientRegistry } from './client-registry.ts';
import type { CommandStatistics } from './command-statistics.ts';
import type { CommandTable } from './command-table.ts';
import type { ConfigParameter } from './config-parameters.ts';
import type { Clock } from './environment.ts';
import type { ItemVersions } from './item-versions.ts';
import type { MonitorFeed } from './monitor-feed.ts';
import type { ThreadPersistence } from './persistence/thread-persistence.ts';
import type { ThreadAcks } from './replicas/thread-acks.ts';
import type { ThreadCopies } from './replicas/thread-copies.ts';
import type { ThreadReplicas } from './replicas/thread-replicas.ts';
import type { PubSubHub } from './pubsub-hub.ts';
import type { Settings } from './settings.ts';
import type { Threads } from './threads/threads.ts';
import type { TrackingHub } from './tracking/tracking-hub.ts';
import type { Traffic } from './traffic.ts';

export interface NodeServices {
  readonly options: NodeOptions;
  readonly identity: NodeIdentity;
  readonly threads: Threads;
  readonly table: CommandTable;
  readonly clients: ClientRegistry;
  readonly pubsub: PubSubHub;
  readonly monitors: MonitorFeed;
  readonly tracking: TrackingHub;
  readonly pause: ClientPause;
  readonly settings: Settings;
  /** CONFIG's names for settings. */
  readonly parameters: ReadonlyMap<string, ConfigParameter>;
  readonly statistics: CommandStatistics;
  readonly traffic: Traffic;
  readonly itemVersions: ItemVersions;
  readonly clock: Clock;
  /** Null where the node is in no cluster. */
  readonly cluster: ThreadCluster | null;
  readonly topologyWaits: TopologyWaits;
  /** Null where there can be none. */
  readonly replicas: ThreadReplicas | null;
  /** What this node copies of others; null where that is nothing. */
  readonly copies: ThreadCopies | null;
  /** How replies wait for them; null where there can be none. */
  readonly acks: ThreadAcks | null;
  /** Null where nothing is kept on disk. */
  readonly persistence: ThreadPersistence | null;
  /** Asks whoever started the node to stop it; null where the node is a part of an application. */
  readonly askToStop: ((last: LastWill) => void) | null;
}

export interface NodeIdentity {
  /** 40 hexadecimal digits, new for each start. */
  readonly runId: string;
  readonly startedAtMs: number;
  readonly processId: number;
  /** Shoal's own version; Redis's that it stands for is in `compatibility.ts`. */
  readonly version: string;
  readonly transportName: string;
  /** The address that is listened on; set once it is known. */
  host: string;
  port: number;
}
