/**
 * A node's control side on real sockets, with a store but without data threads: a test looks into slot table and store itself. And a
 * coordinator for it, whose state is in a temporary folder.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChangeLog } from '../../src/changes/change-log.ts';
import { type ClusterHost, type ClusterHostNews, startClusterHost } from '../../src/cluster/cluster-host.ts';
import { ReplicaTable } from '../../src/cluster/replica-table.ts';
import { SlotTable } from '../../src/cluster/slot-table.ts';
import { StoreMover } from '../../src/cluster/store-mover.ts';
import { type RunningCoordinator, startCoordinator } from '../../src/coordinator/start-coordinator.ts';
import { openStateStore } from '../../src/coordinator/state/open-state-store.ts';
import { RUNTIME_TIME } from '../../src/io/real-time.ts';
import { currentRuntime, newTransport } from '../../src/io/select-transport.ts';
import { controlRow } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { decodeTopology } from '../../src/topology/encoding.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import { Topology } from '../../src/topology/topology.ts';
import { StoreDriver } from './store-driver.ts';

export const HOSTED_CLUSTER = 'hosted';
export const HOSTED_LEASE_MS = 1200;
const WAIT_MS_MAX = 15_000;
/** Of clients, who are not there: a coordinator wants each node to have another one. */
let nextPort = 1;
const LOOK_AGAIN_MS = 5;

/** Waits until `isSo`; rejects where that takes too long. */
export async function until(
  isSo: () => boolean,
  describe: () => string = () => 'it did not come to that',
): Promise<void> {
  const endMs = RUNTIME_TIME.monotonicMs() + WAIT_MS_MAX;
  while (!isSo()) {
    if (RUNTIME_TIME.monotonicMs() > endMs) throw new Error(describe());
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

export class HostedCoordinator implements AsyncDisposable {
  private readonly directory = mkdtempSync(join(tmpdir(), 'shoal-hosted-'));
  private running: RunningCoordinator | null = null;
  private port = 0;
  private readonly password: string;

  private constructor(password: string) {
    this.password = password;
  }

  static async start(password = ''): Promise<HostedCoordinator> {
    const coordinator = new HostedCoordinator(password);
    await coordinator.restart();
    return coordinator;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Where it was before, with its state. */
  async restart(): Promise<void> {
    this.running = await startCoordinator(
      {
        cluster: HOSTED_CLUSTER,
        host: '127.0.0.1',
        port: this.port,
        announce: '',
        password: this.password,
        leaseMs: HOSTED_LEASE_MS,
        slotsPerMove: 1024,
        concurrentMoves: 4,
        moveBytesPerSecond: 0,
        replicas: 0,
        dataWaitMs: 0,
      },
      { store: openStateStore(`file:${this.directory}`), log: () => {} },
    );
    this.port = this.running.port;
  }

  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface HostedNodeOptions {
  readonly coordinators: readonly string[];
  readonly cluster?: string;
  readonly password?: string;
}

export class HostedNode implements AsyncDisposable {
  readonly table = SlotTable.create();
  readonly store: Store;
  readonly driver: StoreDriver;
  readonly logged: string[] = [];
  topology: Topology;
  nodeId = '';
  trouble: string | null = null;
  slotChanges = 0;
  private running: ClusterHost | null = null;

  private constructor(cluster: string) {
    this.topology = Topology.empty(cluster);
    this.store = Store.create({
      memoryBytes: 4 * 1024 * 1024,
      segmentBytes: 0,
      threadCount: 1,
      eviction: 'noeviction',
      clustered: true,
      hashSeed: [1, 2],
    });
    this.driver = new StoreDriver(this.store);
  }

  static async start(options: HostedNodeOptions): Promise<HostedNode> {
    const { coordinators, cluster = HOSTED_CLUSTER, password = '' } = options;
    const node = new HostedNode(cluster);
    const { store } = node;
    node.running = await startClusterHost(
      {
        cluster,
        coordinators,
        password,
        announcedHost: '127.0.0.1',
        announcedPort: nextPort++,
        peerHost: '127.0.0.1',
        peerPort: 0,
        zone: '',
        weight: 1,
        mayRestart: true,
      },
      {
        transport: newTransport(currentRuntime()),
        clock: RUNTIME_TIME,
        timers: { every: (intervalMs, callback) => ({ stop: RUNTIME_TIME.every(intervalMs, callback) }) },
        random01: Math.random,
        log: (_level, message) => void node.logged.push(message),
        slots: node.table,
        createMover: (port, reports) =>
          new StoreMover({
            store: Store.attach(store.handle, controlRow(store.handle)),
            log: new ChangeLog(store.handle),
            port: { ...port, writersResumed: () => {} },
            reports,
            bytesPerSecond: Number.POSITIVE_INFINITY,
            replicas: ReplicaTable.create(),
            random01: Math.random,
          }),
        figures: () => ({ items: store.stats().itemCount, bytes: 0, memoryBytes: 0 }),
        onNews: (news) => node.take(news),
        onSlotsChanged: () => {
          node.slotChanges += 1;
        },
      },
    );
    return node;
  }

  get host(): ClusterHost {
    return this.running!;
  }

  serves(slot: number): boolean {
    return this.table.mayServe(slot, RUNTIME_TIME.monotonicMs());
  }

  /** Slots that it serves at this moment. */
  get servedCount(): number {
    let count = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (this.serves(slot)) count += 1;
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running?.stop();
  }

  private take({ nodeId, topology, trouble }: ClusterHostNews): void {
    this.nodeId = nodeId;
    this.trouble = trouble;
    if (topology !== null) this.topology = decodeTopology(topology);
  }
}

/** Waits until `nodes` together serve every slot, each slot by one of them. */
export function wholeCluster(nodes: readonly HostedNode[]): Promise<void> {
  const isWhole = (): boolean => {
    const isSettled = nodes.every(
      ({ table, topology }) =>
        table.ownedCount > 0 && topology.moves.length === 0 && topology.nodes.length === nodes.length,
    );
    if (!isSettled || nodes.reduce((sum, { table }) => sum + table.ownedCount, 0) !== SLOT_COUNT) return false;
    return nodes.reduce((sum, node) => sum + node.servedCount, 0) === SLOT_COUNT;
  };
  return until(isWhole, () =>
    nodes.map((node) => `${node.servedCount} ${node.trouble} ${JSON.stringify(node.host.snapshot())}`).join('\n'),
  );
}
