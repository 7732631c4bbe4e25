/** Which moves are over in the next topology, and which begin. Part of a proposal. */
import type { MoveProgress } from '../protocol/cluster/messages.ts';
import { planOwners, type SlotTransfer } from '../topology/planner.ts';
import { shortNodeId } from '../topology/short-node-id.ts';
import type { SlotMove, Topology } from '../topology/topology.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import type { Membership } from './membership.ts';

/** A pair of nodes between which a move failed waits this long before the next. */
const RETRY_MS = 1000;

/** Items up to which a move takes more slots than it must, and how many it takes at most. */
const ITEMS_PER_MOVE = 4096;
const SLOTS_PER_MOVE_MAX = 1024;

/** When moves between two nodes failed last, by `from to`. */
export class FailedPairs {
  private readonly failedAtMs = new Map<string, number>();

  clear(): void {
    this.failedAtMs.clear();
  }

  add(from: string, to: string, nowMs: number): void {
    for (const [pair, atMs] of this.failedAtMs) if (nowMs - atMs >= RETRY_MS) this.failedAtMs.delete(pair);
    this.failedAtMs.set(pairOf(from, to), nowMs);
  }

  mayTryAgain(from: string, to: string, nowMs: number): boolean {
    const atMs = this.failedAtMs.get(pairOf(from, to));
    return atMs === undefined || nowMs - atMs >= RETRY_MS;
  }
}

export interface EndedMoves {
  readonly owners: Map<number, string | null>;
  /** Slots of which the target alone knows whether it has taken them over: their source is dead. */
  readonly unsure: ReadonlySet<number>;
  /** Those that go on. */
  readonly moves: readonly SlotMove[];
  /** Those of which source and target are gone. */
  readonly orphaned: readonly SlotMove[];
  /** Those that ended without success. */
  readonly failed: readonly SlotMove[];
}

/** `alive`: ids of the next topology's nodes. `keepers`: ids of those that keep their data. Tells `reasons` what changes. */
export function endedMoves(
  topology: Topology,
  membership: Membership,
  alive: ReadonlySet<string>,
  reasons: string[],
  keepers: ReadonlyMap<string, string> = new Map(),
): EndedMoves {
  const owners = new Map<number, string | null>();
  const unsure = new Set<number>();
  const moves: SlotMove[] = [];
  const failed: SlotMove[] = [];
  const orphaned: SlotMove[] = [];
  for (const move of topology.moves) {
    const { id, from, to, slots } = move;
    const progress = progressOf(move, membership);
    const isHanded = progress?.state === 'handed' || membership.lastOf(to)?.heartbeat.handed.includes(id) === true;
    const failure = failureOf(move, membership);
    if (alive.has(to) && (isHanded || !alive.has(from))) {
      // The target of a dead source may serve the slots already, and nobody else may then.
      for (const slot of slots) owners.set(slot, to);
      if (!isHanded) for (const slot of slots) unsure.add(slot);
      reasons.push(
        isHanded ? `move ${id} is done` : `move ${id} ends with its source: ${shortNodeId(to)} has the slots`,
      );
    } else if (isHanded && alive.has(from) && topology.replicaCount > 0) {
      // It has all that it had handed over, and so all that a replica had confirmed to it.
      reasons.push(`move ${id} was done, and its target is dead: ${shortNodeId(from)} goes on`);
    } else if (isHanded && topology.replicaCount === 0) {
      for (const slot of slots) owners.set(slot, null);
      reasons.push(`move ${id} was done, and its target is dead`);
    } else if (
      !alive.has(to) &&
      keepers.has(to) &&
      topology.replicaCount === 0 &&
      mayBeHanded(move, progress, membership)
    ) {
      for (const slot of slots) owners.set(slot, null);
      reasons.push(`move ${id} may have been done, and its target is dead: its disk will say`);
    } else if (!alive.has(to) || !alive.has(from)) {
      if (!alive.has(to) && !alive.has(from)) orphaned.push(move);
      reasons.push(`move ${id} ends with its ${alive.has(from) ? 'target' : 'source and target'}`);
    } else if (failure !== null) {
      failed.push(move);
      reasons.push(`move ${id} failed: ${failure.error ?? 'no reason was given'}`);
    } else {
      moves.push(move);
    }
  }
  return { owners, unsure, moves, orphaned, failed };
}

export interface BegunMoves {
  readonly owners: ReadonlyMap<number, string>;
  readonly moves: readonly SlotMove[];
  /** There is more to move, which waits for its turn. */
  readonly waits: boolean;
}

export const NOTHING_BEGUN: BegunMoves = { owners: new Map(), moves: [], waits: false };

/** Whether a slot may go to a node: as a whole, as a copy that is there already, or not now. */
export type MoveKind = 'copy' | 'replica' | 'wait';

export interface MoveRules {
  readonly isReady: (from: string, to: string) => boolean;
  /** How many slots of a node go over together, where they have to be copied. */
  readonly groupOf: (from: string) => number;
  readonly kindOf: (slot: number, to: string) => MoveKind;
  /** Slots that nobody owns and nobody is to get yet. */
  readonly waiting: ReadonlySet<number>;
  /** Slots that go to their replicas, whatever else is planned for them. */
  readonly failovers: readonly PairedSlots[];
}

/** `topology`: a draft of the next one, in which what is over is over. */
export function beginMoves(
  { settings, nextMoveId }: CoordinatorState,
  topology: Topology,
  { isReady, groupOf, kindOf, waiting, failovers }: MoveRules,
): BegunMoves {
  const owners = new Map<number, string>();
  const moves: SlotMove[] = [];
  const busy = new Set(topology.moves.map(({ from, to }) => pairOf(from, to)));
  const pairs = withFailovers(plannedPairs(topology, settings.tight), failovers);
  let waits = false;
  for (const [{ from, to }, slots] of pairs) {
    if (from === null) {
      for (const slot of slots) if (!waiting.has(slot)) owners.set(slot, to);
      waits ||= waiting.size > 0;
      continue;
    }
    const hasTurn = topology.moves.length + moves.length < settings.concurrentMoves && !busy.has(pairOf(from, to));
    const group = hasTurn && isReady(from, to) ? groupTo(to, slots, groupOf(from), kindOf) : [];
    if (group.length > 0) moves.push({ id: nextMoveId + moves.length, from, to, slots: group });
    waits ||= slots.length > group.length;
  }
  return { owners, moves, waits };
}

function withFailovers(planned: readonly PairedSlots[], failovers: readonly PairedSlots[]): readonly PairedSlots[] {
  if (failovers.length === 0) return planned;
  const taken = new Set(failovers.flatMap(([, slots]) => slots));
  const others = planned.map(([pair, slots]): PairedSlots => [pair, slots.filter((slot) => !taken.has(slot))]);
  return [...failovers, ...others.filter(([, slots]) => slots.length > 0)];
}

/** The slots that go to `to` next, all in one way. Those go first that the node has copied. */
function groupTo(
  to: string,
  slots: readonly number[],
  slotsMax: number,
  kindOf: MoveRules['kindOf'],
): readonly number[] {
  const kinds = slots.map((slot) => kindOf(slot, to));
  const replicated = slots.filter((_, at) => kinds[at] === 'replica');
  if (replicated.length > 0) return replicated.slice(0, SLOTS_PER_MOVE_MAX);
  return slots.filter((_, at) => kinds[at] === 'copy').slice(0, slotsMax);
}

/**
 * How many slots of a node go over together: `slotsMin`, and more where they hold so little that the messages around a move cost
 * more than the items.
 */
export function slotsPerMove(id: string, slotsMin: number, topology: Topology, membership: Membership): number {
  const items = membership.lastOf(id)?.heartbeat.figures.items ?? ITEMS_PER_MOVE;
  const perSlot = items / Math.max(1, topology.slotCountOf(id));
  return Math.max(slotsMin, Math.min(SLOTS_PER_MOVE_MAX, Math.floor(ITEMS_PER_MOVE / Math.max(perSlot, 1))));
}

/** Whether the target may have taken over, as far as the source's last word goes. */
function mayBeHanded({ from, to }: SlotMove, progress: MoveProgress | null, membership: Membership): boolean {
  const source = membership.lastOf(from);
  const target = membership.lastOf(to);
  if (source === null || progress?.isHanding === true) return true;
  return target !== null && source.heardAtMs <= target.heardAtMs;
}

/** What the source says of a move, or null. */
export function progressOf({ id, from }: SlotMove, membership: Membership): MoveProgress | null {
  return membership.lastOf(from)?.heartbeat.moves.find((progress) => progress.id === id) ?? null;
}

/** A move is given up by its source, or by its target, which then never takes over. */
function failureOf(move: SlotMove, membership: Membership): MoveProgress | null {
  for (const id of [move.from, move.to]) {
    const told = membership.lastOf(id)?.heartbeat.moves.find((progress) => progress.id === move.id);
    if (told?.state === 'failed') return told;
  }
  return null;
}

/** Slots that are to be moved, those of running moves included. */
export function plannedSlots(topology: Topology, tight: boolean): number {
  const planned = plannedPairs(topology, tight).reduce((sum, [, slots]) => sum + slots.length, 0);
  return topology.moves.reduce((sum, { slots }) => sum + slots.length, planned);
}

export type PairedSlots = readonly [SlotTransfer, readonly number[]];

/** The plan of each topology, loose and tight: while moves wait for their turn it is asked for with every heartbeat. */
const plans = new WeakMap<Topology, Map<boolean, readonly PairedSlots[]>>();

/** What is to be moved, by source and target. */
export function plannedPairs(topology: Topology, tight: boolean): readonly PairedSlots[] {
  let known = plans.get(topology);
  if (known === undefined) plans.set(topology, (known = new Map<boolean, readonly PairedSlots[]>()));
  let pairs = known.get(tight);
  if (pairs === undefined) known.set(tight, (pairs = byPair(planOwners(topology, { tight }))));
  return pairs;
}

export function byPair(transfers: readonly SlotTransfer[]): readonly PairedSlots[] {
  const pairs: [SlotTransfer, number[]][] = [];
  // By source, then by target: a name of both for each slot takes far longer.
  const known = new Map<string | null, Map<string, number[]>>();
  for (const transfer of transfers) {
    const { slot, from, to } = transfer;
    let byTarget = known.get(from);
    if (byTarget === undefined) known.set(from, (byTarget = new Map<string, number[]>()));
    const slots = byTarget.get(to);
    if (slots !== undefined) {
      slots.push(slot);
      continue;
    }
    const first = [slot];
    byTarget.set(to, first);
    pairs.push([transfer, first]);
  }
  return pairs;
}

function pairOf(from: string, to: string): string {
  return `${from} ${to}`;
}
