/** A node's membership in its cluster: what its control thread runs beside the data threads, and how these hear of it. */
import { createHmac } from 'node:crypto';
import { ChangeLog } from '../../changes/change-log.ts';
import { type ClusterHost, startClusterHost } from '../../cluster/cluster-host.ts';
import type { CopyTable } from '../../cluster/copy-table.ts';
import { DiskNotes } from '../../cluster/disk-notes.ts';
import type { ReplicaTable } from '../../cluster/replica-table.ts';
import type { SlotTable } from '../../cluster/slot-table.ts';
import { StoreMover } from '../../cluster/store-mover.ts';
import type { NodeOptions } from '../../config/node-options.ts';
import { effectiveMode } from '../../config/persistence-options.ts';
import { reachableHost, splitAddress } from '../../io/address.ts';
import { currentRuntime, newTransport } from '../../io/select-transport.ts';
import { controlRow, type StoreHandle } from '../../store/memory.ts';
import { Store } from '../../store/store.ts';
import type { NodeEnvironment } from '../environment.ts';
import type { DiskThread } from '../persistence/disk-thread.ts';
import { NamedHosts } from './named-hosts.ts';
import type { ClusterNews } from './thread-cluster.ts';

/** How long a node that leaves waits for its slots to be moved away. */
const LEAVE_MS_MAX = 60_000;
/** A node that leaves waits no longer where no coordinator answers for this long. */
const LEAVE_SILENCE_MS_MAX = 3000;
const LEAVE_LOOK_MS = 100;
/** A node that has given all away goes on for this long to say where it is: clients that were about to ask lose no request. */
const LEFT_LINGER_MS = 1000;

export interface MembershipParts {
  readonly options: NodeOptions;
  readonly environment: NodeEnvironment;
  /** The process is nothing but this node. */
  readonly isProcess: boolean;
  /** What clients are listened for at. */
  readonly host: string;
  readonly port: number;
  readonly store: StoreHandle;
  readonly slots: SlotTable;
  /** How far replicas are, which data threads read. */
  readonly replicas: ReplicaTable;
  /** What this node copies, which data threads read. */
  readonly copies: CopyTable;
  /** Of a node that keeps its data. */
  readonly disk: DiskThread | null;
  /** For all data threads: what waits for replicas is to be looked at again. */
  readonly onReplicasAdvanced: () => void;
  /** For all data threads. */
  readonly onNews: (news: ClusterNews) => void;
  /** For all data threads: what is held is to be looked at again. */
  readonly onSlotsChanged: () => void;
}

export interface ClusterMembership {
  /** Somebody waits until replicas have what was written so far. */
  confirmNow(): void;
  /** Has the node's slots moved to others. Resolves when it owns none, or when that cannot be had. */
  leave(): Promise<void>;
  /** Resolves once the node has left because an operator has it start again: it owns and copies nothing, and nobody asks it any more. */
  readonly restartAsked: Promise<void>;
  /** Serves nothing from now on. */
  stop(): Promise<void>;
}

/** Rejects with a ShoalError where an option is wrong or the port for other nodes cannot be listened on. */
export async function joinCluster(parts: MembershipParts): Promise<ClusterMembership> {
  const { options, environment, store: handle, slots, disk, onNews, onSlotsChanged } = parts;
  const { cluster } = options;
  const store = Store.attach(handle, controlRow(handle));
  const hosts = new NamedHosts(onNews, environment.timers);
  const announced = announcedAddress(cluster.announce, parts.host, parts.port);
  const host = await startClusterHost(
    {
      cluster: cluster.name,
      coordinators: cluster.coordinators.split(',').map((address) => address.trim()),
      password: options.password,
      announcedHost: announced.host,
      announcedPort: announced.port,
      peerHost: options.host,
      peerPort: cluster.peerPort,
      zone: cluster.zone,
      weight: cluster.weight,
      mayRestart: parts.isProcess,
      ...(disk === null ? {} : { disk: { dataSet: disk.dataSetId, claims: disk.loaded.claims } }),
    },
    {
      transport: newTransport(currentRuntime()),
      clock: environment.clock,
      timers: environment.timers,
      random01: environment.random01,
      log: environment.log,
      slots,
      createMover: (port, reports) =>
        new StoreMover({
          store,
          log: new ChangeLog(handle),
          port: { ...port, writersResumed: onSlotsChanged },
          reports,
          bytesPerSecond: Number.POSITIVE_INFINITY,
          replicas: parts.replicas,
          onReplicasAdvanced: parts.onReplicasAdvanced,
          copies: parts.copies,
          servesAll: () => slots.mayAnswer(environment.clock.monotonicMs()) && slots.pausedCount === 0,
          ...(disk === null ? {} : { disk: diskNotes(disk, store, options) }),
          random01: environment.random01,
        }),
      figures: () => {
        const { itemCount, liveBytes, memoryBytes } = store.stats();
        return { items: itemCount, bytes: liveBytes, memoryBytes };
      },
      onNews: (news) => hosts.pass(news),
      onSlotsChanged,
    },
  ).catch((error: unknown) => {
    hosts.stop();
    throw error;
  });
  const stop = (): Promise<void> => {
    hosts.stop();
    return host.stop();
  };
  const departure = host.left.then(async (reason) => {
    await lingered(environment);
    return reason;
  });
  return {
    confirmNow: () => host.confirmNow(),
    leave: () => leaveCluster(host, departure, environment),
    restartAsked: new Promise((resolve) => {
      void departure.then((reason) => {
        if (reason === 'restart') resolve();
      });
    }),
    stop,
  };
}

function diskNotes({ claims, state }: DiskThread, store: Store, { persistence }: NodeOptions): DiskNotes {
  const mode = effectiveMode(persistence) === 'log' ? 'log' : 'snapshot';
  return new DiskNotes({ store, claims, progress: state, mode });
}

/**
 * The key of item versions of a whole cluster: nodes must agree on it, since versions travel with the items, and others must not know it,
 * where there is a password.
 */
export function clusterVersionSeed({ password, cluster }: NodeOptions): readonly [number, number] {
  const digest = createHmac('sha256', password).update(`shoal item versions of ${cluster.name}`).digest();
  return [digest.readInt32LE(0), digest.readInt32LE(4)];
}

function leaveCluster(
  host: ClusterHost,
  departure: Promise<unknown>,
  { clock, timers, log }: NodeEnvironment,
): Promise<void> {
  const startMs = clock.monotonicMs();
  let hasLeft = false;
  void host.left.then(() => {
    hasLeft = true;
  });
  return new Promise((resolve) => {
    const end = (why: string | null): void => {
      timer.stop();
      if (why !== null) log('warn', `leaving the cluster without giving all slots away: ${why}`);
      resolve();
    };
    const timer = timers.every(LEAVE_LOOK_MS, () => {
      if (hasLeft) return;
      if (host.snapshot().coordinatorSilentMs > LEAVE_SILENCE_MS_MAX) end('no coordinator answers');
      else if (clock.monotonicMs() - startMs > LEAVE_MS_MAX) end(`that takes longer than ${LEAVE_MS_MAX / 1000} s`);
    });
    void departure.then(() => end(null));
    host.leave();
  });
}

/** Resolves when a node that has left has told long enough where its slots are. */
function lingered({ timers }: NodeEnvironment): Promise<void> {
  return new Promise((resolve) => {
    const timer = timers.every(LEFT_LINGER_MS, () => {
      timer.stop();
      resolve();
    });
  });
}

function announcedAddress(
  announce: string,
  host: string,
  port: number,
): { readonly host: string; readonly port: number } {
  if (announce === '') return { host: reachableHost(host), port };
  return splitAddress(announce) ?? { host: announce, port };
}
