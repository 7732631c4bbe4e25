/**
 * The coordinator: `step(event, now)` gives effects, and a shell carries them out. It decides nothing that is not stored: a topology is
 * told to nodes once the state store has it, and what an operator asks for is answered then.
 *
 * What safety rests on (docs/adr/0016-coordinator.md):
 *  - leases are granted only while this coordinator's election is valid by its own clock, and none that is longer than what is stored;
 *  - after its election it waits a whole lease before it calls a node dead, so leases that another granted have ended by then;
 *  - a node that is being removed gets no lease, whatever comes of the write;
 *  - one write is in flight; where its outcome is unknown, the same value is written again until it is known.
 */
import { unreachable } from '../base/assert.ts';
import { ShoalError } from '../base/errors.ts';
import {
  type AdminRequest,
  type CoordinatorAnswer,
  type CoordinatorRequest,
  type Heartbeat,
  refusal,
} from '../protocol/cluster/messages.ts';
import type { Topology } from '../topology/topology.ts';
import { type AwaitedNode, AwaitedTimes, isDiskUseless } from './awaited.ts';
import { changeFor, CHANGES_MAX, type WantedChange } from './admin.ts';
import { problemOf } from './admission.ts';
import { type CoordinatorState, decodeState, encodeState, initialState } from './coordinator-state.ts';
import { Departures } from './departed.ts';
import { Membership } from './membership.ts';
import { FailedPairs } from './next-moves.ts';
import { ReplicaPace } from './next-replicas.ts';
import { propose } from './proposal.ts';
import { isEmptied } from './restarts.ts';
import type { StoredState, WriteOutcome } from './state/state-store.ts';
import { statusOf } from './status.ts';
import { Vacancies } from './vacancies.ts';
import { Watchers } from './watchers.ts';

export interface CoordinatorOptions {
  readonly cluster: string;
  /** What nodes and operators are told of who answers: `host:port`. */
  readonly address: string;
  /** `StateStore.description`. */
  readonly store: string;
  readonly leaseMs: number;
  readonly slotsPerMove: number;
  /** Of a new cluster; an operator may change them. */
  readonly concurrentMoves: number;
  readonly moveBytesPerSecond: number;
  readonly replicas: number;
  /** So long the slots of a node that keeps its data wait for it, in ms; 0: they begin empty at once, where there is no other copy. */
  readonly dataWaitMs: number;
  /** `StateStore.electedUntilMs`. */
  readonly electedUntilMs: () => number;
}

export type CoordinatorEvent =
  /** `request`: a number of the shell's own, under which it is answered. */
  | { readonly kind: 'asked'; readonly request: number; readonly message: CoordinatorRequest }
  /** Whoever asked is gone: it need not be answered. */
  | { readonly kind: 'gone'; readonly request: number }
  | { readonly kind: 'elected'; readonly stored: StoredState }
  | { readonly kind: 'deposed'; readonly reason: string; readonly leader: string | null }
  | { readonly kind: 'leader'; readonly leader: string | null }
  | { readonly kind: 'trouble'; readonly text: string | null }
  | { readonly kind: 'written'; readonly outcome: WriteOutcome }
  /** The store refused, or does not say whether it wrote. */
  | { readonly kind: 'writeFailed'; readonly text: string }
  /** Comes often: what has run out is noticed that late. */
  | { readonly kind: 'tick' };

export type CoordinatorEffect =
  | { readonly kind: 'answer'; readonly request: number; readonly answer: CoordinatorAnswer }
  /** Ends with `written` or `writeFailed`, once. */
  | { readonly kind: 'write'; readonly value: Uint8Array; readonly expectedRevision: number }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
  /** This coordinator can never work with what is stored: it must not keep others from being elected. */
  | { readonly kind: 'giveUp'; readonly error: ShoalError };

/** How long after a write that failed the next one is tried. */
const WRITE_AGAIN_MS = 200;
/** Of a lease: where nothing was done here for longer, the coordinator itself was stopped, and may not blame nodes for it. */
const PAUSE_SHARE = 0.25;

/** Refusals that are remembered, so that each is told once. */
const PROBLEMS_MAX = 256;

interface PendingWrite {
  readonly state: CoordinatorState;
  readonly value: Uint8Array;
  readonly expectedRevision: number;
  readonly reasons: readonly string[];
  /** What operators asked for that is part of it. */
  readonly changes: readonly WantedChange[];
  /** While it is not in flight. */
  againAtMs: number;
}

export class CoordinatorCore {
  private readonly options: CoordinatorOptions;
  private readonly membership: Membership;
  private readonly departures = new Departures();
  private readonly watchers = new Watchers();
  private readonly failedPairs = new FailedPairs();
  private readonly vacancies = new Vacancies();
  private readonly replicaPace = new ReplicaPace();
  private readonly awaitedTimes = new AwaitedTimes();
  /** What is stored, as far as is known; null while this coordinator is not elected. */
  private state: CoordinatorState | null = null;
  private electedAtMs = 0;
  private revision = 0;
  private pending: PendingWrite | null = null;
  /** A write has no outcome yet; it may be one from before an election. */
  private isWriting = false;
  private wanted: WantedChange[] = [];
  private leader: string | null = null;
  private storeTrouble: string | null = null;
  private writeTrouble: string | null = null;
  /** Why heartbeats were refused, each told once. */
  private readonly problems = new Set<string>();
  private lastStepMs = Number.NEGATIVE_INFINITY;
  private effects: CoordinatorEffect[] = [];

  constructor(options: CoordinatorOptions) {
    this.options = options;
    this.membership = new Membership(options.leaseMs);
  }

  /** The topology that is stored; null while this coordinator is not elected. */
  get topology(): Topology | null {
    return this.state?.topology ?? null;
  }

  /** `nowMs`: monotonic, of the clock of `electedUntilMs`. Never throws on what a peer sent. */
  step(event: CoordinatorEvent, nowMs: number): readonly CoordinatorEffect[] {
    this.effects = [];
    if (nowMs - this.lastStepMs > this.membership.leaseMs * PAUSE_SHARE) this.membership.resumed(nowMs);
    this.lastStepMs = nowMs;
    if (this.take(event, nowMs)) this.write(nowMs);
    return this.effects;
  }

  /** Returns whether something may have to be written because of it. */
  private take(event: CoordinatorEvent, nowMs: number): boolean {
    switch (event.kind) {
      case 'asked':
        return this.asked(event.request, event.message, nowMs);
      case 'gone':
        this.watchers.forget(event.request);
        this.wanted = this.wanted.filter(({ request }) => request !== event.request);
        return false;
      case 'elected':
        this.elected(event.stored, nowMs);
        return true;
      case 'deposed':
        this.deposed(event.reason, event.leader);
        return false;
      case 'leader':
        this.leader = event.leader;
        return false;
      case 'trouble':
        this.troubled(event.text, this.writeTrouble);
        return false;
      case 'written':
        this.isWriting = false;
        this.written(event.outcome, nowMs);
        return true;
      case 'writeFailed':
        this.isWriting = false;
        if (this.pending === null) return true;
        this.pending.againAtMs = nowMs + WRITE_AGAIN_MS;
        this.troubled(this.storeTrouble, event.text);
        return false;
      case 'tick':
        this.watchers.expire(nowMs, this.answer);
        return true;
      default:
        return unreachable(event);
    }
  }

  private readonly answer = (request: number, answer: CoordinatorAnswer): void => {
    this.effects.push({ kind: 'answer', request, answer });
  };

  private log(level: 'info' | 'warn' | 'error', message: string): void {
    this.effects.push({ kind: 'log', level, message });
  }

  private asked(request: number, message: CoordinatorRequest, nowMs: number): boolean {
    const { state } = this;
    if (state === null || nowMs >= this.options.electedUntilMs()) {
      // Its own address would send the asker in a circle.
      this.answer(request, { type: 'notLeader', leader: state === null ? this.leader : null });
      return false;
    }
    if (message.type === 'heartbeat') return this.heard(request, message, state, nowMs);
    if (message.type !== 'watch') return this.administer(request, message, state, nowMs);
    const { epoch, waitMs } = message;
    this.watchers.add(request, { epoch, untilMs: nowMs + waitMs }, state.topology, this.answer);
    return false;
  }

  private heard(request: number, heartbeat: Heartbeat, state: CoordinatorState, nowMs: number): boolean {
    const { topology, settings, cancelled } = state;
    const { id } = heartbeat.node;
    const { membership, options } = this;
    const next = this.pending?.state.topology ?? topology;
    const problem = problemOf(heartbeat, { topology, next, membership, leaseMs: options.leaseMs });
    const isMember = topology.node(id) !== null;
    if (problem !== null) {
      // Whatever is wrong with a member that speaks, it is not dead.
      if (isMember && heartbeat.epoch > topology.epoch) membership.hear(heartbeat, nowMs);
      this.tellProblem(problem);
      this.answer(request, refusal(problem));
      return false;
    }
    // Of a node that leaves before it was ever seen there is nothing to remember.
    const isKnown = isMember || !heartbeat.leaving || membership.lastOf(id) !== null;
    const isNews = isKnown && membership.hear(heartbeat, nowMs);
    const cancel = topology.moves.filter((move) => move.from === id && cancelled.has(move.id));
    this.answer(request, {
      type: 'lease',
      leaseMs: Math.min(options.leaseMs, state.leaseMs),
      epoch: topology.epoch,
      coordinator: options.address,
      // A member that is idle may be about to get slots; once it is removed, it is not.
      mayGo: heartbeat.leaving && !isMember,
      moveBytesPerSecond: settings.moveBytesPerSecond,
      ...(isMember && isDiskUseless(heartbeat, [state, this.pending?.state ?? state]) ? { isDiskUseless: true } : {}),
      ...(cancel.length > 0 ? { cancel: cancel.map((move) => move.id) } : {}),
      ...(isEmptied(id, state) ? { restart: true } : {}),
    });
    return isNews;
  }

  private tellProblem(problem: string): void {
    if (this.problems.has(problem)) return;
    if (this.problems.size >= PROBLEMS_MAX) this.problems.clear();
    this.problems.add(problem);
    this.log('warn', `refused a heartbeat: ${problem}`);
  }

  private administer(request: number, message: AdminRequest, state: CoordinatorState, nowMs: number): boolean {
    if (message.type === 'status') {
      const { address, store, dataWaitMs } = this.options;
      const trouble = this.storeTrouble ?? this.writeTrouble;
      const leftMs = (node: AwaitedNode): number =>
        Math.max(0, Math.ceil(dataWaitMs - this.awaitedTimes.waitedMs(node, nowMs)));
      this.answer(request, statusOf(state, this.membership, { coordinator: address, store, trouble, leftMs, nowMs }));
      return false;
    }
    const wanted = changeFor(message, state, this.membership);
    if ('type' in wanted) {
      this.answer(request, wanted);
      return false;
    }
    if (this.wanted.length >= CHANGES_MAX) {
      this.answer(request, refusal(`${CHANGES_MAX} changes wait to be stored: try again later`));
      return false;
    }
    this.wanted.push({ request, ...wanted });
    return true;
  }

  private elected(stored: StoredState, nowMs: number): void {
    const { cluster, concurrentMoves, moveBytesPerSecond, replicas, leaseMs } = this.options;
    let state: CoordinatorState;
    try {
      state =
        stored.value.length === 0
          ? initialState(cluster, { concurrentMoves, moveBytesPerSecond, replicas, leaseMs })
          : decodeState(stored.value, cluster);
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
      // Nothing is written over what cannot be read.
      this.deposed(error.message, null);
      this.effects.push({ kind: 'giveUp', error });
      return;
    }
    this.answerChanges({ type: 'notLeader', leader: null });
    this.state = state;
    this.revision = stored.revision;
    this.leader = this.options.address;
    this.electedAtMs = nowMs;
    this.failedPairs.clear();
    this.vacancies.clear();
    this.replicaPace.clear();
    this.awaitedTimes.clear();
    this.departures.clear();
    this.writeTrouble = null;
    this.membership.leaseMs = state.leaseMs;
    this.membership.elected(state.topology, nowMs);
    const { epoch, nodes } = state.topology;
    this.log('info', `elected, at epoch ${epoch} with ${nodes.length} nodes`);
  }

  private deposed(reason: string, leader: string | null): void {
    if (this.state !== null) this.log('warn', `not elected any more: ${reason}`);
    this.state = null;
    this.leader = leader;
    this.writeTrouble = null;
    this.answerChanges({ type: 'notLeader', leader });
    this.watchers.answerAll({ type: 'notLeader', leader }, this.answer);
  }

  /** What operators asked for may be stored or not: they are to look, and ask again. */
  private answerChanges(answer: CoordinatorAnswer): void {
    for (const { request } of [...(this.pending?.changes ?? []), ...this.wanted]) this.answer(request, answer);
    this.pending = null;
    this.wanted = [];
  }

  private troubled(storeTrouble: string | null, writeTrouble: string | null): void {
    const before = this.storeTrouble ?? this.writeTrouble;
    this.storeTrouble = storeTrouble;
    this.writeTrouble = writeTrouble;
    const text = storeTrouble ?? writeTrouble;
    if ((text === null) === (before === null)) return;
    if (text === null) this.log('info', 'the state store answers again');
    else this.log('warn', `the state store: ${text}; nodes go on as they are, and nothing is changed`);
  }

  private written(outcome: WriteOutcome, nowMs: number): void {
    const { pending } = this;
    if (pending === null || this.state === null) return;
    if (outcome.kind === 'notElected') {
      this.deposed('the state store says so', null);
      return;
    }
    if (outcome.kind === 'conflict' && !Buffer.from(outcome.state.value).equals(pending.value)) {
      // Not what was written here, so it is read as after an election, with all that has to be waited for then.
      this.log(
        'warn',
        `the state was changed by somebody else, at revision ${outcome.state.revision}: it is read again`,
      );
      this.elected(outcome.state, nowMs);
      return;
    }
    this.pending = null;
    this.revision = outcome.kind === 'written' ? outcome.revision : outcome.state.revision;
    this.troubled(this.storeTrouble, null);
    this.state = pending.state;
    const { topology, leaseMs } = this.state;
    this.membership.leaseMs = leaseMs;
    this.membership.topologyStored(topology);
    for (const reason of pending.reasons) this.log('info', reason);
    for (const { request, answer } of pending.changes) this.answer(request, answer);
    this.watchers.announce(topology, this.answer);
  }

  /** Writes what should follow, one value at a time. */
  private write(nowMs: number): void {
    const { state, pending } = this;
    if (state === null || this.isWriting || nowMs >= this.options.electedUntilMs()) return;
    if (pending !== null) {
      if (nowMs >= pending.againAtMs) this.send(pending);
      return;
    }
    const { wanted, membership, departures, failedPairs, vacancies, replicaPace, awaitedTimes } = this;
    this.wanted = [];
    const base = wanted.reduce((current, { change }) => change(current), state);
    departures.observe(base, membership, nowMs);
    const { slotsPerMove, leaseMs, dataWaitMs } = this.options;
    const oldLeasesEnded = nowMs - this.electedAtMs > state.leaseMs;
    const parts = { membership, departures, failedPairs, vacancies, replicaPace, awaitedTimes };
    const input = { ...parts, slotsPerMove, leaseMs, dataWaitMs, oldLeasesEnded };
    const proposal = propose(base, input, nowMs);
    const notice = departures.notice(state, nowMs);
    if (notice !== null) this.log('warn', notice);
    if (proposal === null && wanted.length === 0) return;
    const next = proposal?.state ?? base;
    this.pending = {
      state: next,
      value: encodeState(next),
      expectedRevision: this.revision,
      reasons: proposal?.reasons ?? [],
      changes: wanted,
      againAtMs: nowMs,
    };
    this.send(this.pending);
  }

  private send({ value, expectedRevision }: PendingWrite): void {
    this.isWriting = true;
    this.effects.push({ kind: 'write', value, expectedRevision });
  }
}
