/** Which nodes the next topology has, in which state: who is dead, who has left, who comes, and who may have slots. Part of a proposal. */
import type { NodeDescription } from '../protocol/cluster/messages.ts';
import { NODE_COUNT_MAX } from '../topology/ring.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { shortNodeId } from '../topology/short-node-id.ts';
import type { ClusterNode, NodeState, Topology } from '../topology/topology.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import { type DepartedNode, departureOf, type Departures, seenBeside } from './departed.ts';
import { isSameDescription, type Membership } from './membership.ts';

export interface Witnessed {
  readonly membership: Membership;
  readonly departures: Departures;
}

export interface NextNodes {
  /** A node that stays as it was is the same object. */
  readonly nodes: readonly ClusterNode[];
  readonly departed: readonly DepartedNode[];
  readonly isRemoval: boolean;
}

/** Tells `reasons` what changes. */
export function nextNodes(
  state: CoordinatorState,
  { membership, departures }: Witnessed,
  nowMs: number,
  reasons: string[],
): NextNodes {
  const { topology, settings } = state;
  const left = [...state.departed];
  const staying = topology.nodes.filter((node) => {
    const at = `node ${shortNodeId(node.id)} at ${node.host}:${node.port}`;
    if (!membership.isAlive(node.id, nowMs)) {
      reasons.push(`${at} is dead: it is silent for longer than its lease`);
      const departure = departureOf(node, state, membership);
      if (departure !== null) left.push(departure);
      return false;
    }
    const isLeaving = membership.lastOf(node.id)?.heartbeat.leaving === true;
    if (isLeaving && isEmpty(node.id, topology)) {
      reasons.push(settings.restarting.has(node.id) ? `${at} has left, to start again` : `${at} has left`);
      return false;
    }
    return true;
  });
  const newcomers = newcomersTo(staying, membership.applicants(topology, nowMs));
  const departed = left.map((node) => seenBeside(node, [...staying, ...newcomers]));
  const isOver = departed.every((node) => departures.isOver(node, nowMs));
  const knownEpoch = isOver ? membership.epochOfAll(staying) : 0;

  const states = nextStates(state, staying, membership, knownEpoch);
  const nodes: ClusterNode[] = staying.map((node, index) => {
    const nodeState = states[index]!;
    const next = nodeOf(membership.lastOf(node.id)?.heartbeat.node ?? node, settings.weights, nodeState);
    if (nodeState === node.state && isSameDescription(node, next)) return node;
    const at = `node ${shortNodeId(node.id)} at ${next.host}:${next.port}`;
    if (nodeState !== node.state) reasons.push(`${at} is ${nodeState}`);
    else reasons.push(`${at} has the weight ${next.weight}${next.zone === '' ? '' : ` and is in ${next.zone}`}`);
    return next;
  });
  for (const newcomer of newcomers) {
    reasons.push(`node ${shortNodeId(newcomer.id)} at ${newcomer.host}:${newcomer.port} joins`);
    nodes.push(nodeOf(newcomer, settings.weights, 'joining'));
  }
  return { nodes, departed: isOver ? [] : departed, isRemoval: staying.length < topology.nodes.length };
}

/** Whether the node neither owns a slot nor takes part in a move. */
export function isIdle(id: string, topology: Topology): boolean {
  return topology.slotCountOf(id) === 0 && !topology.moves.some(({ from, to }) => from === id || to === id);
}

/** Whether nothing would be lost with the node. */
export function isEmpty(id: string, topology: Topology): boolean {
  return isIdle(id, topology) && !isReplica(id, topology);
}

/** Whether the node copies any slot. */
function isReplica(id: string, topology: Topology): boolean {
  if (topology.replicaCount === 0) return false;
  const index = topology.indexOf(id);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) if (topology.columnOf(slot, index) >= 0) return true;
  return false;
}

/** A process that starts again waits until the one before it is known to be dead, whose address it has. */
function newcomersTo(
  staying: readonly ClusterNode[],
  applicants: readonly NodeDescription[],
): readonly NodeDescription[] {
  if (applicants.length === 0) return [];
  const addresses = new Set(staying.map(addressOf));
  const found: NodeDescription[] = [];
  for (const applicant of applicants) {
    const address = addressOf(applicant);
    if (addresses.has(address) || staying.length + found.length >= NODE_COUNT_MAX) continue;
    addresses.add(address);
    found.push(applicant);
  }
  return found;
}

/** The states of `staying`, in their order. */
function nextStates(
  { topology, settings }: CoordinatorState,
  staying: readonly ClusterNode[],
  membership: Membership,
  knownEpoch: number,
): readonly NodeState[] {
  const isLeaving = (id: string): boolean => membership.lastOf(id)?.heartbeat.leaving === true;
  const states = staying.map(({ id, state }): NodeState => {
    // Who drains while it joins never gets a slot; who joins must be known before it may.
    if (state === 'joining' && !membership.isKnownAt(id, knownEpoch)) return 'joining';
    const isToBeEmpty = settings.drained.has(id) || settings.failedOver.has(id) || settings.restarting.has(id);
    return isLeaving(id) || isToBeEmpty ? 'draining' : 'active';
  });
  if (states.includes('active')) return states;
  const ownedCount = staying.reduce((sum, { id }) => sum + topology.slotCountOf(id), 0);
  const isHomeNeeded = ownedCount < SLOT_COUNT || staying.some(({ id }) => isLeaving(id) && !isIdle(id, topology));
  if (!isHomeNeeded) return states;
  // Better on a node that an operator wants to be empty than nowhere.
  return states.map((state, index) => (state === 'draining' && !isLeaving(staying[index]!.id) ? 'active' : state));
}

function nodeOf(description: NodeDescription, weights: ReadonlyMap<string, number>, state: NodeState): ClusterNode {
  const { id, host, port, peerPort, zone } = description;
  const weight = weights.get(addressOf(description)) ?? description.weight;
  return { id, host, port, peerPort, zone, weight, state };
}

/** Under which an operator's weight of a node is kept. */
export function addressOf({ host, port }: Pick<NodeDescription, 'host' | 'port'>): string {
  return `${host}:${port}`;
}
