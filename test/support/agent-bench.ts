/**
 * A node's agent on a clock of the test's own, between a coordinator and peers that do as they are told. What the agent wants
 * of the slot table is done to a real one; what it wants of the mover is noted, and what that does is reported at once unless the test holds it.
 */
import { ClusterAgent } from '../../src/cluster/agent.ts';
import { AGENT_TICK_MS, type AgentEffect, type AgentEvent } from '../../src/cluster/agent-types.ts';
import type { NodeDisk } from '../../src/cluster/disk-duties.ts';
import type { MoveReport } from '../../src/cluster/mover.ts';
import { SlotTable } from '../../src/cluster/slot-table.ts';
import type {
  CoordinatorAnswer,
  CoordinatorRequest,
  Heartbeat,
  Lease,
  PeerAnswer,
  PeerRequest,
} from '../../src/protocol/cluster/messages.ts';
import { encodeTopology } from '../../src/topology/encoding.ts';
import { SLOT_COUNT } from '../../src/topology/slots.ts';
import {
  type ClusterNode,
  NO_NODE,
  type NodeState,
  nextTopology,
  type SlotMove,
  Topology,
} from '../../src/topology/topology.ts';

export const CLUSTER = 'test';
export const LEASE_MS = 2000;

/** The id of a node that tests call by one digit. */
export function idOf(digit: string): string {
  return digit.repeat(40);
}

export function nodeOf(digit: string, state: NodeState = 'active'): ClusterNode {
  return { id: idOf(digit), host: `host-${digit}`, port: 7600, peerPort: 7700, zone: '', weight: 1, state };
}

/** A topology in which each node of `digits` has the slots that `owner` gives it by a digit; '' for nobody. */
export function topologyOf(
  epoch: number,
  digits: string,
  owner: (slot: number) => string,
  options: { moves?: readonly SlotMove[]; cluster?: string; states?: Readonly<Record<string, NodeState>> } = {},
): Topology {
  const nodes = digits.split('').map((digit) => nodeOf(digit, options.states?.[digit] ?? 'active'));
  const owners = new Uint16Array(SLOT_COUNT);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const index = digits.indexOf(owner(slot));
    owners[slot] = owner(slot) === '' || index === -1 ? NO_NODE : index;
  }
  const moves = options.moves ?? [];
  const cluster = options.cluster ?? CLUSTER;
  return Topology.of({ cluster, epoch, nodes, owners, replicaCount: 0, replicas: new Uint16Array(0), moves });
}

interface Due {
  readonly atMs: number;
  readonly event: AgentEvent;
}

type AnswerOf<Q, A> = (request: Q, to: string) => A | null;

export class AgentBench {
  nowMs = 1000;
  readonly agent: ClusterAgent;
  readonly table = SlotTable.create();
  /** All that the agent wanted, in order; tests empty it. */
  effects: AgentEffect[] = [];
  /** What the coordinator has. */
  topology: Topology = Topology.empty(CLUSTER);
  /** One way; a lease's answer is late by twice this. */
  delayMs = 1;
  /** False: the coordinator is silent, to watches too. */
  coordinatorAnswers = true;
  /** Null: no answer. */
  onHeartbeat: AnswerOf<Heartbeat, CoordinatorAnswer> = () => this.lease();
  /** Null: no answer. `to`: the digit of the node that is asked. */
  onPeer: AnswerOf<PeerRequest, PeerAnswer> = () => null;
  /** False: the test reports them itself. */
  purgesAtOnce = true;
  /** False: the test says itself that claims are on disk. */
  claimsAtOnce = true;
  /** False: the test reports itself that all is there of what is taken over. */
  completesAtOnce = true;
  readonly heartbeats: Heartbeat[] = [];
  private due: Due[] = [];
  private watches: { readonly requestId: number; readonly epoch: number }[] = [];
  private nextTicket = 1;

  constructor(
    options: { coordinators?: readonly string[]; self?: string; mayRestart?: boolean; disk?: NodeDisk } = {},
  ) {
    const { state: _state, ...node } = nodeOf(options.self ?? 'a');
    this.agent = new ClusterAgent({
      cluster: CLUSTER,
      coordinators: options.coordinators ?? ['coordinator:1'],
      node,
      mayRestart: options.mayRestart ?? true,
      random01: () => 0.5,
      disk: options.disk,
    });
  }

  lease(fields: Partial<Lease> = {}): Lease {
    return {
      type: 'lease',
      leaseMs: LEASE_MS,
      epoch: this.topology.epoch,
      coordinator: 'coordinator:1',
      mayGo: false,
      moveBytesPerSecond: 0,
      ...fields,
    };
  }

  /** Lets time pass, tick by tick. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      this.nowMs = Math.min(endMs, this.nowMs + AGENT_TICK_MS);
      this.deliver();
      this.step({ type: 'tick', figures: { items: 1, bytes: 2, memoryBytes: 3 } });
    }
  }

  step(event: AgentEvent): readonly AgentEffect[] {
    const effects = this.agent.step(event, this.nowMs);
    for (const effect of effects) this.carryOut(effect);
    return effects;
  }

  /** The coordinator's topology from now on; watches hear of it. */
  publish(topology: Topology): void {
    this.topology = topology;
    if (this.coordinatorAnswers) this.answerWatches();
  }

  /** As `publish`, and lets it arrive. */
  apply(topology: Topology): void {
    this.publish(topology);
    this.pass(10 * AGENT_TICK_MS);
  }

  /** The topology's next one. */
  next(change: Parameters<typeof nextTopology>[1]): Topology {
    return nextTopology(this.topology, change);
  }

  /** A question by a peer, and its answer. */
  ask(request: PeerRequest): PeerAnswer | undefined {
    const ticket = this.nextTicket;
    this.nextTicket += 1;
    const asked = this.effects.length;
    this.step({ type: 'asked', ticket, request });
    return this.effects
      .slice(asked)
      .flatMap((effect) => (effect.type === 'reply' && effect.ticket === ticket ? [effect.answer] : []))[0];
  }

  report(report: Partial<MoveReport> & Pick<MoveReport, 'id' | 'role' | 'state'>): void {
    this.step({ type: 'moveChanged', report: { items: 0, bytes: 0, itemsTotal: 0, lag: 0, ...report } });
  }

  serves(slot: number): boolean {
    return this.table.mayServe(slot, this.nowMs);
  }

  /** What was wanted of one type, since the test emptied `effects`. */
  wanted<T extends AgentEffect['type']>(type: T): readonly Extract<AgentEffect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<AgentEffect, { type: T }> => effect.type === type);
  }

  logged(): readonly string[] {
    return this.wanted('log').map(({ message }) => message);
  }

  /** Events that are on their way to the agent: a test may drop, double or reorder them. */
  get onTheWay(): Due[] {
    return this.due;
  }

  private deliver(): void {
    const ready = this.due.filter(({ atMs }) => atMs <= this.nowMs);
    this.due = this.due.filter(({ atMs }) => atMs > this.nowMs);
    for (const { event } of ready) this.step(event);
  }

  private carryOut(effect: AgentEffect): void {
    this.effects.push(effect);
    if (effect.type === 'slots') this.table.apply(effect.image);
    else if (effect.type === 'serveUntil') this.table.setServeUntil(effect.untilMs, effect.right);
    else if (effect.type === 'purge' && this.purgesAtOnce) this.later({ type: 'purged', purgeId: effect.purgeId }, 0);
    else if (effect.type === 'claim' && this.claimsAtOnce) this.later({ type: 'claimed', claimId: effect.claimId }, 0);
    else if (effect.type === 'takeOver' && this.completesAtOnce)
      this.report({ id: effect.moveId, role: 'target', state: 'complete' });
    else if (effect.type === 'askCoordinator') this.askCoordinator(effect.requestId, effect.to, effect.request);
    else if (effect.type === 'askPeer') {
      const answer = this.onPeer(effect.request, effect.to.id[0]!);
      if (answer !== null) this.later({ type: 'answered', requestId: effect.requestId, answer }, 2 * this.delayMs);
    }
  }

  private askCoordinator(requestId: number, to: string, request: CoordinatorRequest): void {
    if (request.type === 'heartbeat') this.heartbeats.push(request);
    if (!this.coordinatorAnswers) return;
    if (request.type === 'watch') {
      this.watches.push({ requestId, epoch: request.epoch });
      this.answerWatches();
    } else if (request.type === 'heartbeat') {
      const answer = this.onHeartbeat(request, to);
      if (answer !== null) this.later({ type: 'answered', requestId, answer }, 2 * this.delayMs);
    }
  }

  private answerWatches(): void {
    const { topology } = this;
    const isNews = ({ epoch }: { epoch: number }): boolean => epoch < topology.epoch;
    const answered = this.watches.filter(isNews);
    this.watches = this.watches.filter((watch) => !isNews(watch));
    for (const { requestId } of answered) {
      const answer: CoordinatorAnswer = {
        type: 'topology',
        epoch: topology.epoch,
        topology: Buffer.from(encodeTopology(topology)).toString('base64'),
      };
      this.later({ type: 'answered', requestId, answer }, 2 * this.delayMs);
    }
  }

  private later(event: AgentEvent, delayMs: number): void {
    this.due.push({ atMs: this.nowMs + delayMs, event });
  }
}
