/**
 * A coordinator on virtual time, without sockets: its core, a state store in memory whose writes can be held, lost or refused, and nodes that
 * send heartbeats. Nodes apply what they are told and hand moves over at once, unless a test says otherwise.
 */
import {
  CoordinatorCore,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorOptions,
} from '../../src/coordinator/core.ts';
import { decodeState, type CoordinatorState } from '../../src/coordinator/coordinator-state.ts';
import type { WriteOutcome } from '../../src/coordinator/state/state-store.ts';
import type {
  AdminRequest,
  CoordinatorAnswer,
  CoordinatorRequest,
  MoveProgress,
  Status,
} from '../../src/protocol/cluster/messages.ts';
import { type SlotMove, Topology } from '../../src/topology/topology.ts';
import { BenchCopies } from './bench-copies.ts';
import type { BenchDisk } from './bench-disk.ts';

export const LEASE_MS = 2000;
export const CLUSTER = 'bench';
/** So many that moves are as small as they may be. */
const ITEMS = 100_000_000;
const TICK_MS = 25;
/** Of a lease. */
const HEARTBEAT_SHARE = 0.3;

type WithoutCluster<R> = R extends AdminRequest ? Omit<R, 'cluster'> : never;

/** What several coordinators share: the value and who may write it. */
export class MemoryState {
  revision = 0;
  value: Uint8Array = new Uint8Array(0);
  /** All that was stored, in order. */
  readonly values: Uint8Array[] = [];
  leader: CoordinatorBench | null = null;
  /** Of `values`, as far as somebody has asked for them. */
  private readonly decoded: Topology[] = [];

  get topologies(): readonly Topology[] {
    for (const value of this.values.slice(this.decoded.length)) {
      this.decoded.push(decodeState(value, CLUSTER).topology);
    }
    return this.decoded;
  }

  write(by: CoordinatorBench, value: Uint8Array, expectedRevision: number): WriteOutcome {
    if (this.leader !== by) return { kind: 'notElected' };
    if (expectedRevision !== this.revision) {
      return { kind: 'conflict', state: { revision: this.revision, value: this.value } };
    }
    this.revision += 1;
    this.value = value;
    this.values.push(value);
    return { kind: 'written', revision: this.revision };
  }
}

/** `ok`: stored and said so. `hold`: waits for `release`. `lose`: stored, and nobody knows. `refuse`: not stored. */
export type WriteMode = 'ok' | 'hold' | 'lose' | 'refuse';

export interface BenchNode {
  readonly id: string;
  host: string;
  port: number;
  zone: string;
  weight: number;
  epoch: number;
  leaving: boolean;
  /** Its process may end, to be started again; as soon as it is told so, it leaves. */
  restarts: boolean;
  /** Sends heartbeats. */
  speaks: boolean;
  /** Applies topologies that it hears of. */
  applies: boolean;
  /** Hands its moves over as soon as it knows of them; else they are as `progress` says. */
  hands: boolean;
  items: number;
  progress: Map<number, Partial<MoveProgress>>;
  handed: number[];
  /** Ids of moves that it has taken over without having said so yet. */
  takes: number[];
  copies: BenchCopies;
  /** What it copies is whole with its next heartbeat. */
  syncs: boolean;
  /** Null: it keeps no data. */
  disk: BenchDisk | null;
  nextMs: number;
  answer: CoordinatorAnswer | null;
}

export class CoordinatorBench {
  nowMs: number;
  electedUntilMs = Number.NEGATIVE_INFINITY;
  writeMode: WriteMode = 'ok';
  readonly store: MemoryState;
  readonly core: CoordinatorCore;
  readonly nodes: BenchNode[] = [];
  readonly answers = new Map<number, CoordinatorAnswer>();
  readonly logs: string[] = [];
  readonly writes: { value: Uint8Array; expectedRevision: number }[] = [];
  gaveUp: Error | null = null;
  private readonly heartbeatMs: number;
  private held: (() => void) | null = null;
  private nextRequest = 1;

  constructor(options: Partial<CoordinatorOptions> = {}, store: MemoryState = new MemoryState(), nowMs = 10_000) {
    this.store = store;
    this.nowMs = nowMs;
    this.heartbeatMs = (options.leaseMs ?? LEASE_MS) * HEARTBEAT_SHARE;
    this.core = new CoordinatorCore({
      cluster: CLUSTER,
      address: 'coordinator:7500',
      store: 'memory',
      leaseMs: LEASE_MS,
      slotsPerMove: 512,
      concurrentMoves: 4,
      moveBytesPerSecond: 0,
      replicas: 0,
      dataWaitMs: 60_000,
      electedUntilMs: () => this.electedUntilMs,
      ...options,
    });
  }

  /** A coordinator with `count` active nodes that share all slots. */
  static settled(count: number, options: Partial<CoordinatorOptions> = {}): CoordinatorBench {
    const bench = new CoordinatorBench(options);
    bench.elect();
    for (let n = 0; n < count; n += 1) bench.join();
    bench.settle();
    return bench;
  }

  get topology(): Topology {
    return this.core.topology ?? Topology.empty(CLUSTER);
  }

  get stored(): CoordinatorState {
    return decodeState(this.store.value, CLUSTER);
  }

  get epoch(): number {
    return this.topology.epoch;
  }

  elect(untilMs = Number.POSITIVE_INFINITY): void {
    const { store } = this;
    store.leader = this;
    this.electedUntilMs = untilMs;
    this.step({ kind: 'elected', stored: { revision: store.revision, value: store.value } });
  }

  depose(leader: string | null = null): void {
    this.electedUntilMs = Number.NEGATIVE_INFINITY;
    this.step({ kind: 'deposed', reason: 'a test says so', leader });
  }

  join(node: Partial<BenchNode> = {}): BenchNode {
    const number = this.nodes.length + 1;
    const id = number.toString(16).padStart(40, '0');
    const joined: BenchNode = {
      id,
      copies: new BenchCopies(id),
      syncs: true,
      disk: null,
      host: '10.0.0.1',
      port: 7000 + number,
      zone: '',
      weight: 1,
      epoch: 0,
      leaving: false,
      restarts: true,
      speaks: true,
      applies: true,
      hands: true,
      items: ITEMS,
      progress: new Map(),
      handed: [],
      takes: [],
      nextMs: this.nowMs,
      answer: null,
      ...node,
    };
    this.nodes.push(joined);
    return joined;
  }

  step(event: CoordinatorEvent): void {
    for (const effect of this.core.step(event, this.nowMs)) this.carryOut(effect);
  }

  /** Asks, and returns the answer if there is one at once. */
  ask(message: CoordinatorRequest): CoordinatorAnswer | null {
    const request = this.request(message);
    return this.answers.get(request) ?? null;
  }

  /** Asks, and returns the number under which it is answered. */
  request(message: CoordinatorRequest): number {
    const request = this.nextRequest;
    this.nextRequest += 1;
    this.step({ kind: 'asked', request, message });
    return request;
  }

  admin(message: WithoutCluster<AdminRequest>): CoordinatorAnswer | null {
    return this.ask({ ...message, cluster: CLUSTER });
  }

  status(): Status {
    const answer = this.admin({ type: 'status' });
    if (answer?.type !== 'status') throw new Error(`a status was due, and ${answer?.type} came`);
    return answer;
  }

  beat(node: BenchNode): CoordinatorAnswer | null {
    const { id, host, port, zone, weight, epoch, leaving, restarts } = node;
    node.nextMs = this.nowMs + this.heartbeatMs;
    node.copies.apply(this.topologyOf(epoch));
    const mine = this.topology.moves.filter((move) => move.from === id && epoch > 0);
    const moves = mine.map((move): MoveProgress => {
      const none = { id: move.id, state: 'copying', items: 0, bytes: 0, itemsTotal: 0, lag: 0, error: null } as const;
      return Object.assign({}, none, node.progress.get(move.id));
    });
    if (node.hands) {
      const incoming = this.topology.moves.filter(({ to }) => to === id);
      const ready = incoming.filter((move) => this.nodeOf(move.from)?.hands === true && this.isReady(move, node));
      node.handed = ready.map((move) => move.id);
    }
    for (const move of [...node.handed, ...node.takes]) node.copies.take(move);
    if (node.syncs) node.copies.sync();
    const { disk } = node;
    if (epoch > 0) disk?.apply(this.topologyOf(epoch), id);
    for (const move of [...node.handed, ...node.takes]) {
      const moved = this.topology.moves.find((one) => one.id === move);
      if (moved !== undefined) disk?.take(moved, this.topology);
    }
    const replication = node.copies.told();
    node.answer = this.ask({
      type: 'heartbeat',
      ...(replication === null ? {} : { replication }),
      cluster: CLUSTER,
      node: { id, host, port, peerPort: port + 1000, zone, weight },
      epoch,
      leaving,
      ...(restarts ? { restarts } : {}),
      moves,
      handed: node.handed,
      figures: { items: node.items, bytes: 0, memoryBytes: 0 },
      ...(disk === null ? {} : { disk: disk.told(epoch) }),
    });
    if (node.answer?.type === 'lease' && node.answer.restart === true) node.leaving = true;
    if (node.answer?.type === 'lease' && node.answer.isDiskUseless === true) disk?.dropStored();
    return node.answer;
  }

  /** Lets time go by: ticks, and heartbeats of those that speak. */
  pass(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; ) {
      this.nowMs += TICK_MS;
      this.step({ kind: 'tick' });
      for (const node of this.nodes) {
        if (!node.speaks) continue;
        const isBehind = node.applies && node.epoch < this.epoch && this.topology.node(node.id) !== null;
        if (isBehind) node.epoch = this.epoch;
        if (isBehind || this.nowMs >= node.nextMs) this.beat(node);
      }
    }
  }

  /** Until nothing changes any more. */
  settle(): void {
    for (let rounds = 0, writes = -1; rounds < 1000; rounds += 1) {
      if (this.writes.length === writes && this.topology.moves.length === 0) return;
      writes = this.writes.length;
      this.pass(LEASE_MS * 1.5);
    }
    throw new Error(`it does not come to rest: ${this.logs.slice(-10).join('\n')}`);
  }

  /** The write that is held has this outcome; by default what the store says. */
  release(): void {
    const { held } = this;
    this.held = null;
    held?.();
  }

  /** A move to a replica is handed over only where that has all. */
  private isReady(move: SlotMove, target: BenchNode): boolean {
    return !this.topology.isToReplica(move) || move.slots.every((slot) => target.copies.hasAll(slot));
  }

  /** The topology of `epoch`, as it was stored. */
  topologyOf(epoch: number): Topology {
    if (epoch === this.epoch) return this.topology;
    return this.store.topologies.find((topology) => topology.epoch === epoch) ?? Topology.empty(CLUSTER);
  }

  nodeOf(id: string): BenchNode | null {
    return this.nodes.find((node) => node.id === id) ?? null;
  }

  slots(node: BenchNode): number {
    return this.topology.slotCountOf(node.id);
  }

  state(node: BenchNode): string | null {
    return this.topology.node(node.id)?.state ?? null;
  }

  private carryOut(effect: CoordinatorEffect): void {
    switch (effect.kind) {
      case 'answer':
        this.answers.set(effect.request, effect.answer);
        break;
      case 'log':
        this.logs.push(`${effect.level}: ${effect.message}`);
        break;
      case 'giveUp':
        this.gaveUp = effect.error;
        break;
      case 'write':
        this.writes.push(effect);
        this.write(effect.value, effect.expectedRevision);
    }
  }

  private write(value: Uint8Array, expectedRevision: number): void {
    const tell = (): void => {
      this.step({ kind: 'written', outcome: this.store.write(this, value, expectedRevision) });
    };
    switch (this.writeMode) {
      case 'ok':
        tell();
        break;
      case 'hold':
        this.held = tell;
        break;
      case 'lose':
        this.store.write(this, value, expectedRevision);
        this.step({ kind: 'writeFailed', text: 'no answer' });
        break;
      case 'refuse':
        this.step({ kind: 'writeFailed', text: 'the disk is full' });
    }
  }
}
