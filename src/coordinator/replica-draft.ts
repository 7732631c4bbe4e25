/**
 * The replicas' part of a proposal, in the order in which it is made: owners that die are followed by their copies, moves that end leave copies behind, and at
 * the end replicas are planned. In a cluster without replicas it does nothing, and where nothing happens it does not look at slots.
 */
import { type ClusterNode, nextTopology, type Topology, type TopologyChange } from '../topology/topology.ts';
import type { CoordinatorState } from './coordinator-state.ts';
import { failOver } from './failover.ts';
import { failoverPairs, moveKind } from './failover-moves.ts';
import type { Membership } from './membership.ts';
import type { BegunMoves, MoveRules } from './next-moves.ts';
import { planNextReplicas, type ReplicaPace } from './next-replicas.ts';
import { yieldingNodes } from './restarts.ts';
import { SlotBook } from './slot-book.ts';
import type { Vacancies } from './vacancies.ts';

export interface ReplicaFacts {
  readonly membership: Membership;
  readonly vacancies: Vacancies;
  readonly replicaPace: ReplicaPace;
}

const NONE: ReadonlySet<number> = new Set();

export class ReplicaDraft {
  private readonly state: CoordinatorState;
  private readonly nodes: readonly ClusterNode[];
  private readonly facts: ReplicaFacts;
  private readonly nowMs: number;
  private readonly columnCount: number;
  private readonly hasReplicas: boolean;
  /** Null while there is nothing to change. */
  private book: SlotBook | null = null;

  /** `nodes`: those of the next topology. */
  constructor(state: CoordinatorState, nodes: readonly ClusterNode[], facts: ReplicaFacts, nowMs: number) {
    this.state = state;
    this.nodes = nodes;
    this.facts = facts;
    this.nowMs = nowMs;
    const { replicas } = state.settings;
    this.columnCount = replicas === 0 ? 0 : replicas + 1;
    this.hasReplicas = this.columnCount > 0 || state.topology.replicaCount > 0;
  }

  /**
   * What moves that are over mean for owners and copies, and what deaths do. Returns the slots that nobody is to be given yet, and
   * adds to `owners` who gets the others.
   */
  takeOwners(owners: Map<number, string | null>, unsure: ReadonlySet<number>, reasons: string[]): ReadonlySet<number> {
    if (!this.hasReplicas) return NONE;
    const { state, nowMs } = this;
    const { topology } = state;
    const { membership, vacancies } = this.facts;
    const isQuiet = vacancies.observe(topology, nowMs).length === 0;
    if (isQuiet && reasons.length === 0 && owners.size === 0) return NONE;
    const book = this.open();
    for (const [slot, to] of owners) {
      if (to === null) continue;
      const owner = topology.ownerOf(slot)!.id;
      const since = topology.sinceOf(slot);
      if (unsure.has(slot)) book.seize(slot, book.indexOf(to));
      else book.handOver(slot, book.indexOf(to), (id) => membership.mayBeSynced(id, { slot, owner, since }));
    }
    const input = { membership, vacancies, waitMsMax: state.leaseMs, nowMs };
    const waiting = failOver(topology, book, input, reasons);
    for (const [slot, owner] of book.newOwners()) owners.set(slot, owner);
    return waiting;
  }

  /** How slots of `draft` may move. */
  moveRules(draft: Topology): Pick<MoveRules, 'kindOf' | 'failovers'> {
    const { membership } = this.facts;
    const yielding = yieldingNodes(this.state.settings);
    if (draft.replicaCount === 0) return { kindOf: () => 'copy', failovers: [] };
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
    if (reasons.length === 0) reasons.push('replicas are placed');
  }

  /** What is different, beside nodes, owners and moves. */
  get change(): TopologyChange {
    return this.book?.change ?? {};
  }

  private open(): SlotBook {
    this.book ??= new SlotBook(this.state.topology, this.nodes, this.columnCount);
    return this.book;
  }
}
