/**
 * What the next topology should be: pure, from what is stored, what the nodes say, and the time. Several finished moves, deaths and joins go
 * into one epoch.
 *
 *     heartbeats ──► who is alive ──► nodes ──► moves that are over ──► owners ──► planner ──► moves that begin
 */
import type { MoveProgress, NodeDescription } from '../protocol/cluster/messages.ts';
import { planOwners, type SlotTransfer } from '../topology/planner.ts';
import { type ClusterNode, nextTopology, type NodeState, type SlotMove, type Topology } from '../topology/topology.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import type { Membership } from './membership.ts';

/** A pair of nodes between which a move failed waits this long before the next. */
const RETRY_MS = 1000;

export interface ProposalLimits {
  readonly slotsPerMove: number;
}

/** When moves between two nodes failed last, by `from to`. */
export type FailedPairs = Map<string, number>;

export interface Proposal {
  readonly state: CoordinatorState;
  /** What happened, for the log. */
  readonly reasons: readonly string[];
}

/** The state that should follow `state`; null where nothing is to change. */
export function propose(
  state: CoordinatorState,
  membership: Membership,
  failedPairs: FailedPairs,
  limits: ProposalLimits,
  nowMs: number,
): Proposal | null {
  const reasons: string[] = [];
  const { topology } = state;
  const nodes = nextNodes(state, membership, nowMs, reasons);
  const alive = new Set(nodes.map(({ id }) => id));
  const { owners, moves } = endedMoves(topology, membership, alive, failedPairs, nowMs, reasons);
  const nodesChanged =
    reasons.length > 0 ||
    nodes.length !== topology.nodes.length ||
    nodes.some((node, index) => node !== topology.nodes[index]);
  const changed = nodesChanged || owners.size > 0 || moves.length !== topology.moves.length;
  // A draft, whose epoch is never seen: the planner needs to know what the first steps come to.
  const draft = changed ? nextTopology(topology, { nodes, owners, moves }) : topology;
  const begun = beginMoves(state, draft, membership, failedPairs, limits, nowMs);
  const tight =
    state.settings.tight && (begun.moves.length > 0 || begun.owners.size > 0 || begun.waits || draft.moves.length > 0);
  if (!changed && begun.moves.length === 0 && begun.owners.size === 0 && tight === state.settings.tight) return null;
  for (const [slot, owner] of begun.owners) owners.set(slot, owner);
  if (begun.owners.size > 0) reasons.push(`${begun.owners.size} slots that nobody had get an owner`);
  for (const { id, from, to, slots } of begun.moves)
    reasons.push(`move ${id}: ${slots.length} slots from ${short(from)} to ${short(to)}`);
  const next = nextTopology(topology, { nodes, owners, moves: [...moves, ...begun.moves] });
  const drained = new Set([...state.settings.drained].filter((id) => alive.has(id)));
  return {
    state: {
      topology: next,
      settings: { ...state.settings, drained, tight },
      nextMoveId: state.nextMoveId + begun.moves.length,
    },
    reasons,
  };
}

/** Slots that are still to be moved, those of running moves included. */
export function plannedSlots({ topology, settings }: CoordinatorState): number {
  const planned = planOwners(topology, { tight: settings.tight }).length;
  return topology.moves.reduce((sum, { slots }) => sum + slots.length, planned);
}

/** In the topology's order where they stay, then those that come. A node that stays as it was is the same object. */
function nextNodes(
  { topology, settings }: CoordinatorState,
  membership: Membership,
  nowMs: number,
  reasons: string[],
): ClusterNode[] {
  const nodes: ClusterNode[] = [];
  for (const node of topology.nodes) {
    const heartbeat = membership.lastOf(node.id)?.heartbeat ?? null;
    if (!membership.isAlive(node.id, nowMs)) {
      reasons.push(
        `node ${short(node.id)} at ${node.host}:${node.port} is dead: it is silent for longer than its lease`,
      );
      continue;
    }
    const ownsNothing =
      topology.slotCountOf(node.id) === 0 && !topology.moves.some(({ from, to }) => from === node.id || to === node.id);
    const leaving = heartbeat?.leaving === true;
    if (leaving && ownsNothing) {
      reasons.push(`node ${short(node.id)} at ${node.host}:${node.port} has left`);
      continue;
    }
    const state = nextStateOf(node, leaving || settings.drained.has(node.id), () =>
      membership.isKnownToAll(node, topology, nowMs),
    );
    const described = heartbeat?.node ?? node;
    const next = nodeOf(described, weightOf(described, settings.weights), state);
    if (isSame(node, next)) {
      nodes.push(node);
      continue;
    }
    if (state !== node.state) reasons.push(`node ${short(node.id)} at ${next.host}:${next.port} is ${state}`);
    else reasons.push(`node ${short(node.id)} is at ${next.host}:${next.port}, of weight ${next.weight}`);
    nodes.push(next);
  }
  for (const applicant of membership.applicants(topology, nowMs)) {
    reasons.push(`node ${short(applicant.id)} at ${applicant.host}:${applicant.port} joins`);
    nodes.push(nodeOf(applicant, weightOf(applicant, settings.weights), 'joining'));
  }
  return nodes;
}

function nextStateOf(node: ClusterNode, shallDrain: boolean, isKnownToAll: () => boolean): NodeState {
  // Who drains while it joins never gets a slot; who joins must be known before it may.
  if (node.state === 'joining') return isKnownToAll() ? (shallDrain ? 'draining' : 'active') : 'joining';
  return shallDrain ? 'draining' : 'active';
}

interface EndedMoves {
  readonly owners: Map<number, string | null>;
  /** Those that go on. */
  readonly moves: SlotMove[];
}

function endedMoves(
  topology: Topology,
  membership: Membership,
  alive: ReadonlySet<string>,
  failedPairs: FailedPairs,
  nowMs: number,
  reasons: string[],
): EndedMoves {
  const owners = new Map<number, string | null>();
  const moves: SlotMove[] = [];
  for (const move of topology.moves) {
    const { id, from, to, slots } = move;
    const progress = progressOf(move, membership);
    const isHanded = progress?.state === 'handed' || membership.lastOf(to)?.heartbeat.handed.includes(id) === true;
    if (alive.has(to) && (isHanded || !alive.has(from))) {
      // The target of a dead source may serve the slots already, and nobody else may then.
      for (const slot of slots) owners.set(slot, to);
      reasons.push(isHanded ? `move ${id} is done` : `move ${id} ends with its source: ${short(to)} has the slots`);
    } else if (isHanded && !alive.has(to)) {
      for (const slot of slots) owners.set(slot, null);
      reasons.push(`move ${id} was done, and its target is dead`);
    } else if (!alive.has(to) || !alive.has(from)) {
      reasons.push(`move ${id} ends with its ${alive.has(from) ? 'target' : 'source and target'}`);
    } else if (progress?.state === 'failed') {
      failedPairs.set(pairOf(from, to), nowMs);
      reasons.push(`move ${id} failed: ${progress.error ?? 'no reason was given'}`);
    } else {
      moves.push(move);
    }
  }
  return { owners, moves };
}

interface BegunMoves {
  readonly owners: ReadonlyMap<number, string>;
  readonly moves: readonly SlotMove[];
  /** There is more to move, which waits for its turn. */
  readonly waits: boolean;
}

function beginMoves(
  { settings, nextMoveId }: CoordinatorState,
  topology: Topology,
  membership: Membership,
  failedPairs: FailedPairs,
  { slotsPerMove }: ProposalLimits,
  nowMs: number,
): BegunMoves {
  const owners = new Map<number, string>();
  const moves: SlotMove[] = [];
  const busy = new Set(topology.moves.map(({ from, to }) => pairOf(from, to)));
  const isReady = (from: string, to: string): boolean => {
    const failedAtMs = failedPairs.get(pairOf(from, to));
    if (failedAtMs !== undefined && nowMs - failedAtMs < RETRY_MS) return false;
    return !busy.has(pairOf(from, to)) && membership.isHeard(from, nowMs) && membership.isHeard(to, nowMs);
  };
  let waits = false;
  for (const [{ from, to }, slots] of plannedPairs(topology, settings.tight)) {
    if (from === null) {
      for (const slot of slots) owners.set(slot, to);
    } else if (topology.moves.length + moves.length < settings.concurrentMoves && isReady(from, to)) {
      moves.push({ id: nextMoveId + moves.length, from, to, slots: slots.slice(0, slotsPerMove) });
      waits ||= slots.length > slotsPerMove;
    } else {
      waits = true;
    }
  }
  return { owners, moves, waits };
}

type PairedSlots = readonly [SlotTransfer, readonly number[]];

/** The plan of each topology, loose and tight: while moves wait for their turn it is asked for with every heartbeat. */
const plans = new WeakMap<Topology, Map<boolean, readonly PairedSlots[]>>();

/** What is to be moved, by source and target. */
function plannedPairs(topology: Topology, tight: boolean): readonly PairedSlots[] {
  let known = plans.get(topology);
  if (known === undefined) plans.set(topology, (known = new Map<boolean, readonly PairedSlots[]>()));
  let pairs = known.get(tight);
  if (pairs === undefined) known.set(tight, (pairs = byPair(planOwners(topology, { tight }))));
  return pairs;
}

function byPair(transfers: readonly SlotTransfer[]): readonly PairedSlots[] {
  const pairs = new Map<string, readonly [SlotTransfer, number[]]>();
  for (const transfer of transfers) {
    const key = pairOf(transfer.from ?? '', transfer.to);
    const pair = pairs.get(key);
    if (pair === undefined) pairs.set(key, [transfer, [transfer.slot]]);
    else pair[1].push(transfer.slot);
  }
  return [...pairs.values()];
}

/** What the source says of a move, or null. */
export function progressOf({ id, from }: SlotMove, membership: Membership): MoveProgress | null {
  return membership.lastOf(from)?.heartbeat.moves.find((progress) => progress.id === id) ?? null;
}

function nodeOf(description: NodeDescription, weight: number, state: NodeState): ClusterNode {
  const { id, host, port, peerPort, zone } = description;
  return { id, host, port, peerPort, zone, weight, state };
}

function weightOf({ host, port, weight }: NodeDescription, weights: ReadonlyMap<string, number>): number {
  return weights.get(`${host}:${port}`) ?? weight;
}

function isSame(left: ClusterNode, right: ClusterNode): boolean {
  return (
    left.host === right.host &&
    left.port === right.port &&
    left.peerPort === right.peerPort &&
    left.zone === right.zone &&
    left.weight === right.weight &&
    left.state === right.state
  );
}

function pairOf(from: string, to: string): string {
  return `${from} ${to}`;
}

/** The first digits of an id, as people compare them. */
export function short(id: string): string {
  return id.slice(0, 8);
}
