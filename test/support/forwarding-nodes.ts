/**
 * Nodes of a cluster without a coordinator: real data threads on real stores and sockets, and a test that says who has which slot, which of them
 * are paused, and who may serve. For tests of what nodes do with requests for each other's keys.
 */
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import { type ClusterNode, NO_NODE, Topology } from '../../src/topology/topology.ts';
import { encodeTopology } from '../../src/topology/encoding.ts';
import { OWNED, PAUSED, ServingRight, SlotTable } from '../../src/cluster/slot-table.ts';
import type { NodeOptions } from '../../src/config/node-options.ts';
import { defaultOptions } from '../../src/config/options.ts';
import { adviseHugePages } from '../../src/io/huge-pages.ts';
import type { Listener, Transport } from '../../src/io/transport.ts';
import { assembleDataThread, type Assembly } from '../../src/server/assembly.ts';
import { systemEnvironment } from '../../src/server/environment.ts';
import { SharedState } from '../../src/server/threads/shared-state.ts';
import { SoleThread } from '../../src/server/threads/sole-thread.ts';
import { CHANGE_LOG_BYTES } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { createStoreMemory } from '../../src/store/store-parts.ts';
import { ManualDisk } from './manual-disk.ts';
import { ManualReplicas } from './manual-replicas.ts';

const MEMORY_BYTES = 64 * 1024 * 1024;

export interface ForwardingOptions {
  readonly password?: string;
  readonly redirect?: 'auto' | 'moved' | 'forward';
  /** Under which the nodes announce themselves; by default their address. */
  readonly announcedHost?: string;
  readonly limits?: Partial<NodeOptions['limits']>;
  /** Writes are answered once `ForwardingNode.disk` has them. */
  readonly keepsData?: boolean;
  /** How many replicas a node waits for by itself, and for how long. */
  readonly ack?: { readonly replicas: number; readonly timeoutMs: number };
}

/** Real time that a test can push forward, for limits of seconds. */
export class PushedClock {
  private pushedMs = 0;

  push(durationMs: number): void {
    this.pushedMs += durationMs;
  }

  readonly monotonicMs = (): number => performance.now() + this.pushedMs;
}

export class ForwardingNode {
  readonly id: string;
  readonly slots = SlotTable.create();
  readonly assembly: Assembly;
  /** What the node logged as warning or error. */
  readonly complaints: string[] = [];
  readonly clock = new PushedClock();
  /** Those of its slots: none, until a test adds some. */
  readonly replicas: ManualReplicas;
  /** Of nodes that keep their data. */
  readonly disk: ManualDisk | null;
  private listener: Listener | null = null;
  private readonly transport: Transport;

  constructor(transport: Transport, serial: number, options: ForwardingOptions) {
    this.transport = transport;
    this.id = serial.toString(16).padStart(40, '0');
    const defaults = defaultOptions();
    const memoryBytes = MEMORY_BYTES;
    const handle = createStoreMemory(
      {
        memoryBytes,
        segmentBytes: 0,
        threadCount: 1,
        eviction: 's3fifo',
        hashSeed: [1, 2],
        changeLogBytes: CHANGE_LOG_BYTES,
      },
      adviseHugePages,
    );
    const shared = SharedState.create(1);
    const wake = (): void => this.assembly.thread.mailArrived();
    this.replicas = new ManualReplicas(handle, shared, wake);
    this.disk = options.keepsData === true ? new ManualDisk(handle, shared, wake) : null;
    this.assembly = assembleDataThread({
      options: {
        ...defaults,
        memoryBytes,
        password: options.password ?? '',
        persistence: { ...defaults.persistence, mode: 'log', fsync: 'always' },
        cluster: {
          ...defaults.cluster,
          name: 'test',
          redirect: options.redirect ?? 'forward',
          ackReplicas: options.ack?.replicas ?? 0,
          ackTimeoutMs: options.ack?.timeoutMs ?? defaults.cluster.ackTimeoutMs,
        },
        limits: { ...defaults.limits, ...options.limits },
      },
      environment: {
        ...systemEnvironment(),
        clock: { nowMs: Date.now, monotonicMs: this.clock.monotonicMs },
        log: (level, message) => {
          if (level === 'warn' || level === 'error') this.complaints.push(message);
        },
      },
      store: Store.attach(handle, 0),
      identity: {
        runId: this.id,
        startedAtMs: 0,
        processId: process.pid,
        version: 'test',
        transportName: transport.name,
        host: '127.0.0.1',
        port: 0,
      },
      shared,
      threads: new SoleThread(() => ({ node: this.assembly.services, control: this.assembly.thread.control })),
      mail: null,
      transport,
      slots: this.slots,
      replicas: { positions: this.replicas, ask: () => this.replicas.noteAsked() },
      itemVersionSeed: [3, 4],
      persistence: this.disk?.state ?? null,
    });
  }

  get port(): number {
    return this.listener!.port;
  }

  async listen(port = 0): Promise<void> {
    this.listener = await this.transport.listen({ host: '127.0.0.1', port }, this.assembly.thread);
  }

  /** As if the process had died: connections are reset, nobody listens. */
  async kill(): Promise<void> {
    await this.listener!.close();
  }

  async close(): Promise<void> {
    this.assembly.thread.stop();
    await this.listener?.close();
  }
}

export class ForwardingNodes implements AsyncDisposable {
  readonly nodes: readonly ForwardingNode[];
  private epoch = 0;
  /** Index of the node that has each slot, as told last. */
  private readonly owners = new Int32Array(SLOT_COUNT);
  private readonly paused = new Set<number>();

  private readonly host: string;

  private constructor(nodes: readonly ForwardingNode[], host: string) {
    this.nodes = nodes;
    this.host = host;
  }

  /** Slots go round: node `slot % count` has each. */
  static async start(
    makeTransport: () => Transport,
    count: number,
    options: ForwardingOptions = {},
  ): Promise<ForwardingNodes> {
    const nodes = Array.from(
      { length: count },
      (_, serial) => new ForwardingNode(makeTransport(), serial + 1, options),
    );
    for (const node of nodes) await node.listen();
    const cluster = new ForwardingNodes(nodes, options.announcedHost ?? '127.0.0.1');
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) cluster.owners[slot] = slot % count;
    cluster.tellAll();
    return cluster;
  }

  ownerOf(slot: number): ForwardingNode {
    return this.nodes[this.owners[slot]!]!;
  }

  /** Gives `slot` to another node, which all are told, or only `told` of them. */
  give(slot: number, to: ForwardingNode, told: readonly ForwardingNode[] = this.nodes): void {
    this.owners[slot] = this.nodes.indexOf(to);
    this.tellAll(told);
  }

  /** Commands on `slot` wait at its owner, or go on. */
  setPaused(slot: number, isPaused: boolean): void {
    if (isPaused) this.paused.add(slot);
    else this.paused.delete(slot);
    this.tellAll([this.ownerOf(slot)]);
  }

  /** Tells `told` what is so now; the topology of the next epoch has `members`. */
  tellAll(told: readonly ForwardingNode[] = this.nodes, members: readonly ForwardingNode[] = this.nodes): void {
    this.epoch += 1;
    const nodes: ClusterNode[] = members.map(({ id, port }) => ({
      id,
      host: this.host,
      port,
      peerPort: 1,
      zone: '',
      weight: 1,
      state: 'active',
    }));
    const owners = new Uint16Array(SLOT_COUNT);
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const index = members.indexOf(this.ownerOf(slot));
      owners[slot] = index < 0 ? NO_NODE : index;
    }
    const topology = Topology.of({
      cluster: 'test',
      epoch: this.epoch,
      nodes,
      owners,
      replicaCount: 0,
      replicas: new Uint16Array(0),
      moves: [],
    });
    const encoded = encodeTopology(topology);
    for (const node of told) {
      const selfIndex = members.indexOf(node);
      const words = Int32Array.from(owners, (owner, slot) => {
        if (owner !== selfIndex) return owner;
        return owner | OWNED | (this.paused.has(slot) ? PAUSED : 0);
      });
      node.slots.apply({ epoch: this.epoch, selfIndex: selfIndex < 0 ? NO_NODE : selfIndex, words });
      node.slots.setServeUntil(Number.MAX_SAFE_INTEGER, ServingRight.lease);
      const addresses = [[this.host, '127.0.0.1']] as const;
      node.assembly.thread.control.clusterNews({ nodeId: node.id, topology: encoded, trouble: null, addresses });
      node.assembly.thread.mailArrived();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node.close();
  }
}
