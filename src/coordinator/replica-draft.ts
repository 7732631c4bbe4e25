/**
 * The replicas' part of a proposal, in the order in which it is made: owners that die are followed by their copies, moves that end leave copies behind, and at
 * the end replicas are planned. In a cluster without replicas it does nothing, and where nothing happens it does not look at slots.
 */
import { type ClusterNode, nextTopology, type Topology, type TopologyChange } from '../topology/topology.ts';
import { type AwaitedNode, type AwaitedTimes, mayComeBack, returnSlots } from './awaited.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import { failOver } from './failover.ts';
import { failoverPairs, moveKind } from './failover-moves.ts';
import type { Membership } from './membership.ts';
import type { BegunMoves, EndedMoves, MoveRules } from './next-moves.ts';
import { planNextReplicas, type ReplicaPace } from './next-replicas.ts';
import { yieldingNodes } from './restarts.ts';
import { SlotBook } from './slot-book.ts';
import type { Vacancies } from './vacancies.ts';

export interface ReplicaFacts {
  readonly membership: Membership;
  readonly vacancies: Vacancies;
  readonly replicaPace: ReplicaPace;
  readonly awaitedTimes: AwaitedTimes;
}

const NONE: ReadonlySet<number> = new Set();

export class ReplicaDraft {
  private readonly state: CoordinatorState;
  private readonly nodes: readonly ClusterNode[];
  private readonly facts: ReplicaFacts;
  private readonly nowMs: number;
  private readonly columnCount: number;
  private readonly hasReplicas: boolean;
  /** Whether the next topology says whose copies are of use: those of replicas, and those on disks. */
  private readonly hasLineage: boolean;
  private readonly awaited: readonly AwaitedNode[];
  /** Null while there is nothing to change. */
  private book: SlotBook | null = null;

  /** `nodes`: those of the next topology. `disks`: what the next state says of them. */
  constructor(
    state: CoordinatorState,
    nodes: readonly ClusterNode[],
    disks: Pick<CoordinatorState, 'keepers' | 'awaited'>,
    facts: ReplicaFacts,
    nowMs: number,
  ) {
    this.state = state;
    this.nodes = nodes;
    this.facts = facts;
    this.nowMs = nowMs;
    const { replicas } = state.settings;
    this.columnCount = replicas === 0 ? 0 : replicas + 1;
    this.awaited = disks.awaited;
    this.hasLineage = this.columnCount > 0 || disks.keepers.size + disks.awaited.length > 0;
    this.hasReplicas = this.hasLineage || state.topology.replicaCount > 0;
  }

  /**
   * What moves that are over mean for owners and copies, and what deaths do. Returns the slots that nobody is to be given yet, and
   * adds to `owners` who gets the others.
   */
  takeOwners(
    owners: Map<number, string | null>,
    { unsure, orphaned }: Pick<EndedMoves, 'unsure' | 'orphaned'>,
    reasons: string[],
  ): ReadonlySet<number> {
    if (!this.hasReplicas) return NONE;
    const { state, nowMs } = this;
    const { topology } = state;
    const { membership, vacancies, awaitedTimes } = this.facts;
    const { nodes, awaited } = this;
    const isQuiet = vacancies.observe(topology, nowMs).length + reasons.length + owners.size === 0;
    if (isQuiet && awaited.length === 0) return NONE;
    const facts = { topology, awaited, nodes, disksVersion: membership.disksVersion };
    const heldAsBefore = isQuiet ? awaitedTimes.heldAsBefore(facts) : null;
    if (heldAsBefore !== null) return heldAsBefore;
    const book = this.open();
    for (const [slot, to] of owners) {
      if (to === null) {
        book.lose(slot);
        continue;
      }
      const owner = topology.ownerOf(slot)!.id;
      const since = topology.sinceOf(slot);
      if (unsure.has(slot)) book.seize(slot, book.indexOf(to), mayComeBack(this.awaited, slot));
      else book.handOver(slot, book.indexOf(to), (id) => membership.mayBeSynced(id, { slot, owner, since }));
    }
    const isAwaited = (slot: number): boolean => mayComeBack(this.awaited, slot);
    const input = { membership, vacancies, mayComeBack: isAwaited, waitMsMax: state.leaseMs, nowMs };
    const waiting = failOver(topology, book, input, reasons);
    for (const { to, slots } of orphaned) {
      // The target may have taken over, which its disk says.
      if (this.awaited.some(({ id }) => id === to))
        for (const slot of slots) if (book.columnsOf(slot).length === 0) book.lose(slot);
    }
    const held = returnSlots(book, this.awaited, waiting, membership, nowMs, reasons);
    if (isQuiet && reasons.length === 0) awaitedTimes.rest({ ...facts, held });
    for (const [slot, owner] of book.newOwners()) owners.set(slot, owner);
    return held.size === 0 ? waiting : new Set([...waiting, ...held]);
  }

  /** How slots of `draft` may move. */
  moveRules(draft: Topology): Pick<MoveRules, 'kindOf' | 'failovers'> {
    const { membership } = this.facts;
    const yielding = yieldingNodes(this.state.settings);
    if (draft.replicaCount === 0) {
      return { kindOf: (slot) => (draft.isUnsure(slot) ? 'wait' : 'copy'), failovers: [] };
    }
    return {
      kindOf: (slot, to) => moveKind(draft, slot, to, membership),
      failovers: yielding.size === 0 ? [] : failoverPairs(draft, yielding, membership),
    };
  }

  /** Slots that got an owner with nothing in them, and moves that begin: who is sent a slot as a whole copies it in no other way. */
  takeBegun({ owners, moves }: BegunMoves): void {
    if (!this.hasReplicas || owners.size + moves.length === 0) return;
    const book = this.open();
    const { membership } = this.facts;
    for (const [slot, to] of owners) book.give(slot, book.indexOf(to));
    for (const { from, to, slots } of moves) {
      for (const slot of slots) {
        const isCopied = membership.isSynced(to, { slot, owner: from, since: book.since(slot) });
        if (!isCopied) book.removeColumn(slot, book.indexOf(to));
      }
    }
  }

  /** Plans replicas where it is time. `change`: what the proposal has come to, beside them. */
  plan(change: TopologyChange, reasons: string[]): void {
    if (!this.hasReplicas) return;
    const { state, nowMs, columnCount } = this;
    const { topology, settings } = state;
    const { membership, replicaPace } = this.facts;
    const isChanged = reasons.length > 0 || topology.replicaCount !== columnCount;
    const isLeaving = (id: string): boolean =>
      settings.restarting.has(id) || membership.lastOf(id)?.heartbeat.leaving === true;
    const wishes = [...settings.failedOver, '', ...this.nodes.map(({ id }) => id).filter(isLeaving)].join();
    const isDue = isChanged || replicaPace.isDue(topology, membership.copiesVersion, wishes, nowMs);
    if (isDue && columnCount > 0) {
      const book = this.open();
      const draft = isChanged ? nextTopology(topology, { ...change, ...this.change }) : topology;
      planNextReplicas(draft, book, {
        replicas: settings.replicas,
        membership,
        failedOver: settings.failedOver,
        isLeaving,
      });
      replicaPace.planned(topology, membership.copiesVersion, wishes);
    }
    if (topology.replicaCount === columnCount && this.book?.isChanged(topology) !== true) return;
    this.open();
    replicaPace.changed(nowMs);
    if (reasons.length === 0) reasons.push(columnCount > 0 ? 'replicas are placed' : 'the owners of slots are noted');
  }

  /** What is different, beside nodes, owners and moves. */
  get change(): TopologyChange {
    return this.book?.change ?? {};
  }

  private open(): SlotBook {
    this.book ??= new SlotBook(this.state.topology, this.nodes, this.columnCount, this.hasLineage);
    return this.book;
  }
}
