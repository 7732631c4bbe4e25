/** Puts one data thread together: what it works with, the thread itself, and its sweep. The same for every kind of node. */
import type { CopyTable } from '../cluster/copy-table.ts';
import type { SlotTable } from '../cluster/slot-table.ts';
import type { NodeOptions } from '../config/node-options.ts';
import type { Transport } from '../io/transport.ts';
import { RespWriter } from '../protocol/resp/writer.ts';
import { ShoalWriter } from '../protocol/shoal/writer.ts';
import type { Store } from '../store/store.ts';
import { ClientPause } from './client-pause.ts';
import { ClientRegistry } from './client-registry.ts';
import { ThreadCluster } from './cluster/thread-cluster.ts';
import { TopologyWaits } from './cluster/topology-waits.ts';
import { CommandStatistics } from './command-statistics.ts';
import { CommandTable } from './command-table.ts';
import { ALL_COMMANDS } from './commands/all-commands.ts';
import { errorMeaning } from './commands/error-status.ts';
import { ConnectionSweep } from './connection-sweep.ts';
import { configParameters } from './config-parameters.ts';
import { DataThread } from './data-thread.ts';
import type { NodeEnvironment } from './environment.ts';
import { Forwarder } from './forwarding/forwarder.ts';
import { ItemVersions } from './item-versions.ts';
import { MonitorFeed } from './monitor-feed.ts';
import { MutableContext } from './mutable-context.ts';
import { NodeGate } from './node-gate.ts';
import type { NodeIdentity, NodeServices } from './node-services.ts';
import { PubSubHub } from './pubsub-hub.ts';
import type { PersistenceState } from '../persistence/persistence-state.ts';
import { ThreadPersistence } from './persistence/thread-persistence.ts';
import { threadAcks } from './replicas/thread-acks.ts';
import { ThreadCopies } from './replicas/thread-copies.ts';
import { type ReplicaPositions, ThreadReplicas } from './replicas/thread-replicas.ts';
import { ReplyGate } from './reply-gate/reply-gate.ts';
import { SessionOutput } from './session-output.ts';
import { Settings } from './settings.ts';
import type { SharedState } from './threads/shared-state.ts';
import { ThreadProgress } from './threads/progress.ts';
import type { MailSource, Threads } from './threads/threads.ts';
import { TrackingHub } from './tracking/tracking-hub.ts';
import { TrackingMemory } from './tracking/tracking-memory.ts';
import { TrackingMessages } from './tracking/tracking-messages.ts';
import { Traffic } from './traffic.ts';

export interface AssemblyParts {
  readonly options: NodeOptions;
  readonly environment: NodeEnvironment;
  /** This thread's access to the store. */
  readonly store: Store;
  readonly identity: NodeIdentity;
  readonly shared: SharedState;
  readonly threads: Threads;
  readonly mail: MailSource | null;
  /** On which the thread listens: for connections to other nodes. */
  readonly transport: Transport;
  /** The slot table of a node in a cluster; else null. */
  readonly slots: SlotTable | null;
  /** Keys the versions of items: one for all threads of a node, and secret. */
  readonly itemVersionSeed: readonly [number, number];
  /** How far the disk is; null where nothing is kept. */
  readonly persistence: PersistenceState | null;
  /** How far replicas of a node in a cluster are, and how they are asked to hurry; left out: there are none. */
  readonly replicas?: { readonly positions: ReplicaPositions; readonly ask: () => void };
  /** What a node in a cluster copies of others; left out: nothing. */
  readonly copies?: CopyTable;
  /** What threads know together of clients that cache; left out: of a node with one thread. */
  readonly tracking?: TrackingMemory;
  /** See `NodeServices`; left out: null. */
  readonly askToStop?: NodeServices['askToStop'];
}

export interface Assembly {
  readonly thread: DataThread;
  readonly sweep: ConnectionSweep;
  readonly services: NodeServices;
}

export function assembleDataThread(parts: AssemblyParts): Assembly {
  const { options, environment, store, identity, shared, threads, mail, slots, itemVersionSeed, transport } = parts;
  const settings = new Settings(options, environment.descriptorCountMax);
  const { limits } = settings;
  const traffic = new Traffic();
  const gate = new NodeGate();
  const respWriter = new RespWriter(limits.outputBufferBytesMax);
  const shoalWriter = new ShoalWriter(limits.outputBufferBytesMax, errorMeaning);
  const writes = transport.newWriteBatch?.() ?? null;
  const output = new SessionOutput(respWriter, limits, traffic, environment.clock, environment.log, writes);
  const table = new CommandTable(ALL_COMMANDS);
  const cluster = slots === null ? null : new ThreadCluster(slots, options.cluster.name);
  const persistence =
    parts.persistence === null
      ? null
      : new ThreadPersistence(parts.persistence, options.persistence, store.parts.changes, gate);
  const replicas =
    slots === null || parts.replicas === undefined
      ? null
      : new ThreadReplicas(parts.replicas.positions, slots, store.parts.changes, parts.replicas.ask);
  const acks =
    slots === null || replicas === null
      ? null
      : threadAcks({ replicas, options, limits, output, clock: environment.clock, slots });
  const clients = new ClientRegistry(shared);
  const tracking = new TrackingHub({
    memory: parts.tracking ?? TrackingMemory.create(threads.count),
    store,
    threads,
    clients,
    messages: new TrackingMessages(output, new RespWriter(Number.MAX_SAFE_INTEGER)),
    sendScheduled: () => output.flushScheduled(),
    clock: environment.clock,
    timers: environment.timers,
    limits,
    cluster,
  });
  const services: NodeServices = {
    options,
    identity,
    threads,
    table,
    clients,
    pubsub: new PubSubHub(output, new RespWriter(Number.MAX_SAFE_INTEGER), threads),
    monitors: new MonitorFeed(output, gate, threads),
    tracking,
    pause: new ClientPause(gate),
    settings,
    parameters: configParameters(options, settings, identity),
    statistics: new CommandStatistics(table.entries.length),
    traffic,
    itemVersions: new ItemVersions(...itemVersionSeed),
    clock: environment.clock,
    cluster,
    topologyWaits: new TopologyWaits(output, new ShoalWriter(Number.MAX_SAFE_INTEGER, errorMeaning)),
    persistence,
    replicas,
    acks,
    copies: parts.copies === undefined ? null : new ThreadCopies(parts.copies, environment.clock),
    askToStop: parts.askToStop ?? null,
  };
  store.visibleSlots = cluster;
  store.notesFlushedSlots = cluster !== null && persistence !== null;
  const context = new MutableContext(store, limits, services, environment.random01);
  const { clock, timers, random01, log } = environment;
  const { ackReplicas } = options.cluster;
  const ackTimeoutMs = ackReplicas === 0 ? 0 : options.cluster.ackTimeoutMs;
  const password = (): string => settings.password;
  const forwarder =
    cluster === null
      ? null
      : new Forwarder({ transport, cluster, clock, timers, random01, output, limits, password, ackTimeoutMs });
  const progress = new ThreadProgress(shared, threads.own);
  const rules = [persistence, acks?.batch ?? null].filter((rule) => rule !== null);
  const replies = new ReplyGate({ clock, timers, log, progress, rules, detached: acks?.detached ?? null });
  const thread = new DataThread({
    context,
    gate,
    respWriter,
    shoalWriter,
    output,
    environment,
    mail,
    forwarder,
    replies,
  });
  const sweep = new ConnectionSweep(thread, services, limits, environment.log);
  return { thread, sweep, services };
}

/** Says so where the process may not open as many files as the options allow connections. */
export function warnOfDescriptorLimit(options: NodeOptions, environment: NodeEnvironment): void {
  const { limits } = new Settings(options, environment.descriptorCountMax);
  if (limits.connectionCountMax >= options.limits.connectionCountMax) return;
  environment.log(
    'warn',
    `at most ${limits.connectionCountMax} connections instead of ${options.limits.connectionCountMax}: this process may open ${environment.descriptorCountMax} files; raise that limit (ulimit -n)`,
  );
}
