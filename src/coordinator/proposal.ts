/**
 * What should be stored next: pure, from what is stored, what the nodes say, and the time. Several finished moves, deaths and joins go
 * into one epoch.
 *
 *     heartbeats ──► who is alive ──► nodes ──► moves that are over ──► owners ──► planner ──► moves that begin ──► replicas
 *                                                  the dead ──► copies ──┘
 */
import { shortNodeId } from '../topology/short-node-id.ts';
import { nextTopology, type Topology } from '../topology/topology.ts';
import { type AwaitedFacts, nextAwaited, nextKeepers } from './awaited.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import type { DepartedNode } from './departed.ts';
import { beginMoves, endedMoves, type FailedPairs, type MoveRules, NOTHING_BEGUN, slotsPerMove } from './next-moves.ts';
import type { Membership } from './membership.ts';
import { nextNodes, type Witnessed } from './next-nodes.ts';
import { ReplicaDraft } from './replica-draft.ts';
import type { ReplicaPace } from './next-replicas.ts';
import { settingsAfter } from './restarts.ts';
import type { Vacancies } from './vacancies.ts';

/** How long no new node has come before the slots of a new cluster are placed. */
const ASSEMBLY_MS = 300;
/** A node that does not get beyond joining in this time does not keep the others waiting. */
const JOINING_MS_MAX = 5000;

export interface ProposalInput extends Witnessed, AwaitedFacts {
  readonly failedPairs: FailedPairs;
  readonly vacancies: Vacancies;
  readonly replicaPace: ReplicaPace;
  readonly slotsPerMove: number;
  /** The lease that is wanted, and whether all that were granted before the election have ended. */
  readonly leaseMs: number;
  readonly oldLeasesEnded: boolean;
}

export interface Proposal {
  readonly state: CoordinatorState;
  /** What happened, for the log. */
  readonly reasons: readonly string[];
}

/** The state that should follow `state`; null where nothing is to change. */
export function propose(state: CoordinatorState, input: ProposalInput, nowMs: number): Proposal | null {
  const { membership, failedPairs } = input;
  const { topology, settings } = state;
  const reasons: string[] = [];
  const { nodes, departed, isRemoval } = nextNodes(state, input, nowMs, reasons);
  const alive = new Set(nodes.map(({ id }) => id));
  const { owners, unsure, moves, orphaned, failed } = endedMoves(
    topology,
    membership,
    alive,
    reasons,
    input.dataWaitMs === 0 ? undefined : state.keepers,
  );
  for (const { from, to } of failed) failedPairs.add(from, to, nowMs);
  const keepers = nextKeepers(state.keepers, nodes, membership);
  const awaited = nextAwaited(state, nodes, owners, input, nowMs, reasons);
  const replicas = new ReplicaDraft(state, nodes, { keepers, awaited }, input, nowMs);
  const waiting = replicas.takeOwners(owners, { unsure, orphaned }, reasons);
  const isChanged = reasons.length > 0;
  // A draft, whose epoch is never seen: the planner needs to know what the first steps come to.
  const draft = isChanged ? nextTopology(topology, { nodes, owners, moves, ...replicas.change }) : topology;
  const rules: MoveRules = {
    isReady: (from, to) =>
      failedPairs.mayTryAgain(from, to, nowMs) && membership.isHeard(from, nowMs) && membership.isHeard(to, nowMs),
    groupOf: (from) => slotsPerMove(from, input.slotsPerMove, draft, membership),
    waiting,
    ...replicas.moveRules(draft),
  };
  const begun = isAssembling(draft, membership, nowMs) ? NOTHING_BEGUN : beginMoves(state, draft, rules);
  for (const [slot, owner] of begun.owners) owners.set(slot, owner);
  if (begun.owners.size > 0) reasons.push(`${begun.owners.size} slots that nobody had get an owner`);
  for (const { id, from, to, slots } of begun.moves) {
    reasons.push(`move ${id}: ${slots.length} slots from ${shortNodeId(from)} to ${shortNodeId(to)}`);
  }
  const nextMoves = [...moves, ...begun.moves];
  replicas.takeBegun(begun);
  replicas.plan({ nodes, owners, moves: nextMoves }, reasons);

  const after =
    reasons.length > 0 ? nextTopology(topology, { nodes, owners, moves: nextMoves, ...replicas.change }) : topology;
  const tight = settings.tight && (begun.waits || after.moves.length > 0 || begun.owners.size > 0);
  const leaseMs = nextLeaseMs(state.leaseMs, input);
  const cancelled = nextCancelled(state.cancelled, after);
  const isSame =
    after === topology &&
    cancelled.size === state.cancelled.size &&
    tight === settings.tight &&
    leaseMs === state.leaseMs &&
    keepers === state.keepers &&
    awaited === state.awaited &&
    isSameList(departed, state.departed);
  if (isSame) return null;
  const next: CoordinatorState = {
    topology: after,
    settings: { ...settingsAfter(settings, topology, nodes), tight },
    nextMoveId: state.nextMoveId + begun.moves.length,
    cancelled,
    leaseMs,
    removalEpoch: isRemoval ? after.epoch : state.removalEpoch,
    departed,
    keepers,
    awaited,
  };
  return { state: next, reasons };
}

/**
 * Whether a cluster that has no slots placed yet should wait for more nodes: those that are started together get their parts at once,
 * instead of one all of them, of which it then gives most away.
 */
function isAssembling(topology: Topology, membership: Membership, nowMs: number): boolean {
  if (topology.ownedCount > 0) return false;
  return topology.nodes.some(({ id, state }) => {
    const heardForMs = nowMs - (membership.lastOf(id)?.firstHeardAtMs ?? nowMs);
    return heardForMs < (state === 'joining' ? JOINING_MS_MAX : ASSEMBLY_MS);
  });
}

/** Those that still run, and those that bring slots to where they must go again. */
function nextCancelled(cancelled: ReadonlySet<number>, topology: Topology): ReadonlySet<number> {
  const moves = topology.moves.filter(({ id, to }) => cancelled.has(id) || topology.node(to)?.state !== 'active');
  return new Set(moves.map(({ id }) => id));
}

/** A longer lease is granted once that is stored; a shorter one is waited for once the longer ones have ended. */
function nextLeaseMs(leaseMs: number, input: ProposalInput): number {
  return input.leaseMs > leaseMs || input.oldLeasesEnded ? input.leaseMs : leaseMs;
}

function isSameList(left: readonly DepartedNode[], right: readonly DepartedNode[]): boolean {
  return left.length === right.length && left.every((node, index) => node === right[index]);
}
