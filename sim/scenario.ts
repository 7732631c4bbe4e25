/**
 * What happens to the cluster of a run, drawn from its seed before it begins: a list of actions with their times. Which node an action is about is
 * a number that is resolved when its time has come, so a scenario with some actions left out is a scenario too: that is how a failing one is
 * made shorter.
 */
import { Chance } from './randomness.ts';
import type { StateStoreKind } from './state-service.ts';

/** Of all runs. */
export const CLUSTER_NAME = 'simulated';

/**
 * `planned`: nodes join, leave, are drained and weighed while nothing fails: no key may be lost. `coordinator`: the same, while coordinators and
 * their state store fail: no key may be lost either. `faults`: everything at once.
 */
export const PROFILES = ['planned', 'coordinator', 'faults'] as const;
export type Profile = (typeof PROFILES)[number];
/** As often as each is drawn. */
const PROFILES_DRAWN: readonly Profile[] = ['planned', 'coordinator', 'faults', 'faults'];

export type ActionKind =
  | 'join'
  | 'drain'
  | 'undrain'
  | 'weight'
  | 'leave'
  | 'restart'
  | 'failover'
  | 'crashNode'
  | 'pauseNode'
  | 'pauseInside'
  | 'cutOneWay'
  | 'cutBothWays'
  | 'isolateNode'
  | 'flap'
  | 'storm'
  | 'atHandover'
  | 'atConfirmation'
  | 'crashCoordinator'
  | 'pauseCoordinator'
  | 'cutCoordinator'
  | 'cutState'
  | 'slowState'
  | 'refuseState';

export interface Action {
  /** Its place in the whole scenario: the name by which it is left out or kept. */
  readonly number: number;
  /** True ms since the cluster came to rest for the first time. */
  readonly atMs: number;
  readonly kind: ActionKind;
  /** Which node, coordinator or link, in [0, 1). */
  readonly which: number;
  /** Another one. */
  readonly other: number;
  /** How long a fault lasts, or a node stays away; true ms. */
  readonly forMs: number;
  /** A weight, or another small number. */
  readonly amount: number;
}

type Drawn = Omit<Action, 'number'>;

export interface Scenario {
  readonly profile: Profile;
  readonly nodeCount: number;
  readonly coordinatorCount: number;
  readonly stateStore: StateStoreKind;
  readonly clientCount: number;
  /** Copies of each slot. */
  readonly replicas: number;
  readonly actions: readonly Action[];
}

/** Actions happen within this time; or, in some runs, within the short one, so that one comes into the middle of another. */
const ACTIONS_MS = 12_000;
const ACTIONS_MS_SHORT = 2500;
const SHORT_PROBABILITY = 0.4;
const ACTION_COUNT_MIN = 2;
const ACTION_COUNT_MAX = 9;

const CHANGES: readonly ActionKind[] = ['join', 'join', 'drain', 'drain', 'weight', 'weight', 'undrain', 'leave'];
const CHANGES_WITH_REPLICAS: readonly ActionKind[] = [...CHANGES, 'failover', 'failover'];
/** As often as each is drawn. */
const REPLICAS_DRAWN = [0, 0, 0, 1, 1, 2] as const;
const ENOUGH_NODES_PROBABILITY = 0.7;
/** Of a run with replicas and faults. */
const ONE_DEATH_PROBABILITY = 0.5;
/** Of such a death: it comes as soon as a client has been told that replicas have its write. */
const AT_CONFIRMATION_PROBABILITY = 0.5;
const COORDINATOR_FAULTS: readonly ActionKind[] = [
  'crashCoordinator',
  'crashCoordinator',
  'pauseCoordinator',
  'cutState',
  'slowState',
  'refuseState',
];
const NODE_FAULTS: readonly ActionKind[] = [
  'crashNode',
  'crashNode',
  'pauseNode',
  'pauseNode',
  'pauseInside',
  'cutOneWay',
  'cutBothWays',
  'isolateNode',
  'isolateNode',
  'isolateNode',
  'flap',
  'storm',
  'cutCoordinator',
  'atHandover',
  'atHandover',
  'atHandover',
];

const FAULTS_OF: Readonly<Record<Profile, readonly ActionKind[]>> = {
  planned: [],
  coordinator: COORDINATOR_FAULTS,
  faults: [...COORDINATOR_FAULTS.slice(0, 4), ...NODE_FAULTS],
};
/** Of nodes that leave, so many are started again. */
const RESTART_PROBABILITY = 0.5;
/** Share of an action of a profile with faults that is a planned change. */
const CHANGE_PROBABILITY = 0.4;

export function drawScenario(seed: number): Scenario {
  const chance = new Chance(seed, 'scenario');
  const profile = chance.pick(PROFILES_DRAWN);
  const stateStore = chance.happens(0.6) ? 'etcd' : 'file';
  const faults = FAULTS_OF[profile];
  const replicaChance = new Chance(seed, 'replicas');
  const replicas = replicaChance.pick(REPLICAS_DRAWN);
  // With fewer nodes less is promised.
  const nodeCountMin = replicas > 0 && replicaChance.happens(ENOUGH_NODES_PROBABILITY) ? replicas + 2 : 1;
  const restarts = new Chance(seed, 'restarts');
  const changes = replicas === 0 ? CHANGES : CHANGES_WITH_REPLICAS;
  const count = ACTION_COUNT_MIN + chance.below(ACTION_COUNT_MAX - ACTION_COUNT_MIN + 1);
  const withinMs = chance.happens(SHORT_PROBABILITY) ? ACTIONS_MS_SHORT : ACTIONS_MS;
  const actions: Drawn[] = [];
  for (let drawn = 0; drawn < count; drawn += 1) {
    const isRestart = restarts.happens(RESTART_PROBABILITY);
    const isChange = faults.length === 0 || chance.happens(CHANGE_PROBABILITY);
    const atMs = chance.between(0, withinMs);
    const kind = chance.pick(isChange ? changes : faults);
    actions.push({
      atMs,
      kind: kind === 'leave' && isRestart ? 'restart' : kind,
      which: chance.fraction(),
      other: chance.fraction(),
      // Shorter than a lease and around it, or so long that nobody waits for its end.
      forMs: chance.happens(0.5) ? chance.between(50, 2500) : chance.between(2500, 7000),
      amount: 1 + chance.below(4),
    });
  }
  const isOneDeath = replicas > 0 && profile === 'faults' && replicaChance.happens(ONE_DEATH_PROBABILITY);
  const happening = isOneDeath ? withOneDeath(actions, replicaChance, withinMs) : actions;
  happening.sort((left, right) => left.atMs - right.atMs);
  return {
    profile,
    nodeCount: Math.max(nodeCountMin, chance.happens(0.1) ? 1 : 2 + chance.below(4)),
    // A file is one coordinator's alone.
    coordinatorCount: stateStore === 'file' ? 1 : 1 + chance.below(3),
    stateStore,
    clientCount: 2 + chance.below(3),
    replicas,
    actions: happening.map(numbered),
  };
}

/** Changes and faults of coordinators, and one node that is killed: where it must be seen that nothing confirmed is lost. */
function withOneDeath(actions: readonly Drawn[], chance: Chance, withinMs: number): Drawn[] {
  const [which, other, forMs] = [chance.fraction(), chance.between(0.3, 1), chance.between(50, 7000)];
  const when = chance.happens(AT_CONFIRMATION_PROBABILITY) ? 'atConfirmation' : 'crashNode';
  const death: Drawn = { atMs: chance.between(0, withinMs), kind: when, which, other, forMs, amount: 1 };
  return [...actions.filter(({ kind }) => !NODE_FAULTS.includes(kind)), death];
}

function numbered(action: Drawn, number: number): Action {
  return { ...action, number };
}

/** The scenario with the actions whose number `keep` has. */
export function keepActions(scenario: Scenario, keep: ReadonlySet<number>): Scenario {
  return { ...scenario, actions: scenario.actions.filter(({ number }) => keep.has(number)) };
}

export function describeAction({ number, atMs, kind, which, other, forMs, amount }: Action): string {
  const numbers = `which ${which.toFixed(2)}, other ${other.toFixed(2)}, for ${forMs.toFixed(0)} ms, amount ${amount}`;
  return `${String(number).padStart(2)}  at ${atMs.toFixed(0).padStart(6)} ms  ${kind.padEnd(16)} ${numbers}`;
}
