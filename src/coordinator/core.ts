/**
 * The coordinator: `step(event, now)` gives effects, and a shell carries them out. It decides nothing that is not stored: a topology is
 * told to nodes once the state store has it, and what an operator asks for is answered then.
 *
 * What safety rests on (docs/adr/0016-coordinator.md):
 *  - leases are granted only while this coordinator's election is valid by its own clock, and only to members of the stored topology;
 *  - after its election it waits a whole lease before it calls a node dead, so leases that another granted have ended by then;
 *  - a node that is being removed gets no lease, whatever comes of the write;
 *  - one write is in flight; where its outcome is unknown, the same value is written again until it is known.
 */
import { ShoalError } from '../base/errors.ts';
import {
  type AdminRequest,
  type CoordinatorAnswer,
  type CoordinatorRequest,
  type Heartbeat,
  refusal,
} from '../protocol/cluster/messages.ts';
import type { ClusterNode, Topology } from '../topology/topology.ts';
import {
  type ClusterSettings,
  type CoordinatorState,
  decodeState,
  encodeState,
  initialState,
} from './coordinator-state.ts';
import { Membership } from './membership.ts';
import { type FailedPairs, propose } from './proposal.ts';
import type { StoredState, WriteOutcome } from './state/state-store.ts';
import { planOf, statusOf } from './status.ts';
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
  | { readonly kind: 'write'; readonly value: Uint8Array; readonly expectedRevision: number }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string };

/** How long after a write that failed the next one is tried. */
const WRITE_AGAIN_MS = 200;

interface PendingWrite {
  readonly state: CoordinatorState;
  readonly value: Uint8Array;
  readonly expectedRevision: number;
  readonly reasons: readonly string[];
  /** Requests of operators that are part of it. */
  readonly requests: readonly WantedChange[];
  /** Null while it is in flight; else when it may be tried again. */
  againAtMs: number | null;
}

interface WantedChange {
  readonly request: number;
  readonly change: (settings: ClusterSettings) => ClusterSettings;
  /** Once it is stored. */
  readonly answer: CoordinatorAnswer;
}

export class CoordinatorCore {
  private readonly options: CoordinatorOptions;
  private readonly membership: Membership;
  private readonly watchers = new Watchers();
  private readonly failedPairs: FailedPairs = new Map();
  /** What is stored, as far as is known; null while this coordinator is not elected. */
  private state: CoordinatorState | null = null;
  private revision = 0;
  private pending: PendingWrite | null = null;
  private wanted: WantedChange[] = [];
  private leader: string | null = null;
  private trouble: string | null = null;
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
    switch (event.kind) {
      case 'asked':
        this.asked(event.request, event.message, nowMs);
        break;
      case 'gone':
        this.watchers.forget(event.request);
        this.wanted = this.wanted.filter(({ request }) => request !== event.request);
        return this.effects;
      case 'elected':
        this.elected(event.stored, nowMs);
        break;
      case 'deposed':
        this.deposed(event.reason, event.leader);
        break;
      case 'leader':
        this.leader = event.leader;
        break;
      case 'trouble':
        this.troubled(event.text);
        break;
      case 'written':
        this.written(event.outcome, nowMs);
        break;
      case 'writeFailed':
        this.writeFailed(event.text, nowMs);
        break;
      case 'tick':
        this.watchers.expire(nowMs, this.answer);
        break;
    }
    this.write(nowMs);
    return this.effects;
  }

  private readonly answer = (request: number, answer: CoordinatorAnswer): void => {
    this.effects.push({ kind: 'answer', request, answer });
  };

  private log(level: 'info' | 'warn' | 'error', message: string): void {
    this.effects.push({ kind: 'log', level, message });
  }

  private isElected(nowMs: number): boolean {
    return this.state !== null && nowMs < this.options.electedUntilMs();
  }

  private asked(request: number, message: CoordinatorRequest, nowMs: number): void {
    const { state } = this;
    if (state === null || !this.isElected(nowMs)) {
      this.answer(request, { type: 'notLeader', leader: this.leader });
      return;
    }
    if (message.type === 'heartbeat') {
      this.answer(request, this.heard(message, state, nowMs));
    } else if (message.type === 'watch') {
      const { epoch, waitMs } = message;
      this.watchers.add(request, { epoch, untilMs: nowMs + waitMs }, state.topology, this.answer);
    } else {
      this.administer(request, message, state, nowMs);
    }
  }

  private heard(heartbeat: Heartbeat, { topology, settings }: CoordinatorState, nowMs: number): CoordinatorAnswer {
    const { id } = heartbeat.node;
    const isMember = topology.node(id) !== null;
    if (!isMember && heartbeat.epoch > 0 && !heartbeat.leaving) {
      return refusal(`node ${id} is not in this cluster any more: it must drop what it has and join under another id`);
    }
    if (isMember && this.pending !== null && this.pending.state.topology.node(id) === null && !heartbeat.leaving) {
      return refusal(`node ${id} is being removed: it was silent for longer than its lease`);
    }
    if (isMember || !heartbeat.leaving) this.membership.hear(heartbeat, nowMs);
    const isIdle = topology.slotCountOf(id) === 0 && !topology.moves.some(({ from, to }) => from === id || to === id);
    return {
      type: 'lease',
      leaseMs: this.options.leaseMs,
      epoch: topology.epoch,
      coordinator: this.options.address,
      mayGo: heartbeat.leaving && isIdle,
      moveBytesPerSecond: settings.moveBytesPerSecond,
    };
  }

  private administer(request: number, message: AdminRequest, state: CoordinatorState, nowMs: number): void {
    switch (message.type) {
      case 'status': {
        const { address, store } = this.options;
        const facts = { coordinator: address, store, trouble: this.trouble, nowMs };
        this.answer(request, statusOf(state, this.membership, facts));
        return;
      }
      case 'rebalance':
        if (message.dryRun) this.answer(request, planOf(state));
        else this.want(request, (settings) => ({ ...settings, tight: true }), planOf(state));
        return;
      case 'limits':
        this.want(request, (settings) => ({
          ...settings,
          concurrentMoves: message.concurrentMoves ?? settings.concurrentMoves,
          moveBytesPerSecond: message.bytesPerSecond ?? settings.moveBytesPerSecond,
        }));
        return;
      case 'drain':
      case 'undrain':
      case 'weight': {
        const node = state.topology.node(message.node);
        if (node === null) this.answer(request, refusal(`there is no node ${message.node}`));
        else this.want(request, changeOfNode(message, node));
      }
    }
  }

  private want(request: number, change: WantedChange['change'], answer: CoordinatorAnswer = { type: 'done' }): void {
    this.wanted.push({ request, change, answer });
  }

  private elected(stored: StoredState, nowMs: number): void {
    const { cluster, concurrentMoves, moveBytesPerSecond } = this.options;
    try {
      this.state =
        stored.value.length === 0
          ? initialState(cluster, { concurrentMoves, moveBytesPerSecond })
          : decodeState(stored.value, cluster);
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
      // Nothing is written over what cannot be read.
      this.deposed(error.message, null);
      this.log('error', error.message);
      return;
    }
    this.revision = stored.revision;
    this.pending = null;
    this.leader = this.options.address;
    this.failedPairs.clear();
    this.membership.elected(this.state.topology, nowMs);
    const { epoch, nodes } = this.state.topology;
    this.log('info', `elected, at epoch ${epoch} with ${nodes.length} nodes`);
  }

  private deposed(reason: string, leader: string | null): void {
    if (this.state !== null) this.log('warn', `not elected any more: ${reason}`);
    this.state = null;
    this.leader = leader;
    const requests = [...(this.pending?.requests ?? []), ...this.wanted];
    this.pending = null;
    this.wanted = [];
    for (const { request } of requests) this.answer(request, { type: 'notLeader', leader });
    this.watchers.answerAll({ type: 'notLeader', leader }, this.answer);
  }

  private troubled(text: string | null): void {
    if (text === this.trouble) return;
    this.trouble = text;
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
      // Somebody else wrote, who must have been elected since.
      this.deposed('another coordinator has written', null);
      return;
    }
    this.pending = null;
    this.revision = outcome.kind === 'written' ? outcome.revision : outcome.state.revision;
    const before = this.state.topology;
    this.state = pending.state;
    const { topology } = this.state;
    this.membership.topologyStored(topology);
    for (const reason of pending.reasons) this.log('info', reason);
    for (const { request, answer } of pending.requests) this.answer(request, answer);
    if (topology.epoch > before.epoch && this.isElected(nowMs)) this.watchers.announce(topology, this.answer);
  }

  private writeFailed(text: string, nowMs: number): void {
    if (this.pending === null) return;
    this.pending.againAtMs = nowMs + WRITE_AGAIN_MS;
    this.troubled(text);
  }

  /** Writes what should follow, one value at a time. */
  private write(nowMs: number): void {
    if (this.state === null || !this.isElected(nowMs)) return;
    const { pending } = this;
    if (pending !== null) {
      if (pending.againAtMs === null || nowMs < pending.againAtMs) return;
      pending.againAtMs = null;
      this.effects.push({ kind: 'write', value: pending.value, expectedRevision: pending.expectedRevision });
      return;
    }
    const { wanted } = this;
    this.wanted = [];
    const settings = wanted.reduce((current, { change }) => change(current), this.state.settings);
    const base = { ...this.state, settings };
    const proposal = propose(base, this.membership, this.failedPairs, this.options, nowMs);
    if (proposal === null && wanted.length === 0) return;
    const state = proposal?.state ?? base;
    const value = encodeState(state);
    const reasons = proposal?.reasons ?? [];
    this.pending = { state, value, expectedRevision: this.revision, reasons, requests: wanted, againAtMs: null };
    this.effects.push({ kind: 'write', value, expectedRevision: this.revision });
  }
}

function changeOfNode(
  message: Extract<AdminRequest, { type: 'drain' | 'undrain' | 'weight' }>,
  { id, host, port }: ClusterNode,
): WantedChange['change'] {
  switch (message.type) {
    case 'weight':
      return (settings) => ({ ...settings, weights: new Map(settings.weights).set(`${host}:${port}`, message.weight) });
    case 'drain':
      return (settings) => ({ ...settings, drained: new Set(settings.drained).add(id) });
    case 'undrain':
      return (settings) => ({ ...settings, drained: new Set([...settings.drained].filter((other) => other !== id)) });
  }
}
