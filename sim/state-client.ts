/**
 * A coordinator's way to the simulated state service, as the `StateStore` that the real coordinator is written against. All answers come as events
 * of its process; what a write came to may stay unknown.
 */
import { assert } from '../src/base/assert.ts';
import { ShoalError } from '../src/base/errors.ts';
import type { StateStore, StateStoreListener, WriteOutcome } from '../src/coordinator/state/state-store.ts';
import type { Network } from './network.ts';
import type { SimProcess } from './process.ts';
import type { Chance } from './randomness.ts';
import type { Scheduler } from './scheduler.ts';
import { type CampaignAnswer, ELECTION_MS, type StateService, type StateStoreKind } from './state-service.ts';

/** Where the service is, for the network. */
export const STATE_PLACE = 's1';
const RENEW_EVERY_MS = ELECTION_MS / 3;
/** The share of an election that its holder counts on; the rest is for clocks of another rate. */
const SURE_SHARE = 0.95;
const WRITE_TIMEOUT_MS = 2000;
const NOT_ELECTED_MS = Number.NEGATIVE_INFINITY;

/** What ails the service. Read with each operation. */
export interface StateTrouble {
  /** Ms that each operation takes longer. */
  slowMs: number;
  /** Share of writes that a full disk refuses. */
  refuseProbability: number;
}

export interface StateClientSetting {
  readonly kind: StateStoreKind;
  readonly service: StateService;
  readonly trouble: StateTrouble;
  readonly process: SimProcess;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly chance: Chance;
}

/** Settles a write: with its outcome, or with why there is none. */
export type WriteSettled = (outcome: WriteOutcome | ShoalError) => void;

export class SimStateStore implements StateStore {
  readonly description: string;
  private readonly setting: StateClientSetting;
  private listener: StateStoreListener | null = null;
  private address = '';
  private term = 0;
  private untilMs = NOT_ELECTED_MS;
  private wasElected = false;
  private leader: string | null = null;
  private answeredAtMs = 0;
  private inTrouble = false;

  constructor(setting: StateClientSetting) {
    this.setting = setting;
    this.description = `${setting.kind}:simulated`;
  }

  start(address: string, listener: StateStoreListener): Promise<void> {
    assert(this.listener === null, 'a state store is started once');
    this.address = address;
    this.listener = listener;
    this.answeredAtMs = this.setting.process.monotonicMs;
    this.campaign();
    return Promise.resolve();
  }

  electedUntilMs(): number {
    const { process } = this.setting;
    return process.monotonicMs < this.untilMs ? this.untilMs : NOT_ELECTED_MS;
  }

  write(value: Uint8Array, expectedRevision: number): Promise<WriteOutcome> {
    return new Promise((resolve, reject) => {
      this.submit(value, expectedRevision, (outcome) => {
        if (outcome instanceof ShoalError) reject(outcome);
        else resolve(outcome);
      });
    });
  }

  /** As `write`; `settled` runs in an event of the process, so no order is left to the runtime's queue of promises. */
  submit(value: Uint8Array, expectedRevision: number, settled: WriteSettled): void {
    const { kind, process, service, trouble, chance } = this.setting;
    const { term } = this;
    let isSettled = false;
    const settleOnce: WriteSettled = (outcome) => {
      if (isSettled) return;
      isSettled = true;
      settled(outcome);
    };
    if (this.electedUntilMs() === NOT_ELECTED_MS) {
      process.after(0, () => settleOnce({ kind: 'notElected' }));
      return;
    }
    process.after(WRITE_TIMEOUT_MS, () =>
      settleOnce(new ShoalError('StateStoreUnavailable', 'the state store has not answered in time')),
    );
    if (kind === 'file' && chance.happens(trouble.refuseProbability)) {
      process.after(1, () => settleOnce(new ShoalError('StateStoreFailed', 'no space is left on the device')));
      return;
    }
    const bytes = value.slice();
    this.ask(
      () => service.write(bytes, expectedRevision, term),
      (outcome) => settleOnce(outcome),
    );
  }

  close(): Promise<void> {
    const { service, process } = this.setting;
    this.listener = null;
    this.untilMs = NOT_ELECTED_MS;
    this.ask(
      () => service.resign(process),
      () => {},
    );
    return Promise.resolve();
  }

  /** Asks to be elected, or to stay so, now and again. */
  private campaign(): void {
    const { process, service } = this.setting;
    if (this.listener === null) return;
    const sentAtMs = process.monotonicMs;
    if (this.wasElected && sentAtMs >= this.untilMs) this.depose('the election was not renewed in time');
    this.noticeSilence(sentAtMs);
    this.ask(
      () => service.campaign(process, this.address),
      (answer) => this.onCampaign(answer, sentAtMs),
    );
    process.after(RENEW_EVERY_MS, () => this.campaign());
  }

  private onCampaign({ term, leader, state }: CampaignAnswer, sentAtMs: number): void {
    const { kind, process } = this.setting;
    if (this.listener === null) return;
    this.answeredAtMs = process.monotonicMs;
    this.noticeSilence(this.answeredAtMs);
    if (leader !== this.leader) {
      this.leader = leader;
      if (term === null) this.listener.onLeader(leader);
    }
    if (term === null) {
      if (this.wasElected) this.depose('another coordinator was elected');
      return;
    }
    const untilMs = kind === 'file' ? Number.POSITIVE_INFINITY : sentAtMs + ELECTION_MS * SURE_SHARE;
    // An answer that was too long on its way is worth nothing, and neither is one of an election that is over.
    if (process.monotonicMs >= untilMs || term < this.term) return;
    if (this.wasElected && term !== this.term) this.depose('the election had ended');
    this.untilMs = Math.max(this.untilMs, untilMs);
    this.term = term;
    if (this.wasElected) return;
    this.wasElected = true;
    this.noticeEnd(term);
    this.listener.onElected(state);
  }

  /** Waits for the end of election `term`, which each renewal puts off, and says when it has come. */
  private noticeEnd(term: number): void {
    if (!this.wasElected || term !== this.term || this.untilMs === Number.POSITIVE_INFINITY) return;
    const { process } = this.setting;
    if (process.monotonicMs >= this.untilMs) this.depose('the election was not renewed in time');
    else process.at(this.untilMs, () => this.noticeEnd(term));
  }

  private noticeSilence(nowMs: number): void {
    const isSilent = nowMs - this.answeredAtMs > RENEW_EVERY_MS;
    if (isSilent === this.inTrouble) return;
    this.inTrouble = isSilent;
    this.listener?.onTrouble(isSilent ? 'the state store does not answer' : null);
  }

  private depose(reason: string): void {
    this.wasElected = false;
    this.untilMs = NOT_ELECTED_MS;
    this.listener?.onDeposed(reason, this.leader === this.address ? null : this.leader);
  }

  /** Has `operation` done at the service; `answered` runs here with what came of it, unless that is lost. */
  private ask<Answer>(operation: () => Answer, answered: (answer: Answer) => void): void {
    const { kind, process, scheduler, network, trouble, chance } = this.setting;
    if (kind === 'file') {
      // The disk goes on with what it was given, even if the process is killed meanwhile.
      scheduler.after(chance.between(0, 4), () => {
        const answer = operation();
        scheduler.after(chance.between(0, 4) + trouble.slowMs, () => process.receive(() => answered(answer)));
      });
      return;
    }
    let isAnswered = false;
    network.send(process.name, STATE_PLACE, () => {
      const answer = operation();
      scheduler.after(trouble.slowMs, () =>
        network.send(STATE_PLACE, process.name, () =>
          process.receive(() => {
            if (isAnswered) return;
            isAnswered = true;
            answered(answer);
          }),
        ),
      );
    });
  }
}
