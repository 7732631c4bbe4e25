/** Carries an action of a scenario out, on what there is when its time has come; what makes no sense then is left. */
import type { SimCoordinator } from './coordinator.ts';
import type { SimNode } from './node.ts';
import { FAIR_WEATHER, STORM } from './network.ts';
import { type Action, type ActionKind, CLUSTER_NAME, describeAction } from './scenario.ts';
import { STATE_PLACE } from './state-client.ts';
import type { World } from './world.ts';

/** Nodes that a cluster of a run grows to. */
const NODE_COUNT_MAX = 7;
/** A flapping link is cut, and is not, for so long each. */
const FLAP_MS = 150;
/** A handover and its answer take about so long. */
const HANDOVER_MS_MAX = 2;
/** So long a node lives at most after its answer. */
const CONFIRMATION_MS_MAX = 1;
const SLOW_STATE_MS_MAX = 1500;
const REFUSE_PROBABILITY = 0.7;

export function performAction(world: World, action: Action): void {
  world.trace.note('', () => `action ${describeAction(action)}`);
  const node = pick(world.nodes, action.which);
  const index = Math.floor(action.which * world.coordinators.length);
  const coordinator = world.coordinators[index] ?? null;
  switch (action.kind) {
    case 'join':
      if (world.nodes.length < NODE_COUNT_MAX) world.joinNode();
      return;
    case 'drain':
      if (node === null || !othersStay(world, node)) return;
      node.isToDrain = true;
      world.operator.ask({ type: 'drain', cluster: CLUSTER_NAME, node: node.id });
      return;
    case 'failover':
      if (node === null || !othersStay(world, node)) return;
      node.isToDrain = true;
      world.operator.ask({ type: 'failover', cluster: CLUSTER_NAME, node: node.id });
      return;
    case 'undrain':
      if (node === null) return;
      node.isToDrain = false;
      world.operator.ask({ type: 'undrain', cluster: CLUSTER_NAME, node: node.id });
      return;
    case 'weight':
      if (node === null) return;
      world.operator.ask({ type: 'weight', cluster: CLUSTER_NAME, node: node.id, weight: action.amount });
      return;
    case 'leave':
      if (node !== null && othersStay(world, node)) node.leave();
      return;
    case 'restart':
      if (node === null || !othersStay(world, node)) return;
      node.isToDrain = true;
      world.operator.ask({ type: 'restart', cluster: CLUSTER_NAME, node: node.id });
      return;
    case 'crashNode':
      if (node !== null) crashNode(world, node, action);
      return;
    case 'pauseNode':
      node?.process.pause(action.forMs);
      lasts(world, action.forMs);
      return;
    case 'pauseInside':
      node?.data.pauseInsideNext(action.forMs, action.other < 0.5);
      lasts(world, action.forMs);
      return;
    case 'cutOneWay':
    case 'cutBothWays':
    case 'isolateNode':
    case 'flap':
      if (node !== null) cutNode(world, node, action);
      return;
    case 'storm':
      world.network.weather = STORM;
      during(world, action.forMs, () => {
        world.network.weather = FAIR_WEATHER;
      });
      return;
    case 'atHandover':
    case 'atConfirmation':
      world.armed.push(action);
      return;
    case 'crashCoordinator':
      world.endCoordinator(index);
      during(world, action.forMs, () => {
        if (world.coordinators[index] === null) world.startCoordinator(index);
      });
      return;
    case 'pauseCoordinator':
      coordinator?.process.pause(action.forMs);
      lasts(world, action.forMs);
      return;
    case 'cutCoordinator':
      if (node !== null && coordinator !== null) cutCoordinator(world, node, coordinator, action);
      return;
    case 'cutState':
      if (coordinator !== null) cutLinks(world, bothWays(coordinator.process.name, STATE_PLACE), action.forMs);
      return;
    case 'slowState':
      world.stateTrouble.slowMs = action.other * SLOW_STATE_MS_MAX;
      during(world, action.forMs, () => {
        world.stateTrouble.slowMs = 0;
      });
      return;
    case 'refuseState':
      world.stateTrouble.refuseProbability = REFUSE_PROBABILITY;
      during(world, action.forMs, () => {
        world.stateTrouble.refuseProbability = 0;
      });
  }
}

/** The next handover is on its way: an action that waits for it comes into its middle. */
export function performAtHandover(world: World, source: SimNode, targetId: string): void {
  const action = takeArmed(world, 'atHandover');
  const target = world.nodes.find(({ id }) => id === targetId);
  if (action === null || target === undefined) return;
  const node = action.which < 0.5 ? source : target;
  world.scheduler.after(action.other * HANDOVER_MS_MAX, () => {
    world.trace.note('', () => `action ${describeAction(action)}, on ${node.describe()}`);
    if (action.amount <= 2) crashNode(world, node, action);
    else isolateNode(world, node, action.forMs * ((action.which * 2) % 1));
  });
}

/** `node` has told a client that replicas have its write: an action that waits for it kills the node before it does much else. */
export function performAtConfirmation(world: World, node: SimNode): void {
  const action = takeArmed(world, 'atConfirmation');
  if (action === null) return;
  world.scheduler.after(action.other * CONFIRMATION_MS_MAX, () => {
    world.trace.note('', () => `action ${describeAction(action)}, on ${node.describe()}`);
    crashNode(world, node, action);
  });
}

/** The first action of `kind` that waits; null: none does. */
function takeArmed(world: World, kind: ActionKind): Action | null {
  const index = world.armed.findIndex((action) => action.kind === kind);
  return index < 0 ? null : world.armed.splice(index, 1)[0]!;
}

function pick(nodes: readonly SimNode[], which: number): SimNode | null {
  return nodes[Math.floor(which * nodes.length)] ?? null;
}

/** Whether somebody is left to take the slots of `node`. */
function othersStay({ nodes, topology }: World, node: SimNode): boolean {
  return nodes.some(
    (other) => other !== node && !other.isLeaving && !other.isToDrain && topology?.node(other.id)?.state === 'active',
  );
}

/** The faults of the run are not over before. */
function lasts(world: World, forMs: number): void {
  world.faultsUntilMs = Math.max(world.faultsUntilMs, world.scheduler.nowMs + forMs + 1);
}

function during(world: World, forMs: number, end: () => void): void {
  lasts(world, forMs);
  world.scheduler.after(forMs, end);
}

function crashNode(world: World, node: SimNode, { forMs, other }: Action): void {
  // It may have ended by itself since it was picked.
  if (!world.nodes.includes(node)) return;
  world.endNode(node, 'is killed');
  // Some come back at once, before anybody knows that they were gone.
  during(world, other < 0.3 ? 5 : forMs, () => world.startNode(node.process.name));
}

type Link = readonly [from: string, to: string];

function bothWays(one: string, other: string): readonly Link[] {
  return [
    [one, other],
    [other, one],
  ];
}

function cutLinks(world: World, links: readonly Link[], forMs: number): void {
  const { network, scheduler } = world;
  lasts(world, forMs);
  for (const [from, to] of links) network.cut(from, to);
  scheduler.after(forMs, () => {
    for (const [from, to] of links) network.heal(from, to);
  });
}

/** Clients stay on its side: they are the ones who could see what it should not serve. */
function isolateNode(world: World, node: SimNode, forMs: number): void {
  const links = othersThan(world, node).flatMap((place) => bothWays(node.process.name, place));
  cutLinks(world, links, forMs);
}

/** The places of all other nodes and of the coordinators. */
function othersThan({ nodes, coordinators }: World, node: SimNode): readonly string[] {
  return [...nodes, ...coordinators.filter((one) => one !== null)]
    .map(({ process }) => process.name)
    .filter((place) => place !== node.process.name);
}

function cutNode(world: World, node: SimNode, { kind, other, forMs }: Action): void {
  const name = node.process.name;
  const others = othersThan(world, node);
  const place = others[Math.floor(other * others.length)];
  if (place === undefined) return;
  if (kind === 'cutOneWay') cutLinks(world, [other < 0.5 ? [name, place] : [place, name]], forMs);
  else if (kind === 'cutBothWays') cutLinks(world, bothWays(name, place), forMs);
  else if (kind === 'isolateNode') isolateNode(world, node, forMs);
  else {
    for (let atMs = 0; atMs < forMs; atMs += FLAP_MS * 2) {
      world.scheduler.after(atMs, () => cutLinks(world, bothWays(name, place), FLAP_MS));
    }
  }
}

function cutCoordinator(world: World, node: SimNode, coordinator: SimCoordinator, { other, forMs }: Action): void {
  const links = bothWays(node.process.name, coordinator.process.name);
  cutLinks(world, other < 0.4 ? links : links.slice(other < 0.7 ? 0 : 1, other < 0.7 ? 1 : 2), forMs);
}
