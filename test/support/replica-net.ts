/**
 * Nodes with stores and movers in one process, in virtual time, that keep replicas of one another: over connections that can be cut, and whose frames can be lost, doubled and changed. What the topology would say
 * is told to each node by the test, when it wants. For tests; nothing here waits.
 */
import { ChangeLog } from '../../src/changes/change-log.ts';
import { CopyTable } from '../../src/cluster/copy-table.ts';
import type { LinkPurpose, MoveLinkEvents } from '../../src/cluster/move-link.ts';
import type { MoveReport, ReplicaReport } from '../../src/cluster/mover.ts';
import { ReplicaTable } from '../../src/cluster/replica-table.ts';
import { StoreMover } from '../../src/cluster/store-mover.ts';
import { KeyBatch } from '../../src/store/key-batch.ts';
import { controlRow, janitorRow } from '../../src/store/memory.ts';
import { Janitor } from '../../src/store/janitor.ts';
import { scanSlots } from '../../src/store/slot-items.ts';
import { SlotSet } from '../../src/store/slot-set.ts';
import { Store } from '../../src/store/store.ts';
import { ItemSnapshot, Key } from '../../src/store/types.ts';
import { databaseOf } from '../../src/store/namespaces.ts';
import type { ClusterNode } from '../../src/topology/topology.ts';
import { StoreDriver } from './store-driver.ts';

export const NET_WALL_MS = 1_750_000_000_000;

export interface NetNodeOptions {
  readonly memoryBytes?: number;
  readonly eviction?: 's3fifo' | 'noeviction';
  readonly changeLogBytes?: number;
  readonly bytesPerSecond?: number;
  readonly threadCount?: number;
}

class Link {
  readonly from: NetNode;
  readonly to: ClusterNode;
  readonly events: MoveLinkEvents;
  requests: Uint8Array[] = [];
  replies: Uint8Array[] = [];
  isUp = false;
  isClosed = false;
  /** Replies to frames that came over an earlier connection go nowhere. */
  connection = 0;

  constructor(from: NetNode, to: ClusterNode, events: MoveLinkEvents) {
    this.from = from;
    this.to = to;
    this.events = events;
  }
}

export class NetNode {
  readonly node: ClusterNode;
  readonly store: Store;
  readonly driver: StoreDriver;
  readonly mover: StoreMover;
  readonly janitor: Janitor;
  readonly table = ReplicaTable.create();
  readonly copies = CopyTable.create();
  /** Whether it may serve, and serves all of its slots. */
  servesAll = true;
  readonly reports: ReplicaReport[] = [];
  readonly moveReports: MoveReport[] = [];
  readonly purged: number[] = [];
  dropped = 0;
  /** How often the mover asked to be stepped at once. */
  wakes = 0;
  private readonly net: ReplicaNet;

  constructor(net: ReplicaNet, id: string, options: NetNodeOptions) {
    this.net = net;
    this.node = { id, host: '127.0.0.1', port: 1, peerPort: 2, zone: '', weight: 1, state: 'active' };
    this.store = Store.create({
      memoryBytes: options.memoryBytes ?? 64 * 2 ** 20,
      segmentBytes: 65_536,
      threadCount: options.threadCount ?? 1,
      clustered: true,
      eviction: options.eviction ?? 'noeviction',
      hashSeed: [id.charCodeAt(0), 2],
      ...(options.changeLogBytes === undefined ? {} : { changeLogBytes: options.changeLogBytes }),
    });
    this.driver = new StoreDriver(this.store);
    this.janitor = new Janitor(Store.attach(this.store.handle, janitorRow(this.store.handle)));
    this.mover = new StoreMover({
      store: Store.attach(this.store.handle, controlRow(this.store.handle)),
      log: new ChangeLog(this.store.handle),
      bytesPerSecond: options.bytesPerSecond ?? Number.POSITIVE_INFINITY,
      replicas: this.table,
      copies: this.copies,
      servesAll: () => this.servesAll,
      random01: net.random01,
      port: {
        connect: (target, _purpose: LinkPurpose, events) => net.connectLink(this, target, events),
        wake: () => {},
        wakeNow: () => void (this.wakes += 1),
        writersResumed: () => {},
      },
      reports: {
        moveChanged: (report) => void this.moveReports.push(report),
        replicasChanged: (report) => void this.reports.push(report),
        purged: (purgeId) => void this.purged.push(purgeId),
        claimed: () => {},
        dropped: () => void (this.dropped += 1),
      },
    });
  }

  /** What was told of the replicas last. */
  get last(): ReplicaReport {
    return this.reports.at(-1) ?? { epoch: 0, targets: [], sources: [], kept: [], alone: 0 };
  }

  /** Slots of which `target` has a synced copy, as this primary has told. */
  syncedTo(target: NetNode): readonly number[] {
    return this.last.targets.find(({ id }) => id === target.node.id)?.synced ?? [];
  }

  /** Slots of which this replica has a synced copy of `source`'s, as it has told. */
  syncedFrom(source: NetNode): readonly number[] {
    return this.last.sources.find(({ id }) => id === source.node.id)?.synced ?? [];
  }

  /** A frame of a stream comes in. */
  take(frame: Uint8Array, reply: (reply: Uint8Array) => void = () => {}): void {
    this.mover.takeReplicaFrame(frame.slice(), reply, this.net.nowMs, this.net.wallMs);
  }

  /** Writes as a client would. */
  batch(work: () => void): void {
    this.store.enter();
    work();
    this.store.leave();
  }

  /** All items of `slots` that are shown at `wallMs`: a line for each, sorted. */
  items(slots: readonly number[], wallMs: number): string[] {
    const { store } = this;
    const batch = new KeyBatch();
    const snapshot = new ItemSnapshot();
    const key = new Key();
    const lines: string[] = [];
    store.enter();
    const set = new SlotSet(slots);
    for (let cursor = 0; ; ) {
      cursor = scanSlots(store.parts, cursor, set, batch, wallMs);
      for (let index = 0; index < batch.count; index += 1) {
        const [start, length] = [batch.starts[index]!, batch.lengths[index]!];
        const database = databaseOf(store.parts.memory, batch.namespaces[index]!);
        const name = `${database}:${Buffer.from(batch.bytes.subarray(start, start + length)).toString('latin1')}`;
        key.assign(Buffer.from(batch.bytes.subarray(start, start + length)), 0, length, database);
        if (!store.read(key, snapshot, wallMs)) throw new Error(`${name} was scanned and is not there`);
        const value = Buffer.from(snapshot.bytes.subarray(0, snapshot.length)).toString('latin1');
        const text = value.length > 300 ? `${value.length} bytes ${Bun.hash(value)}` : value;
        lines.push(`${name} ${snapshot.expiresAtMs} ${snapshot.raw} ${text}`);
      }
      if (cursor === 0) break;
    }
    store.leave();
    return lines.toSorted();
  }
}

/** What is done to a frame on its way: null loses it, several double it. */
export type Tamper = (frame: Uint8Array) => readonly Uint8Array[];

export class ReplicaNet {
  readonly nodes: NetNode[] = [];
  readonly random01: () => number;
  nowMs = 0;
  tamper: Tamper = (frame) => [frame];
  tamperReply: (reply: Uint8Array) => Uint8Array = (reply) => reply;
  /** Frames that came in; each link takes one in so many ms, 0: as they come. */
  frames = 0;
  frameEveryMs = 0;
  private frameAtMs = 0;
  private links: Link[] = [];

  constructor(random01: () => number = () => 0.5) {
    this.random01 = random01;
  }

  get wallMs(): number {
    return NET_WALL_MS + this.nowMs;
  }

  /** A node whose id consists of `letter`, a hexadecimal digit. */
  add(letter: string, options: NetNodeOptions = {}): NetNode {
    const node = new NetNode(this, letter.repeat(40), options);
    this.nodes.push(node);
    return node;
  }

  /** `gone` is not there any more; what comes for it goes nowhere. */
  remove(gone: NetNode): void {
    this.cut();
    this.nodes.splice(this.nodes.indexOf(gone), 1);
    for (const link of this.links) if (link.from === gone) link.isClosed = true;
  }

  /** Both ends hear at once that `replica` keeps `slots` of `primary`, and nothing else of anybody. */
  pair(primary: NetNode, replica: NetNode, slots: readonly number[]): void {
    replica.mover.copyFrom(replica.node.id, [{ node: primary.node, slots }]);
    primary.mover.replicateTo(primary.node.id, [{ node: replica.node, slots }]);
  }

  connectLink(from: NetNode, to: ClusterNode, events: MoveLinkEvents) {
    const link = new Link(from, to, events);
    this.links.push(link);
    return {
      send: (frame: Uint8Array) => void (link.isUp && link.requests.push(frame)),
      close: () => {
        link.isClosed = true;
      },
    };
  }

  /** Time passes; each mover does a piece of work, and what is on its way comes in, in order. */
  tick(ms: number): void {
    this.nowMs += ms;
    for (const { mover } of this.nodes) {
      mover.step(this.nowMs, this.wallMs);
      this.deliver();
    }
    this.links = this.links.filter(({ isClosed }) => !isClosed);
  }

  /** Opens the connections that are not. */
  connect(): void {
    for (const link of this.links) {
      if (link.isUp || link.isClosed) continue;
      link.isUp = true;
      link.events.up();
    }
  }

  /** Cuts all connections, or those of `from`: what is on its way is lost. */
  cut(from: NetNode | null = null): void {
    for (const link of this.links) {
      if (!link.isUp || (from !== null && link.from !== from)) continue;
      link.isUp = false;
      link.connection += 1;
      link.requests = [];
      link.replies = [];
      link.events.down();
    }
  }

  /** Ticks until `isDone`, at most so often. */
  run(isDone: () => boolean, { ms = 1, ticksMax = 50_000 }: { ms?: number; ticksMax?: number } = {}): void {
    for (let ticks = 0; !isDone(); ticks += 1) {
      if (ticks === ticksMax) {
        const told = this.nodes.map(({ node, last }) => `${node.id.slice(0, 2)} ${JSON.stringify(last).slice(0, 300)}`);
        throw new Error(`not done after ${ticks} ticks: ${told.join('\n')}`);
      }
      this.connect();
      this.tick(ms);
    }
  }

  private deliver(): void {
    // Replies may make more frames.
    for (let rounds = 0; rounds < 3; rounds += 1) for (const link of this.links) this.deliverOver(link);
  }

  private deliverOver(link: Link): void {
    const target = this.nodes.find(({ node }) => node.peerPort === link.to.peerPort && node.id === link.to.id);
    for (const frame of this.arriving(link)) {
      const { connection } = link;
      for (const arrived of this.tamper(frame)) {
        this.frames += 1;
        target?.take(arrived, (reply) => {
          if (link.connection === connection) link.replies.push(reply);
        });
      }
    }
    if (link.isClosed) return;
    for (const reply of link.replies.splice(0)) link.events.replied(this.tamperReply(reply));
  }

  private arriving(link: Link): Uint8Array[] {
    if (this.frameEveryMs === 0) return link.requests.splice(0);
    if (link.requests.length === 0 || this.nowMs < this.frameAtMs) return [];
    this.frameAtMs = this.nowMs + this.frameEveryMs;
    return link.requests.splice(0, 1);
  }
}
