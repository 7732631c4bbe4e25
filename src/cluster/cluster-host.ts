/**
 * The shell around a node's agent and its moves: sockets, timers, and who hears of what. It decides nothing. It runs on a control
 * thread, or on the one thread of a node inside an application; every piece of work is a millisecond or so.
 *
 *     peers, coordinators ◄─ ControlLinks, FrameServer ─► ClusterHost ─ events ─► ClusterAgent
 *     peers (items)       ◄─ MoveConnection ────────────►     │      ◄─ effects ─┘
 *                                                             ├──► slot table, data threads (`ClusterHostParts`)
 *                                                             └──► mover, stepped when it asks for it
 *
 * Events that come while effects are being carried out wait until that is done: the agent is never entered twice.
 */
import { randomBytes } from 'node:crypto';
import { ShoalError } from '../base/errors.ts';
import { FrameServer, type IncomingRequest } from '../control/frame-server.ts';
import { addressText, splitAddress } from '../io/address.ts';
import type { Transport } from '../io/transport.ts';
import { decodeCoordinatorAnswer, decodePeerAnswer, decodePeerRequest } from '../protocol/cluster/message-reader.ts';
import {
  CONTROL_BYTES_MAX,
  type CoordinatorAnswer,
  encodeMessage,
  type Message,
  type NodeFigures,
  type PeerAnswer,
} from '../protocol/cluster/messages.ts';
import { Opcode, Status } from '../protocol/shoal/frame.ts';
import type { ClusterNode } from '../topology/topology.ts';
import { ClusterAgent } from './agent.ts';
import { AGENT_TICK_MS, type AgentEffect, type AgentEvent, type AgentSnapshot } from './agent-types.ts';
import type { DepartureReason } from './departure.ts';
import type { NodeDisk } from './disk-duties.ts';
import { ControlLinks } from './control-links.ts';
import { MoveConnection } from './move-connection.ts';
import type { LinkPurpose, MoveLink, MoveLinkEvents } from './move-link.ts';
import type { HostedMover, MoverReports } from './mover.ts';
import { ServingRight, type SlotTable } from './slot-table.ts';
import { StepTimer } from './step-timer.ts';
import type { MoverPort } from './store-mover.ts';

const ID_BYTES = 20;

export interface ClusterHostOptions {
  readonly cluster: string;
  /** `HOST:PORT` of each, one at least. */
  readonly coordinators: readonly string[];
  /** Of the whole cluster; empty: none. */
  readonly password: string;
  /** Where clients and other nodes reach this node, and at which port clients do. */
  readonly announcedHost: string;
  readonly announcedPort: number;
  /** Where other nodes are listened for; port 0: any free one, which the coordinator then tells them. */
  readonly peerHost: string;
  readonly peerPort: number;
  readonly zone: string;
  readonly weight: number;
  /** The process is nothing but this node: an operator may have it start again. */
  readonly mayRestart: boolean;
  /** Of a node that keeps its data. */
  readonly disk?: NodeDisk | undefined;
}

export interface ClusterHostParts {
  readonly transport: Transport;
  readonly clock: { nowMs(): number; monotonicMs(): number };
  readonly timers: { every(intervalMs: number, callback: () => void): { stop(): void } };
  readonly random01: () => number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** The host is its one writer. */
  readonly slots: SlotTable;
  /** Called once, before the node is known to anybody. */
  readonly createMover: (port: Pick<MoverPort, 'connect' | 'wake' | 'wakeNow'>, reports: MoverReports) => HostedMover;
  readonly figures: () => NodeFigures;
  /** For data threads: who this node is, the topology (null: as before), why it may not serve (null: it may). */
  readonly onNews: (news: ClusterHostNews) => void;
  /** Words of the slot table have changed: what is held is to be looked at again. */
  readonly onSlotsChanged: () => void;
}

export interface ClusterHostNews {
  readonly nodeId: string;
  /** As `encodeTopology` makes it; null: the same as before. */
  readonly topology: Uint8Array | null;
  readonly trouble: string | null;
}

export interface ClusterHost {
  /** Where other nodes reach this one. */
  readonly peerPort: number;
  /** Resolves when the node owns nothing and may stop, and why it has left: `leave`, or an operator who has it start again. */
  readonly left: Promise<DepartureReason>;
  snapshot(): AgentSnapshot;
  /** Somebody waits until replicas have what was written so far. */
  confirmNow(): void;
  /** Has the node's slots moved away. `left` tells when that is done; needs a coordinator, so the caller bounds the wait. */
  leave(): void;
  /** Serves nothing from now on, closes what is open. Without `leave` the others notice when the lease has run out. Safe to call again. */
  stop(): Promise<void>;
}

/** Rejects with a ShoalError: `InvalidOption` for a coordinator that is no address, `ListenFailed` as `Transport.listen` does. */
export async function startClusterHost(options: ClusterHostOptions, parts: ClusterHostParts): Promise<ClusterHost> {
  for (const address of options.coordinators) {
    if (splitAddress(address) !== null) continue;
    throw new ShoalError('InvalidOption', `the coordinator ${JSON.stringify(address)} is not of the form HOST:PORT`);
  }
  const host: { running: RunningHost | null } = { running: null };
  const server = await FrameServer.listen(parts.transport, {
    host: options.peerHost,
    port: options.peerPort,
    password: options.password,
    valueBytesMax: CONTROL_BYTES_MAX,
    onRequest: (request) => {
      if (host.running === null) request.answer(Status.refused, Buffer.from('the node is stopping', 'utf8'));
      else host.running.asked(request);
    },
  });
  const running = new RunningHost(options, parts, server);
  host.running = running;
  running.start(() => {
    host.running = null;
  });
  return running;
}

class RunningHost implements ClusterHost {
  readonly peerPort: number;
  readonly left: Promise<DepartureReason>;
  private readonly options: ClusterHostOptions;
  private readonly parts: ClusterHostParts;
  private readonly server: FrameServer;
  private readonly agent: ClusterAgent;
  private readonly links: ControlLinks;
  private readonly mover: HostedMover;
  private readonly moverTimer: StepTimer;
  private readonly moveConnections = new Set<MoveConnection>();
  private readonly tickets = new Map<number, IncomingRequest>();
  private readonly queue: AgentEvent[] = [];
  private nextTicket = 1;
  private trouble: string | null = null;
  private isStepping = false;
  private isMoverWanted = false;
  /** The data threads have not heard of the last change of the slot table. */
  private isNoticeDue = false;
  private stopping: Promise<void> | null = null;
  private stopTicks: (() => void) | null = null;
  private hasLeft: (reason: DepartureReason) => void = () => {};
  private forgetHost: () => void = () => {};

  constructor(options: ClusterHostOptions, parts: ClusterHostParts, server: FrameServer) {
    this.options = options;
    this.parts = parts;
    this.server = server;
    this.peerPort = server.port;
    const { announcedHost, announcedPort, cluster, coordinators, zone, weight, mayRestart, disk } = options;
    const monotonicMs = (): number => parts.clock.monotonicMs();
    const node = { id: newNodeId(), host: announcedHost, port: announcedPort, peerPort: server.port, zone, weight };
    this.agent = new ClusterAgent({ cluster, coordinators, node, mayRestart, random01: parts.random01, disk });
    this.links = new ControlLinks({ password: options.password, name: linkName(node), monotonicMs });
    this.moverTimer = new StepTimer(
      monotonicMs,
      () => this.mover.step(monotonicMs(), parts.clock.nowMs()),
      () => this.mover.mayRest,
    );
    this.mover = parts.createMover(
      {
        connect: (target, purpose, events) => this.connectMove(target, purpose, events),
        wake: () => this.moverTimer.wake(),
        wakeNow: () => this.wakeMoverNow(),
      },
      {
        moveChanged: (report) => this.step({ type: 'moveChanged', report }),
        replicasChanged: (report) => this.step({ type: 'replicasChanged', report }),
        claimed: (claimId) => this.step({ type: 'claimed', claimId }),
        purged: (purgeId) => this.step({ type: 'purged', purgeId }),
        dropped: () => this.step({ type: 'dropped', nodeId: newNodeId() }),
      },
    );
    this.left = new Promise((resolve) => {
      this.hasLeft = resolve;
    });
  }

  start(forgetHost: () => void): void {
    this.forgetHost = forgetHost;
    const ticks = this.parts.timers.every(AGENT_TICK_MS, () => this.tick());
    this.stopTicks = () => ticks.stop();
    this.tell(null);
    this.tick();
  }

  confirmNow(): void {
    this.mover.confirmNow();
  }

  snapshot(): AgentSnapshot {
    return this.agent.snapshot(this.parts.clock.monotonicMs());
  }

  leave(): void {
    this.step({ type: 'leave' });
  }

  stop(): Promise<void> {
    this.stopping ??= (async () => {
      this.parts.slots.setServeUntil(0, ServingRight.none);
      this.forgetHost();
      this.stopTicks?.();
      this.moverTimer.stop();
      this.queue.length = 0;
      this.tickets.clear();
      this.links.close();
      for (const connection of this.moveConnections) connection.close();
      await this.server.close();
    })();
    return this.stopping;
  }

  /** Another node asks. */
  asked(request: IncomingRequest): void {
    const { opcode } = request;
    if (opcode === Opcode.control) this.askedToDecide(request);
    else if (opcode === Opcode.moveItems) {
      this.mover.takeFrame(request.value, (reply) => request.answer(Status.ok, reply));
    } else if (opcode === Opcode.replicate) {
      const { clock } = this.parts;
      const answer = (reply: Uint8Array): void => request.answer(Status.ok, reply);
      this.mover.takeReplicaFrame(request.value, answer, clock.monotonicMs(), clock.nowMs());
    } else if (opcode === Opcode.ping) request.answer(Status.ok, request.value);
    else request.answer(Status.unknownOpcode, Buffer.from('this port takes what nodes say to each other', 'utf8'));
  }

  private askedToDecide(request: IncomingRequest): void {
    const message = decodePeerRequest(request.value, this.options.cluster);
    if (message.type === 'refused') {
      this.parts.log('warn', `refused a message of another node: ${message.text}`);
      request.answer(Status.ok, encodeMessage(message));
      return;
    }
    const ticket = this.nextTicket;
    this.nextTicket += 1;
    this.tickets.set(ticket, request);
    request.onGone = () => this.tickets.delete(ticket);
    this.step({ type: 'asked', ticket, request: message });
  }

  private tick(): void {
    const nowMs = this.parts.clock.monotonicMs();
    for (const connection of this.moveConnections) connection.tick(nowMs);
    this.moverTimer.tick(nowMs);
    if (this.isNoticeDue) this.parts.onSlotsChanged();
    this.isNoticeDue = false;
    this.step({ type: 'tick', figures: this.parts.figures() });
  }

  private step(event: AgentEvent): void {
    if (this.stopping !== null) return;
    this.queue.push(event);
    if (this.isStepping) return;
    this.isStepping = true;
    const { clock } = this.parts;
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
        for (const effect of this.agent.step(next, clock.monotonicMs())) this.carryOut(effect);
      }
    } finally {
      this.isStepping = false;
    }
    if (this.isMoverWanted) this.wakeMoverNow();
  }

  /** The agent's commands to the mover come before the step that they ask for. */
  private wakeMoverNow(): void {
    this.isMoverWanted = this.isStepping;
    if (!this.isStepping) this.moverTimer.wakeNow();
  }

  /**
   * Clients that wait for a slot which is not paused any more are let go at once. A pause lets nobody go, so the data threads, which it would only wake, hear of
   * it with the next tick; and where slots were taken over, the source is told first.
   */
  private changeSlots(change: (slots: SlotTable) => void): void {
    const { slots, onSlotsChanged } = this.parts;
    const { version, pausedCount } = slots;
    change(slots);
    if (slots.version === version) return;
    this.isNoticeDue = slots.pausedCount > pausedCount;
    if (slots.pausedCount < pausedCount) onSlotsChanged();
    else if (!this.isNoticeDue) queueMicrotask(onSlotsChanged);
  }

  private carryOut(effect: AgentEffect): void {
    const { parts, mover } = this;
    switch (effect.type) {
      case 'slots':
        return this.changeSlots((slots) => slots.apply(effect.image));
      case 'serveUntil':
        return this.changeSlots((slots) => slots.setServeUntil(effect.untilMs, effect.right));
      case 'topology':
        return this.tell(effect.encoded);
      case 'trouble':
        this.trouble = effect.trouble;
        return this.tell(null);
      case 'beginExport':
        // The handover goes there.
        this.links.prepare(peerAddress(effect.target));
        return mover.beginExport(effect.move, effect.target, effect.how);
      case 'shipRest':
        return mover.shipRest(effect.moveId);
      case 'beginImport':
        return mover.beginImport(effect.move, effect.source, effect.how);
      case 'takeOver':
        return mover.takeOver(effect.moveId, effect.extent);
      case 'endMove':
        return mover.endMove(effect.moveId, effect.outcome);
      case 'replicateTo':
        return mover.replicateTo(this.agent.nodeId, effect.targets);
      case 'copyFrom':
        return mover.copyFrom(this.agent.nodeId, effect.sources, effect.kept);
      case 'purge':
        return mover.purge(effect.purgeId, effect.slots);
      case 'setPace':
        return mover.setPace(effect.bytesPerSecond);
      case 'dropAll':
        return mover.dropAll(effect.kept);
      case 'claim':
        return mover.claim(effect.claimId, effect.notes);
      case 'askCoordinator':
        // What the mover was asked for comes first: clients may wait for that.
        queueMicrotask(() => this.ask(effect.requestId, effect.to, effect.request, decodeCoordinatorAnswer));
        return;
      case 'askPeer':
        return this.ask(effect.requestId, peerAddress(effect.to), effect.request, decodePeerAnswer);
      case 'forget':
        return this.links.forget(effect.requestId);
      case 'reply':
        return this.reply(effect.ticket, effect.answer);
      case 'left':
        return this.hasLeft(effect.reason);
      case 'log':
        return parts.log(effect.level, effect.message);
    }
  }

  private ask(
    requestId: number,
    address: string,
    request: Message,
    decode: (bytes: Uint8Array) => CoordinatorAnswer | PeerAnswer,
  ): void {
    if (this.stopping !== null) return;
    this.links.ask(requestId, address, encodeMessage(request), {
      answered: (value) => {
        let answer: CoordinatorAnswer | PeerAnswer;
        try {
          answer = decode(value);
        } catch (error) {
          // A peer of another version, or no peer of ours at all.
          const reason = error instanceof Error ? error.message : String(error);
          this.step({ type: 'unanswered', requestId, reason: `the answer cannot be read: ${reason}` });
          return;
        }
        this.step({ type: 'answered', requestId, answer });
      },
      failed: (reason) => this.step({ type: 'unanswered', requestId, reason }),
    });
  }

  private reply(ticket: number, answer: PeerAnswer): void {
    const request = this.tickets.get(ticket);
    this.tickets.delete(ticket);
    request?.answer(Status.ok, encodeMessage(answer));
  }

  private tell(topology: Uint8Array | null): void {
    this.parts.onNews({ nodeId: this.agent.nodeId, topology, trouble: this.trouble });
  }

  private connectMove({ host, peerPort }: ClusterNode, purpose: LinkPurpose, events: MoveLinkEvents): MoveLink {
    const name = linkName({ host: this.options.announcedHost, port: this.options.announcedPort });
    const { password } = this.options;
    const connection = new MoveConnection({ host, port: peerPort, password, name }, purpose, events);
    this.moveConnections.add(connection);
    return {
      send: (frame) => connection.send(frame),
      close: () => {
        this.moveConnections.delete(connection);
        connection.close();
      },
    };
  }
}

const newNodeId = (): string => randomBytes(ID_BYTES).toString('hex');

const peerAddress = ({ host, peerPort }: ClusterNode): string => addressText(host, peerPort);

/** What the other side of a connection shows of us. */
function linkName({ host, port }: { readonly host: string; readonly port: number }): string {
  return `node ${addressText(host, port)}`;
}
