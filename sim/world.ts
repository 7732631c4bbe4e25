/**
 * The world of one run: its network, processes, state store and clients, and what is checked about them.
 *
 *     begin ─► the cluster comes to rest ─► actions and faults ─► faults end ─► rest again, in time ─► last reads ─► verdict
 *
 * After each step: at most one node may serve a slot. At the end: what clients were told fits together, and nothing is where it does not
 * belong. Which keys a death may take is said in losses.ts.
 */
import type { DepartureReason } from '../src/cluster/departure.ts';
import { decodeState } from '../src/coordinator/coordinator-state.ts';
import { keySlot } from '../src/topology/slots.ts';
import type { Topology } from '../src/topology/topology.ts';
import { performAction } from './actions.ts';
import type { PlantedBug } from './bugs.ts';
import { Calls } from './calls.ts';
import { type ClientAnswer, type ClientRequest, type KeyOfRun, SimClient } from './client.ts';
import { SimCoordinator } from './coordinator.ts';
import { SimulationFailure } from './failure.ts';
import { ABSENT, History } from './history.ts';
import { Losses } from './losses.ts';
import type { ItemFrame } from './move-link.ts';
import { Network } from './network.ts';
import { SimNode } from './node.ts';
import { Operator } from './operator.ts';
import { SimProcess } from './process.ts';
import { Chance } from './randomness.ts';
import { checkAtRest, whyNotAtRest } from './rest.ts';
import { type Action, CLUSTER_NAME, type Scenario } from './scenario.ts';
import { Scheduler } from './scheduler.ts';
import type { RunFigures } from './seed-result.ts';
import { ServingCheck } from './serving-check.ts';
import { STATE_PLACE, type StateTrouble } from './state-client.ts';
import { StateService } from './state-service.ts';
import { Trace } from './trace.ts';

const KEY_COUNT = 160;
const CLOCK_RATE_SHARE = 0.01;
/** What a fast clock is off by: more than leases allow for. */
const FAST_CLOCK_SHARE = 0.2;
/** The cluster is there so soon, and again so soon after the last fault; true ms. */
const REST_WITHIN_MS = 60_000;
/** Then an operator says which nodes are gone for good, which the coordinator cannot know of some. */
const OPERATOR_MS = 15_000;
/** It must stay at rest for so long. */
const REST_FOR_MS = 300;
const LOOK_EVERY_MS = 50;
/** What a run takes at least, and after its last action, until its faults count as over. */
const CALM_MS = 300;
const STEPS_MAX = 2_000_000;
const HAS_LEFT = 'has left';
/** A supervisor takes so long to start a process again. */
const START_MS = 200;

export interface WorldSetting {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly bug: PlantedBug | null;
  readonly trace: boolean;
}

export class World {
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  readonly network: Network;
  /** To coordinators and between nodes. */
  readonly control: Calls<Uint8Array, Uint8Array>;
  /** Frames of moves and of streams to replicas, between nodes. */
  readonly moves: Calls<ItemFrame, Uint8Array>;
  /** To nodes, from clients and for clients. */
  readonly data: Calls<ClientRequest, ClientAnswer>;
  readonly history = new History();
  readonly scenario: Scenario;
  readonly bug: PlantedBug | null;
  readonly stateService: StateService;
  readonly stateTrouble: StateTrouble = { slowMs: 0, refuseProbability: 0 };
  /** Those whose process runs or is paused. */
  nodes: SimNode[] = [];
  /** By place, null while it is down. */
  readonly coordinators: (SimCoordinator | null)[] = [];
  readonly keys: readonly KeyOfRun[];
  readonly operator: Operator;
  /** The newest that was stored. */
  topology: Topology | null = null;
  /** Ids of nodes that were removed and may serve on, as far as the coordinator knows. */
  private departed: readonly string[] = [];
  /** Ids of nodes whose process has ended: an operator can see that. */
  private readonly endedIds = new Set<string>();
  /** Nobody writes any more. */
  isQuiet = false;
  /** Actions that wait for the next handover, or the next confirmation. */
  armed: Action[] = [];
  /** When the last fault is over, as far as it is known. */
  faultsUntilMs = 0;
  private readonly seed: number;
  private readonly losses: Losses;
  private readonly serving = new ServingCheck();
  private readonly clients: SimClient[] = [];
  private readonly clockChance: Chance;
  private processCount = 0;
  private placeCount = 0;
  private valueCount = 0;
  private stopAtStep = Number.POSITIVE_INFINITY;

  constructor({ seed, scenario, bug, trace }: WorldSetting) {
    this.seed = seed;
    this.scenario = scenario;
    this.bug = bug;
    this.trace = new Trace(this.scheduler, trace);
    this.network = new Network(this.scheduler, this.chance('network'));
    this.control = new Calls(this.network, 'mayRepeat');
    this.moves = new Calls(this.network, 'mayRepeat');
    this.data = new Calls(this.network, 'once');
    this.clockChance = this.chance('clocks');
    this.keys = Array.from({ length: KEY_COUNT }, (_unused, index) => {
      const name = `key:${index}`;
      const bytes = Buffer.from(name);
      return { name, bytes, slot: keySlot(bytes, 0, bytes.length) };
    });
    const { scheduler, history, keys } = this;
    const { profile, replicas } = scenario;
    this.losses = new Losses({ profile, replicas, keys, history, scheduler });
    const stateProcess = scenario.stateStore === 'etcd' ? this.newProcess(STATE_PLACE) : null;
    this.stateService = new StateService({
      process: stateProcess,
      onStored: (value) => {
        const { topology, departed } = decodeState(value, CLUSTER_NAME);
        this.departed = departed.map(({ id }) => id);
        this.onStored(topology);
      },
      readsOld: bug === 'reuseEpoch',
    });
    this.operator = new Operator(this);
  }

  /** Another stream of chance for each purpose. */
  chance(purpose: string): Chance {
    return new Chance(this.seed, purpose);
  }

  newProcess(name: string): SimProcess {
    this.processCount += 1;
    const share = this.bug === 'fastClock' ? FAST_CLOCK_SHARE : CLOCK_RATE_SHARE;
    const rate = 1 + this.clockChance.between(-share, share);
    return new SimProcess(name, rate, this.scheduler, this.chance(`process ${this.processCount}`));
  }

  get coordinatorAddresses(): readonly string[] {
    return Array.from({ length: this.scenario.coordinatorCount }, (_unused, index) => `c${index + 1}:7500`);
  }

  /** Addresses where clients ask first. */
  get seeds(): readonly string[] {
    return Array.from({ length: this.scenario.nodeCount }, (_unused, index) => `n${index + 1}:7600`);
  }

  /** Goes from the beginning to the verdict. Throws `SimulationFailure`, and whatever the code that runs here throws. */
  run(stopAtStep: number): void {
    this.stopAtStep = stopAtStep;
    const { scenario, scheduler } = this;
    for (let index = 0; index < scenario.coordinatorCount; index += 1) this.startCoordinator(index);
    for (let index = 0; index < scenario.nodeCount; index += 1) this.startNode(`n${index + 1}`);
    this.placeCount = scenario.nodeCount;
    if (!this.runToRest('began')) return;
    for (let index = 0; index < scenario.clientCount; index += 1) this.startClient(index);
    const begunAtMs = scheduler.nowMs;
    this.faultsUntilMs = begunAtMs + CALM_MS;
    for (const action of scenario.actions) {
      this.faultsUntilMs = Math.max(this.faultsUntilMs, begunAtMs + action.atMs + CALM_MS);
      scheduler.at(begunAtMs + action.atMs, () => performAction(this, action));
    }
    while (scheduler.nowMs < this.faultsUntilMs) if (!this.step()) return;
    this.trace.note('', () => 'the faults are over');
    this.network.healAll();
    this.armed = [];
    scheduler.after(OPERATOR_MS, () => this.forgetEnded());
    if (!this.runToRest('had no more faults')) return;
    for (const client of this.clients) client.stop();
    this.isQuiet = true;
    if (!this.readAll()) return;
    this.checkHistory();
    if (scenario.replicas > 0 && !this.runToRest('had its last write')) return;
    checkAtRest(this);
  }

  get figures(): RunFigures {
    const { scheduler, history, clients, losses, topology } = this;
    return {
      steps: scheduler.step,
      virtualMs: scheduler.nowMs,
      answeredCount: clients.reduce((sum, client) => sum + client.answeredCount, 0),
      failedCount: clients.reduce((sum, client) => sum + client.failedCount, 0),
      epoch: topology?.epoch ?? 0,
      erasedCount: losses.count,
      digest: scheduler.digest ^ history.operationCount,
    };
  }

  /** A node that was never there, at a place of its own. */
  joinNode(): void {
    this.placeCount += 1;
    this.startNode(`n${this.placeCount}`);
  }

  startNode(place: string): void {
    const node = new SimNode(this, place);
    this.nodes.push(node);
    this.serving.add(node);
    this.trace.note(place, () => `starts as ${node.describe()}`);
    node.start();
  }

  /** `node` has given up what it had and ends; where an operator wanted that, its supervisor starts it again. */
  nodeLeft(node: SimNode, reason: DepartureReason): void {
    const slotCount = this.topology?.slotCountOf(node.id) ?? 0;
    if (slotCount > 0 && this.scenario.profile !== 'faults') {
      throw new SimulationFailure('needlessDeath', `${node.describe()} has left with ${slotCount} slots`);
    }
    this.endNode(node, HAS_LEFT);
    if (reason === 'asked') return;
    this.faultsUntilMs = Math.max(this.faultsUntilMs, this.scheduler.nowMs + START_MS + 1);
    this.scheduler.after(START_MS, () => this.startNode(node.process.name));
  }

  /** The process of `node` ends now, with all that it had in memory. */
  endNode(node: SimNode, why: string): void {
    if (!this.nodes.includes(node)) return;
    this.trace.note(node.process.name, () => why);
    this.losses.died(node, this.topology);
    const isDeath = why !== HAS_LEFT || (this.topology?.slotCountOf(node.id) ?? 0) > 0;
    if (node.removal !== null) this.dropped(node);
    else if (isDeath) this.losses.copiesDied(this.topology);
    for (const id of node.ids) this.endedIds.add(id);
    node.process.kill();
    this.serving.remove(node);
    this.nodes = this.nodes.filter((other) => other !== node);
  }

  /** `node`, which was removed, has nothing any more of what it had then. */
  dropped(node: SimNode): void {
    if (node.removal !== null) node.removal.untilMs = this.scheduler.nowMs;
    node.removal = null;
  }

  startCoordinator(index: number): void {
    const coordinator = new SimCoordinator(this, `c${index + 1}`, this.coordinatorAddresses[index]!);
    this.coordinators[index] = coordinator;
    this.trace.note(coordinator.process.name, () => 'starts');
    coordinator.start();
  }

  endCoordinator(index: number): void {
    const coordinator = this.coordinators[index];
    if (coordinator === null || coordinator === undefined) return;
    this.trace.note(coordinator.process.name, () => 'is killed');
    coordinator.process.kill();
    this.coordinators[index] = null;
  }

  /** A coordinator has stored `topology`: whoever is not in it any more has lost what it had. */
  private onStored(topology: Topology): void {
    const before = this.topology;
    this.topology = topology;
    this.trace.note('', () => `epoch ${topology.epoch} is stored`);
    if (before === null) return;
    if (before.nodes.some(({ id }) => topology.node(id) === null)) {
      for (const node of this.nodes) this.losses.survived(node);
    }
    for (const node of this.nodes) {
      if (before.node(node.id) === null || topology.node(node.id) !== null) continue;
      const hadSlots = before.slotCountOf(node.id) > 0 || before.moves.some(({ to }) => to === node.id);
      if (hadSlots && this.scenario.profile !== 'faults') {
        throw new SimulationFailure(
          'needlessDeath',
          `${node.describe()} was removed with slots in epoch ${topology.epoch}`,
        );
      }
      this.losses.died(node, before);
      node.removal = this.losses.copiesDied(before);
      node.removal.untilMs = Number.POSITIVE_INFINITY;
    }
  }

  /** Somebody looks after a while and says which of the nodes that are missing have ended for good. */
  private forgetEnded(): void {
    for (const node of this.departed) {
      if (this.endedIds.has(node)) this.operator.ask({ type: 'forget', cluster: CLUSTER_NAME, node });
    }
  }

  private startClient(index: number): void {
    const name = `k${index + 1}`;
    const client = new SimClient({
      process: this.newProcess(name),
      scheduler: this.scheduler,
      chance: this.chance(`client ${name}`),
      calls: this.data,
      history: this.history,
      trace: this.trace,
      keys: this.keys,
      seeds: this.seeds,
      // Most know slots; the first of some runs asks any node.
      knowsSlots: index > 0 || this.seed % 2 === 0,
      topology: () => this.topology,
      newValue: () => {
        this.valueCount += 1;
        return this.valueCount;
      },
      acksMax: this.scenario.replicas,
    });
    this.clients.push(client);
    client.start();
  }

  /** One event and the checks after it; false where the run ends here. */
  private step(): boolean {
    if (this.scheduler.step >= this.stopAtStep || !this.scheduler.runNext()) return false;
    this.serving.check();
    if (this.scheduler.step > STEPS_MAX) throw new SimulationFailure('notConverged', `${STEPS_MAX} steps are no end`);
    return true;
  }

  /** Runs until the cluster is as it should be and stays so; false where the run ends before. */
  private runToRest(since: string): boolean {
    const { scheduler } = this;
    const deadlineMs = scheduler.nowMs + REST_WITHIN_MS;
    let restSinceMs = Number.POSITIVE_INFINITY;
    let lookAtMs = scheduler.nowMs;
    for (;;) {
      if (!this.step()) return false;
      if (scheduler.nowMs < lookAtMs) continue;
      lookAtMs = scheduler.nowMs + LOOK_EVERY_MS;
      const why = whyNotAtRest(this);
      if (why === null) restSinceMs = Math.min(restSinceMs, scheduler.nowMs);
      else restSinceMs = Number.POSITIVE_INFINITY;
      if (scheduler.nowMs - restSinceMs >= REST_FOR_MS) return true;
      if (scheduler.nowMs <= deadlineMs || why === null) continue;
      throw new SimulationFailure(
        'notConverged',
        `${REST_WITHIN_MS} ms after it ${since}, the cluster is not at rest: ${why}`,
      );
    }
  }

  /** Reads every key once more, at its owner. */
  private readAll(): boolean {
    const { scheduler, history } = this;
    const process = this.newProcess('k0');
    const open = new Set(this.keys);
    for (const key of this.keys) {
      const { name, slot } = key;
      const owner = this.topology?.ownerOf(slot);
      if (owner === null || owner === undefined) throw new SimulationFailure('notAtRest', `nobody owns slot ${slot}`);
      const operation = history.call(name, 'read', ABSENT, scheduler.nowMs, 'k0');
      const request = { kind: 'read', key: name, value: ABSENT, forward: false, acks: 0 } as const;
      const address = `${owner.host}:${owner.port}`;
      this.data.call({ from: process, address, request, timeoutMs: REST_WITHIN_MS }, (answer) => {
        if (answer?.kind !== 'done') {
          throw new SimulationFailure('notAtRest', `${address} does not serve ${name}: ${answer?.kind ?? 'no answer'}`);
        }
        open.delete(key);
        history.answer(operation, answer.value, scheduler.nowMs, scheduler.step);
      });
    }
    while (open.size > 0) if (!this.step()) return false;
    return true;
  }

  private checkHistory(): void {
    const problem = this.history.check();
    if (problem === null) return;
    const { key, operation, recent } = problem;
    const lines = recent.map(
      ({ kind, value, who, calledAtMs, answeredAtMs }) =>
        `  ${who} ${kind} ${value === ABSENT ? 'absent' : value}, ${calledAtMs.toFixed(2)} to ${answeredAtMs.toFixed(2)}`,
    );
    const seen = operation.value === ABSENT ? 'that it is absent' : String(operation.value);
    throw new SimulationFailure(
      'notLinearizable',
      `${key}: ${operation.who} was told ${seen}, which no order of what was written explains:\n${lines.join('\n')}`,
      operation.answeredAtStep,
    );
  }
}
