/**
 * A cluster that a test holds in its hands: nodes on a VirtualNetwork that greet, tell topologies, serve the slots that they own and refuse others, over
 * one table of what is true. Items live in one map, as if moves took no time and lost nothing; who may serve a slot, and what each node has been
 * told of it, is the test's to decide.
 */
import { Feature, Opcode, Status } from '../../src/protocol/shoal/frame.ts';
import { encodeTopology } from '../../src/topology/encoding.ts';
import { keySlot } from '../../src/topology/slots.ts';
import { type ClusterNode, type SlotMove, nextTopology, Topology } from '../../src/topology/topology.ts';
import { type WireRequest, wireReply, wireRequests } from './shoal-wire.ts';
import type { Due, VirtualConnection, VirtualNetwork } from './virtual-network.ts';

export interface VirtualReply {
  readonly status: number;
  readonly value?: Uint8Array | string;
  readonly epoch?: number;
}

/** What a test makes a node answer instead of its own answer; undefined: its own; null: nothing. */
export type Override = (request: WireRequest) => VirtualReply | null | undefined;

interface Waiting {
  readonly connection: VirtualConnection;
  readonly id: number;
  readonly epoch: number;
  readonly end: Due;
}

export function slotOf(key: string): number {
  const bytes = Buffer.from(key);
  return keySlot(bytes, 0, bytes.length);
}

export class VirtualNode {
  readonly id: string;
  readonly host: string;
  readonly port = 7600;
  readonly cluster: VirtualCluster;
  topology: Topology;
  override: Override = () => undefined;
  /** Whether it says in its greeting that it is in a cluster. */
  isInCluster = true;
  /** How old its copies of slots are, in ms; null: it has none that is whole. */
  copyAgeMs: number | null = null;
  /** Of its greeting. */
  features: number = Feature.ack | Feature.getCopy;
  /** Requests that it answered from a copy. */
  copyCount = 0;
  /** Requests of keys that it executed, and that it refused. */
  executedCount = 0;
  refusedCount = 0;
  private readonly connections = new Set<VirtualConnection>();
  private waiting: Waiting[] = [];

  constructor(cluster: VirtualCluster, host: string, id: string) {
    this.cluster = cluster;
    this.host = host;
    this.id = id;
    this.topology = Topology.empty(cluster.name);
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  start(): this {
    this.cluster.network.listen(this.address, (connection) => {
      this.connections.add(connection);
      connection.onGone = () => {
        this.connections.delete(connection);
        this.waiting = this.waiting.filter((one) => {
          if (one.connection === connection) this.cluster.network.cancel(one.end);
          return one.connection !== connection;
        });
      };
      connection.receive = (bytes) => {
        for (const request of wireRequests(bytes)) this.take(connection, request);
      };
    });
    return this;
  }

  /** Its process ends: connections are lost and new ones refused. */
  kill(): void {
    this.cluster.network.unlisten(this.address);
    this.cut();
  }

  /** All its connections are lost. */
  cut(): void {
    for (const connection of this.connections) connection.end();
  }

  /** It is told of `topology`, and tells those who wait. */
  apply(topology: Topology): void {
    if (topology.epoch <= this.topology.epoch) return;
    this.topology = topology;
    const { waiting } = this;
    this.waiting = [];
    for (const one of waiting) {
      if (one.epoch >= topology.epoch) this.waiting.push(one);
      else {
        this.cluster.network.cancel(one.end);
        this.reply(one.connection, one.id, topologyReply(topology));
      }
    }
  }

  node(state: ClusterNode['state'] = 'active'): ClusterNode {
    const { id, host, port } = this;
    return { id, host, port, peerPort: 17_600, zone: '', weight: 1, state };
  }

  private take(connection: VirtualConnection, request: WireRequest): void {
    const given = this.override(request);
    if (given === null) return;
    if (given !== undefined) this.reply(connection, request.id, given);
    else if (request.opcode === Opcode.topology) this.takeTopologyRequest(connection, request);
    else this.reply(connection, request.id, this.answer(request));
  }

  private takeTopologyRequest(connection: VirtualConnection, { id, value }: WireRequest): void {
    const [epoch, waitMs] = [value.readUInt32LE(0), value.readUInt32LE(4)];
    if (!this.isInCluster) this.reply(connection, id, { status: Status.refused, value: 'ERR no cluster' });
    else if (this.topology.epoch > epoch) this.reply(connection, id, topologyReply(this.topology));
    else if (waitMs === 0) this.reply(connection, id, { status: Status.miss });
    else {
      const { network } = this.cluster;
      const end = network.at(network.nowMs + waitMs, () => {
        this.waiting = this.waiting.filter((one) => one !== waiting);
        this.reply(connection, id, { status: Status.miss });
      });
      const waiting = { connection, id, epoch, end };
      this.waiting.push(waiting);
    }
  }

  private answer(request: WireRequest): VirtualReply {
    const { opcode, key } = request;
    if (opcode === Opcode.hello) return { status: Status.ok, value: this.greeting() };
    if (opcode === Opcode.ping) return { status: Status.ok };
    if (opcode === Opcode.call) return this.cluster.command(this, request);
    if (!this.isInCluster) return this.cluster.execute(request);
    if (opcode === Opcode.getCopy) return this.answerCopy(request);
    const refusal = this.cluster.refusalOf(this, slotOf(key));
    if (refusal === null) this.executedCount += 1;
    else this.refusedCount += 1;
    return refusal ?? this.cluster.execute(request);
  }

  /** As the owner, or from a copy that is young enough. */
  private answerCopy(request: WireRequest): VirtualReply {
    const { cluster, copyAgeMs } = this;
    const slot = slotOf(request.key);
    const refusal = cluster.refusalOf(this, slot);
    const ageMsMax = request.value.readUInt32LE();
    const hasCopy = cluster.topology.replicasOf(slot).some(({ id }) => id === this.id) && copyAgeMs !== null;
    if (refusal !== null && !hasCopy) this.refusedCount += 1;
    if (refusal !== null && !hasCopy) return refusal;
    if (refusal !== null && ageMsMax > 0 && copyAgeMs! > ageMsMax) return { status: Status.tryAgain, value: 'too old' };
    if (refusal === null) this.executedCount += 1;
    else this.copyCount += 1;
    return cluster.execute({ ...request, opcode: Opcode.get });
  }

  private greeting(): Buffer {
    const fixed = Buffer.alloc(12);
    fixed[0] = 1;
    fixed.writeUInt32LE(0xffff, 4);
    fixed.writeUInt32LE(1 << 20, 8);
    const epoch = Buffer.alloc(this.isInCluster ? 4 : 0);
    if (this.isInCluster) epoch.writeUInt32LE(this.topology.epoch);
    return Buffer.concat([
      fixed,
      Buffer.of(this.id.length),
      Buffer.from(this.id),
      Buffer.of(1),
      Buffer.from('1'),
      epoch,
      Buffer.of(this.features),
    ]);
  }

  private reply(connection: VirtualConnection, id: number, reply: VirtualReply): void {
    const epoch = reply.epoch ?? (this.isInCluster ? this.topology.epoch : 0);
    connection.send(wireReply({ id, status: reply.status, epoch, value: Buffer.from(reply.value ?? '') }));
  }
}

export class VirtualCluster {
  readonly name: string;
  readonly network: VirtualNetwork;
  readonly nodes = new Map<string, VirtualNode>();
  /** What is true, and told to nodes by `announce` or one by one. */
  topology: Topology;
  readonly items = new Map<string, Buffer>();
  /** Slots that nobody serves for now. */
  readonly paused = new Set<number>();
  /** Slots that were handed over, by the id of their new owner, before any topology says so. */
  readonly handed = new Map<number, string>();
  /** Whether nodes say who has a slot that they do not have. */
  hints = true;
  private lastId = 0;

  constructor(network: VirtualNetwork, name = 'test') {
    this.network = network;
    this.name = name;
    this.topology = Topology.empty(name);
  }

  /** A node that runs, and that no topology names yet. */
  start(host: string): VirtualNode {
    this.lastId += 1;
    const node = new VirtualNode(
      this,
      host,
      this.lastId.toString(16).padStart(40, this.name.length.toString(16)),
    ).start();
    this.nodes.set(node.id, node);
    return node;
  }

  /** The next topology: `owner` says who owns each slot, where it is given. */
  next(change: {
    readonly nodes?: readonly VirtualNode[];
    readonly owners?: ReadonlyMap<number, string | null>;
    readonly moves?: readonly SlotMove[];
    readonly replicaCount?: number;
    readonly replicas?: Uint16Array;
  }): Topology {
    const nodes = change.nodes?.map((node) => node.node());
    const { owners, moves, replicaCount, replicas } = change;
    this.topology = nextTopology(this.topology, {
      ...(nodes === undefined ? {} : { nodes }),
      ...(owners === undefined ? {} : { owners }),
      ...(moves === undefined ? {} : { moves }),
      ...(replicaCount === undefined ? {} : { replicaCount }),
      ...(replicas === undefined ? {} : { replicas }),
    });
    return this.topology;
  }

  /** A topology in which slot n belongs to node n modulo their number, and the `replicaCount` nodes behind that copy it; all nodes know it. */
  share(nodes: readonly VirtualNode[], replicaCount = 0): Topology {
    const owners = new Map(
      Array.from({ length: 16_384 }, (_, slot) => [slot, nodes[slot % nodes.length]!.id] as const),
    );
    const ids = nodes.map(({ id }) => id).toSorted();
    const replicas = Uint16Array.from({ length: 16_384 * replicaCount }, (_, place) => {
      const [slot, n] = [Math.floor(place / replicaCount), place % replicaCount];
      return ids.indexOf(nodes[(slot + 1 + n) % nodes.length]!.id);
    });
    this.next({ nodes, owners, ...(replicaCount === 0 ? {} : { replicaCount, replicas }) });
    this.announce();
    return this.topology;
  }

  /** All nodes of it apply the topology now. */
  announce(): void {
    for (const { id } of this.topology.nodes) this.nodes.get(id)?.apply(this.topology);
  }

  ownerOf(slot: number): string | null {
    return this.handed.get(slot) ?? this.topology.ownerOf(slot)?.id ?? null;
  }

  refusalOf(node: VirtualNode, slot: number): VirtualReply | null {
    if (this.topology.node(node.id) === null) return { status: Status.clusterDown, value: 'not a node of the cluster' };
    const owner = this.ownerOf(slot);
    if (owner !== node.id) return { status: Status.moved, value: this.movedText(slot, owner) };
    return this.paused.has(slot) ? { status: Status.tryAgain, value: `slot ${slot} is on its way` } : null;
  }

  private movedText(slot: number, owner: string | null): string {
    return this.hints && owner !== null ? `${slot} ${this.nodes.get(owner)!.address}` : `slot ${slot} is not here`;
  }

  execute({ opcode, key, value }: WireRequest): VirtualReply {
    const item = this.items.get(key);
    switch (opcode) {
      case Opcode.get:
        return item === undefined ? { status: Status.miss } : { status: Status.ok, value: item };
      case Opcode.exists:
        return { status: item === undefined ? Status.miss : Status.ok };
      case Opcode.delete:
        return { status: this.items.delete(key) ? Status.ok : Status.miss };
      case Opcode.set:
        this.items.set(key, value);
        return { status: Status.ok };
      case Opcode.increment: {
        const sum = Buffer.alloc(8);
        sum.writeBigInt64LE((item?.readBigInt64LE() ?? 0n) + value.readBigInt64LE());
        this.items.set(key, sum);
        return { status: Status.ok, value: sum };
      }
      default:
        return { status: Status.unknownOpcode };
    }
  }

  /** GET of a key, and SCAN with COUNT, slot by slot; the cursor is the next slot. */
  command(node: VirtualNode, { words }: WireRequest): VirtualReply {
    const [name, first = ''] = words;
    if (name === 'GET') {
      const refusal = this.refusalOf(node, slotOf(first));
      const item = this.items.get(first);
      return (
        refusal ?? {
          status: Status.ok,
          value: item === undefined ? '_\r\n' : `$${item.length}\r\n${item.toString()}\r\n`,
        }
      );
    }
    if (name !== 'SCAN') return { status: Status.refused, value: 'ERR unknown command' };
    const count = Number(words[words.indexOf('COUNT') + 1]);
    const order = [...this.items.keys()]
      .map((key) => ({ key, slot: slotOf(key) }))
      .filter(({ slot }) => slot >= Number(first))
      .toSorted((left, right) => left.slot - right.slot);
    const last = order[Math.min(count, order.length) - 1]?.slot ?? 0;
    // Only what the node owns at this moment is shown.
    const shown = order.filter(({ slot }) => slot <= last && this.ownerOf(slot) === node.id).map(({ key }) => key);
    const cursor = order.some(({ slot }) => slot > last) ? String(last + 1) : '0';
    const keys = shown.map((key) => `$${Buffer.byteLength(key)}\r\n${key}\r\n`).join('');
    return { status: Status.ok, value: `*2\r\n$${cursor.length}\r\n${cursor}\r\n*${shown.length}\r\n${keys}` };
  }
}

function topologyReply(topology: Topology): VirtualReply {
  return { status: Status.ok, value: encodeTopology(topology) };
}
