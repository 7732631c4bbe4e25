/**
 * A node of a run: the real agent, slot table, mover and store, in a shell as the real one's, of virtual time and simulated calls.
 *
 *     control   agent ◄─ ticks, answers, questions of peers, reports of the mover ─► effects, carried out here
 *     moves     mover, stepped when it asks for it; a link per move, which breaks and comes back
 *     data      data-plane.ts
 */
import { ChangeLog } from '../src/changes/change-log.ts';
import { ClusterAgent } from '../src/cluster/agent.ts';
import { AGENT_TICK_MS, type AgentEffect, type AgentEvent } from '../src/cluster/agent-types.ts';
import { OWNED, PAUSED, SlotTable } from '../src/cluster/slot-table.ts';
import { ReplicaTable } from '../src/cluster/replica-table.ts';
import { StoreMover } from '../src/cluster/store-mover.ts';
import {
  decodeCoordinatorAnswer,
  decodePeerAnswer,
  decodePeerRequest,
} from '../src/protocol/cluster/message-reader.ts';
import {
  type CoordinatorAnswer,
  encodeMessage,
  type Message,
  type NodeFigures,
  type PeerAnswer,
} from '../src/protocol/cluster/messages.ts';
import { controlRow } from '../src/store/memory.ts';
import { Store } from '../src/store/store.ts';
import { encodeTopology } from '../src/topology/encoding.ts';
import type { Topology } from '../src/topology/topology.ts';
import { performAtConfirmation, performAtHandover } from './actions.ts';
import { completeReport, LateWrites, withoutChanges, withoutTail } from './bugs.ts';
import type { Reply } from './calls.ts';
import type { ClientAnswer, ClientRequest } from './client.ts';
import { DataPlane } from './data-plane.ts';
import { openMoveLink } from './move-link.ts';
import type { Death } from './history.ts';
import type { SimProcess } from './process.ts';
import type { Chance } from './randomness.ts';
import { CLUSTER_NAME } from './scenario.ts';
import type { Server } from './serving-check.ts';
import type { World } from './world.ts';

export const DATA_PORT = 7600;
export const PEER_PORT = 7700;
const STORE_BYTES = 2 * 1024 * 1024;
const CHANGE_LOG_BYTES = 2 ** 18;
const SLOT_BYTES_PER_SECOND = Number.POSITIVE_INFINITY;
/** A shell's own limit for an answer; the agent has shorter ones. */
const CALL_TIMEOUT_MS = 40_000;
/** Between a change of the slot table and when a data thread has read its mail. */
const MAIL_MS_MAX = 2;
/** A control thread has other things to do as well: so long a step of the mover that is due waits on average. */
const STEP_WAIT_MS_MEAN = 2;
const WALL_CLOCK_START_MS = 1_700_000_000_000;
const ID_DIGITS = 40;
const ZONES = ['', 'a', 'b'] as const;
const WEIGHT_MAX = 3;
/** Of a frame that a replica skips, where that bug is planted. */
const SKIP_PROBABILITY = 0.1;
/** Of a write that comes before an older one, where that bug is planted. */
const LATE_PROBABILITY = 0.1;

export class SimNode implements Server {
  readonly process: SimProcess;
  readonly slots: SlotTable;
  readonly data: DataPlane;
  /** Under which it is, or wants to be, in the topology. */
  id: string;
  /** All that it ever had. */
  readonly ids: string[] = [];
  isLeaving = false;
  /** An operator has asked for it, whether a coordinator has heard or not. */
  isToDrain = false;
  /** It was removed from the topology, and has yet to hear of it. */
  removal: Death | null = null;
  /** Changes that a replica of its has not confirmed, as of the mover's last report. */
  replicaLag = 0;
  private readonly world: World;
  private readonly chance: Chance;
  private readonly store: Store;
  private readonly agent: ClusterAgent;
  private readonly mover: StoreMover;
  private readonly lateWrites = new LateWrites();
  private readonly tickets = new Map<number, Reply<Uint8Array>>();
  private nextTicket = 1;
  private stepWanted = false;
  private stepDueMs = Number.POSITIVE_INFINITY;
  private encoded: { readonly topology: Topology; readonly bytes: Uint8Array } | null = null;
  private ticks = 0;
  private figures: NodeFigures = { items: 0, bytes: 0, memoryBytes: STORE_BYTES };

  constructor(world: World, place: string) {
    this.world = world;
    this.process = world.newProcess(place);
    this.chance = world.chance(`node ${place} ${world.scheduler.step}`);
    const { chance, process } = this;
    this.id = newId(chance);
    this.ids.push(this.id);
    this.slots = SlotTable.create();
    this.store = Store.create({
      memoryBytes: STORE_BYTES,
      segmentBytes: 0,
      threadCount: 1,
      eviction: 'noeviction',
      clustered: true,
      changeLogBytes: CHANGE_LOG_BYTES,
      hashSeed: [1, 2],
    });
    const wallClockMs = () => wallMsOf(process);
    const replicas = ReplicaTable.create();
    this.data = new DataPlane({
      process,
      slots: this.slots,
      store: this.store,
      replicas,
      confirmNow: () => this.mover.confirmNow(),
      onConfirmed: () => performAtConfirmation(world, this),
      clusterName: CLUSTER_NAME,
      bug: world.bug,
      wallClockMs,
      forward: (address, request, answer) => {
        world.data.call({ from: process, address, request, timeoutMs: CALL_TIMEOUT_MS }, (reply) => {
          if (reply === null || reply.kind === 'topology') answer({ kind: 'closed' });
          else answer(reply.kind === 'moved' ? { kind: 'refused' } : reply);
        });
      },
    });
    const log = new ChangeLog(this.store.handle);
    this.mover = new StoreMover({
      store: Store.attach(this.store.handle, controlRow(this.store.handle)),
      log: world.bug === 'dropTail' ? withoutTail(log) : log,
      bytesPerSecond: SLOT_BYTES_PER_SECOND,
      replicas,
      random01: () => chance.fraction(),
      port: {
        connect: (target, purpose, events) => openMoveLink({ world, process, chance, target, purpose, events }),
        wake: () => this.wakeMover(0),
        wakeNow: () => this.wakeMover(0),
        writersResumed: () => this.data.retryHeld(),
      },
      reports: {
        moveChanged: (report) => this.step({ type: 'moveChanged', report }),
        replicasChanged: (report) => {
          this.replicaLag = Math.max(0, ...report.targets.map(({ lag }) => lag));
          this.step({ type: 'replicasChanged', report });
        },
        purged: (purgeId) => this.step({ type: 'purged', purgeId }),
        claimed: () => {},
        dropped: () => this.rejoin(),
      },
    });
    this.agent = new ClusterAgent({
      cluster: CLUSTER_NAME,
      coordinators: world.coordinatorAddresses,
      node: {
        id: this.id,
        host: place,
        port: DATA_PORT,
        peerPort: PEER_PORT,
        zone: chance.pick(ZONES),
        weight: 1 + chance.below(WEIGHT_MAX),
      },
      mayRestart: true,
      random01: () => chance.fraction(),
    });
  }

  start(): void {
    const { world, process } = this;
    const place = process.name;
    world.data.listen(`${place}:${DATA_PORT}`, { process, handle: (request, reply) => this.onClient(request, reply) });
    world.control.listen(`${place}:${PEER_PORT}`, { process, handle: (bytes, reply) => this.onPeer(bytes, reply) });
    world.moves.listen(`${place}:${PEER_PORT}`, {
      process,
      handle: ({ purpose, bytes }, reply) => {
        if (purpose === 'move') this.mover.takeFrame(bytes.slice(), reply);
        else this.mover.takeReplicaFrame(this.replicaFrame(bytes), reply, process.monotonicMs, wallMsOf(process));
      },
    });
    process.after(this.chance.between(0, AGENT_TICK_MS), () => this.tick());
  }

  private replicaFrame(bytes: Uint8Array): Uint8Array {
    const { world, chance, lateWrites } = this;
    if (world.bug === 'reorderWrites') return lateWrites.reordered(bytes, () => chance.happens(LATE_PROBABILITY));
    const isSkipped = world.bug === 'skipGap' && chance.happens(SKIP_PROBABILITY);
    return (isSkipped ? withoutChanges(bytes) : bytes).slice();
  }

  /** Asks to go: the process ends when its slots are elsewhere. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.process.receive(() => this.step({ type: 'leave' }));
  }

  /** Whether a key of `slot` would be lost with this process. */
  claims(slot: number): boolean {
    return (this.slots.wordOf(slot) & OWNED) !== 0;
  }

  /** Whether commands on `slot` wait here. */
  holdsBack(slot: number): boolean {
    return (this.slots.wordOf(slot) & PAUSED) !== 0;
  }

  mayAnswer(): boolean {
    return this.data.mayAnswer();
  }

  describe(): string {
    return `${this.process.name} (${this.id.slice(0, 6)}…)`;
  }

  private tick(): void {
    if (this.ticks % 25 === 0) {
      const { itemCount, liveBytes, memoryBytes } = this.store.stats();
      this.figures = { items: itemCount, bytes: liveBytes, memoryBytes };
    }
    this.ticks += 1;
    this.step({ type: 'tick', figures: this.figures });
    this.process.after(AGENT_TICK_MS, () => this.tick());
  }

  private step(event: AgentEvent): void {
    const effects = this.agent.step(event, this.process.monotonicMs);
    const { version } = this.slots;
    for (const effect of effects) this.carryOut(effect);
    if (this.slots.version !== version) this.data.retryHeld();
  }

  private carryOut(effect: AgentEffect): void {
    const { mover, slots, world, process } = this;
    switch (effect.type) {
      case 'topology':
        this.takeTopology(effect.topology);
        return;
      case 'serveUntil':
        slots.setServeUntil(effect.untilMs, effect.right);
        return;
      case 'slots':
        slots.apply(effect.image);
        return;
      case 'beginExport':
        world.trace.note(process.name, () => `copies move ${effect.move.id} to ${effect.target.host}`);
        mover.beginExport(effect.move, effect.target, effect.how);
        return;
      case 'shipRest':
        world.trace.note(process.name, () => `ships the rest of move ${effect.moveId}`);
        mover.shipRest(effect.moveId);
        return;
      case 'beginImport':
        world.trace.note(process.name, () => `imports move ${effect.move.id} from ${effect.source.host}`);
        mover.beginImport(effect.move, effect.source, effect.how);
        return;
      case 'takeOver':
        if (world.bug === 'takeEarly') this.step({ type: 'moveChanged', report: completeReport(effect.moveId) });
        else mover.takeOver(effect.moveId, effect.extent);
        return;
      case 'endMove':
        world.trace.note(process.name, () => `ends move ${effect.moveId}, ${effect.outcome}`);
        mover.endMove(effect.moveId, effect.outcome);
        return;
      case 'purge':
        world.trace.note(process.name, () => `deletes ${effect.slots.length} slots (${effect.purgeId})`);
        mover.purge(effect.purgeId, effect.slots);
        return;
      case 'dropAll':
        world.trace.note(process.name, () => 'deletes everything');
        mover.dropAll(effect.kept);
        return;
      case 'replicateTo':
        mover.replicateTo(this.id, effect.targets);
        return;
      case 'copyFrom':
        mover.copyFrom(this.id, effect.sources, effect.kept);
        return;
      case 'setPace':
        return mover.setPace(effect.bytesPerSecond);
      case 'claim':
        return mover.claim(effect.claimId, effect.notes);
      case 'reply':
        return this.reply(effect.ticket, effect.answer);
      case 'askCoordinator':
        this.ask(effect.requestId, effect.to, effect.request, decodeCoordinatorAnswer);
        return;
      case 'askPeer':
        if (effect.request.type === 'handover') performAtHandover(world, this, effect.to.id);
        this.ask(effect.requestId, `${effect.to.host}:${effect.to.peerPort}`, effect.request, decodePeerAnswer);
        return;
      case 'forget':
        return;
      case 'trouble':
        this.data.cluster.trouble = effect.trouble;
        world.trace.note(process.name, () =>
          effect.trouble === null ? 'serves' : `does not serve: ${effect.trouble}`,
        );
        return;
      case 'left':
        // In an event of its own: nothing of this process runs after its end.
        world.scheduler.after(0, () => world.nodeLeft(this, effect.reason));
        return;
      case 'log':
        world.trace.note(process.name, () => `${effect.level}: ${effect.message}`);
    }
  }

  private ask(
    requestId: number,
    address: string,
    request: Message,
    decode: (bytes: Uint8Array) => CoordinatorAnswer | PeerAnswer,
  ): void {
    const { world, process } = this;
    const call = { from: process, address, request: encodeMessage(request), timeoutMs: CALL_TIMEOUT_MS };
    world.control.call(call, (bytes) => {
      if (bytes === null) this.step({ type: 'unanswered', requestId, reason: `${address} does not answer` });
      else this.step({ type: 'answered', requestId, answer: decode(bytes) });
    });
  }

  private onPeer(bytes: Uint8Array, reply: Reply<Uint8Array>): void {
    const request = decodePeerRequest(bytes, CLUSTER_NAME);
    if (request.type === 'refused') {
      reply(encodeMessage(request));
      return;
    }
    const ticket = this.nextTicket;
    this.nextTicket += 1;
    this.tickets.set(ticket, reply);
    this.step({ type: 'asked', ticket, request });
  }

  private reply(ticket: number, answer: PeerAnswer): void {
    const reply = this.tickets.get(ticket);
    this.tickets.delete(ticket);
    reply?.(encodeMessage(answer));
  }

  private onClient(request: ClientRequest, reply: Reply<ClientAnswer>): void {
    if (request.kind !== 'topology') {
      this.data.handle(request, reply);
      return;
    }
    const { topology } = this.data.cluster;
    if (topology.epoch <= request.epoch) {
      reply({ kind: 'topology', bytes: null });
      return;
    }
    if (this.encoded?.topology !== topology) this.encoded = { topology, bytes: encodeTopology(topology) };
    reply({ kind: 'topology', bytes: this.encoded.bytes });
  }

  /** The slot table is ahead of the data threads' mail for a moment. */
  private takeTopology(topology: Topology): void {
    const { process, world, id } = this;
    world.trace.note(process.name, () => `applies epoch ${topology.epoch}`);
    process.after(this.chance.between(0, MAIL_MS_MAX), () => {
      const { cluster } = this.data;
      if (topology.epoch <= cluster.topology.epoch && topology.epoch > 0) return;
      cluster.topology = topology;
      cluster.nodeId = id;
      this.data.retryHeld();
    });
  }

  private rejoin(): void {
    this.world.dropped(this);
    this.id = newId(this.chance);
    this.ids.push(this.id);
    this.world.trace.note(this.process.name, () => `joins anew as ${this.describe()}`);
    this.step({ type: 'dropped', nodeId: this.id });
  }

  /** Has the mover stepped soon after `delayMs`, or before. */
  private wakeMover(delayMs: number): void {
    const { process } = this;
    const dueMs = process.monotonicMs + Math.max(0, delayMs);
    if (this.stepWanted && this.stepDueMs <= dueMs) return;
    this.stepWanted = true;
    this.stepDueMs = dueMs;
    process.at(dueMs + this.chance.exponential(STEP_WAIT_MS_MEAN), () => {
      if (!this.stepWanted || this.stepDueMs !== dueMs) return;
      this.stepWanted = false;
      const nextMs = this.mover.step(process.monotonicMs, wallMsOf(process));
      this.data.confirm();
      if (nextMs !== Number.POSITIVE_INFINITY) this.wakeMover(nextMs - process.monotonicMs);
    });
  }
}

function wallMsOf({ monotonicMs }: SimProcess): number {
  return WALL_CLOCK_START_MS + Math.floor(monotonicMs);
}

function newId(chance: Chance): string {
  let id = '';
  while (id.length < ID_DIGITS) id += chance.below(16).toString(16);
  return id;
}
