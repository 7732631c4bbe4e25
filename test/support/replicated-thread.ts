/** A real data thread without sockets, of a node that has all slots of a cluster, whose replicas do what a test says. */
import { CopyTable } from '../../src/cluster/copy-table.ts';
import { OWNED, ServingRight, SlotTable } from '../../src/cluster/slot-table.ts';
import { defaultOptions } from '../../src/config/options.ts';
import type { ClusterOptions, Limits } from '../../src/config/node-options.ts';
import { assembleDataThread, type Assembly } from '../../src/server/assembly.ts';
import { TICK_INTERVAL_MS } from '../../src/server/connection-sweep.ts';
import { SharedState } from '../../src/server/threads/shared-state.ts';
import { SoleThread } from '../../src/server/threads/sole-thread.ts';
import { CHANGE_LOG_BYTES } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { createStoreMemory } from '../../src/store/store-parts.ts';
import { encodeTopology } from '../../src/topology/encoding.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import { Topology } from '../../src/topology/topology.ts';
import { type FakeConnection, FakeTransport } from './fake-transport.ts';
import { ManualDisk } from './manual-disk.ts';
import { ManualEnvironment } from './manual-environment.ts';
import { ManualReplicas } from './manual-replicas.ts';
import { decodeReplies, encodeFrame, encodeHello, type ReplyFields, type RequestFields } from './shoal-frames.ts';

const SELF = { id: '1'.repeat(40), host: '127.0.0.1', port: 7600, peerPort: 1, zone: '', weight: 1, state: 'active' };
const OTHER = { ...SELF, id: '2'.repeat(40), port: 7601 };

export interface ReplicatedOptions {
  readonly cluster?: Partial<ClusterOptions>;
  readonly limits?: Partial<Limits>;
  /** Writes wait for `ReplicatedThread.disk` too. */
  readonly keepsData?: boolean;
  readonly copies?: CopyTable;
}

export class ReplicatedThread {
  readonly environment = new ManualEnvironment();
  readonly slots = SlotTable.create();
  readonly replicas: ManualReplicas;
  /** What it copies of the other node's slots. */
  readonly copies: CopyTable;
  readonly disk: ManualDisk | null;
  readonly assembly: Assembly;
  private readonly transport = new FakeTransport();
  private epoch = 0;

  private constructor({ cluster, limits, keepsData = false, copies = CopyTable.create() }: ReplicatedOptions) {
    this.copies = copies;
    const defaults = defaultOptions();
    const options = {
      ...defaults,
      memoryBytes: 16 * 2 ** 20,
      limits: { ...defaults.limits, ...limits },
      cluster: { ...defaults.cluster, name: 'test', ...cluster },
      persistence: { ...defaults.persistence, dataDir: 'nowhere', mode: 'log' as const, fsync: 'always' as const },
    };
    const { memoryBytes, eviction } = options;
    const handle = createStoreMemory({
      memoryBytes,
      segmentBytes: 0,
      threadCount: 1,
      eviction,
      changeLogBytes: CHANGE_LOG_BYTES,
    });
    const shared = SharedState.create(1);
    const wake = (): void => this.assembly.thread.mailArrived();
    this.replicas = new ManualReplicas(handle, shared, wake);
    this.disk = keepsData ? new ManualDisk(handle, shared, wake) : null;
    this.assembly = assembleDataThread({
      options,
      environment: this.environment,
      store: Store.attach(handle, 0),
      identity: {
        runId: '0'.repeat(40),
        startedAtMs: 0,
        processId: process.pid,
        version: 'test',
        transportName: 'none',
        host: '127.0.0.1',
        port: 0,
      },
      shared,
      threads: new SoleThread(() => ({ node: this.assembly.services, control: this.assembly.thread.control })),
      mail: null,
      transport: this.transport,
      slots: this.slots,
      replicas: {
        positions: this.replicas,
        ask: () => this.replicas.noteAsked(),
      },
      copies,
      itemVersionSeed: [3, 4],
      persistence: this.disk?.state ?? null,
    });
  }

  static async start(options: ReplicatedOptions = {}): Promise<ReplicatedThread> {
    const thread = new ReplicatedThread(options);
    await thread.transport.listen({ host: '127.0.0.1', port: 0 }, thread.assembly.thread);
    thread.environment.timers.every(TICK_INTERVAL_MS, () => thread.assembly.sweep.tick());
    thread.own(() => true);
    return thread;
  }

  /** From now on the node has the slots that `isOwn` says, and another node the rest. */
  own(isOwn: (slot: number) => boolean): void {
    this.epoch += 1;
    const owners = Uint16Array.from({ length: SLOT_COUNT }, (_, slot) => (isOwn(slot) ? 0 : 1));
    const words = Int32Array.from(owners, (owner) => (owner === 0 ? OWNED : owner));
    this.slots.apply({ epoch: this.epoch, selfIndex: 0, words });
    this.slots.setServeUntil(Number.MAX_SAFE_INTEGER, ServingRight.lease);
    const topology = Topology.of({
      cluster: 'test',
      epoch: this.epoch,
      nodes: [SELF, OTHER] as never,
      owners,
      replicaCount: 0,
      replicas: new Uint16Array(0),
      moves: [],
    });
    this.assembly.thread.control.clusterNews({ nodeId: SELF.id, topology: encodeTopology(topology), trouble: null });
    this.assembly.thread.mailArrived();
  }

  /** From now on it copies these slots, as of `freshAtMs`. */
  copy(slots: readonly number[], freshAtMs: number): void {
    this.copies.setFresh(0, freshAtMs);
    this.copies.setCopies([{ source: 0, slots, isFollowed: () => true }]);
  }

  open(): FakeConnection {
    return this.transport.open();
  }

  /** A connection of the Shoal protocol that the node has let in. */
  openShoal(): ShoalConnection {
    const connection = new ShoalConnection(this.transport.open());
    connection.exchange(encodeHello());
    return connection;
  }
}

/** Speaks in frames. */
export class ShoalConnection {
  readonly connection: FakeConnection;

  constructor(connection: FakeConnection) {
    this.connection = connection;
  }

  send(...requests: readonly RequestFields[]): void {
    this.connection.receive(Buffer.concat(requests.map(encodeFrame)).toString('latin1'));
  }

  take(): ReplyFields[] {
    return decodeReplies(Buffer.from(this.connection.take(), 'latin1'));
  }

  exchange(...frames: readonly (Buffer | RequestFields)[]): ReplyFields[] {
    const bytes = frames.map((frame) => (Buffer.isBuffer(frame) ? frame : encodeFrame(frame)));
    this.connection.receive(Buffer.concat(bytes).toString('latin1'));
    return this.take();
  }
}
