import { describe, expect, test } from 'bun:test';
import type { ShoalError } from '../src/base/errors.ts';
import type { StateStoreListener, StoredState, WriteOutcome } from '../src/coordinator/state/state-store.ts';
import { Network } from './network.ts';
import { SimProcess } from './process.ts';
import { Chance } from './randomness.ts';
import { Scheduler } from './scheduler.ts';
import { SimStateStore, STATE_PLACE, type StateTrouble } from './state-client.ts';
import { ELECTION_MS, StateService, type StateStoreKind } from './state-service.ts';

interface Candidate {
  readonly process: SimProcess;
  readonly store: SimStateStore;
  readonly said: string[];
  elected: StoredState | null;
}

class Setting {
  readonly scheduler = new Scheduler();
  readonly network = new Network(this.scheduler, new Chance(3, 'network'));
  readonly trouble: StateTrouble = { slowMs: 0, refuseProbability: 0 };
  readonly service: StateService;
  private readonly kind: StateStoreKind;

  constructor(kind: StateStoreKind) {
    this.kind = kind;
    const process = new SimProcess(STATE_PLACE, 1, this.scheduler, new Chance(4, 'state'));
    this.service = new StateService({ process: kind === 'etcd' ? process : null, onStored: () => {}, readsOld: false });
  }

  candidate(name: string, clockRate = 1): Candidate {
    const { kind, service, trouble, scheduler, network } = this;
    const process = new SimProcess(name, clockRate, scheduler, new Chance(5, name));
    const store = new SimStateStore({
      kind,
      service,
      trouble,
      process,
      scheduler,
      network,
      chance: new Chance(6, name),
    });
    const candidate: Candidate = { process, store, said: [], elected: null };
    const listener: StateStoreListener = {
      onElected: (state) => {
        candidate.elected = state;
        candidate.said.push('elected');
      },
      onDeposed: (_reason, leader) => {
        candidate.elected = null;
        candidate.said.push(`deposed by ${leader}`);
      },
      onLeader: (leader) => candidate.said.push(`leader ${leader}`),
      onTrouble: (text) => candidate.said.push(text === null ? 'no trouble' : 'trouble'),
    };
    void store.start(`${name}:1`, listener);
    return candidate;
  }

  runUntil(timeMs: number): void {
    this.scheduler.runTo(timeMs);
  }

  write({ store }: Candidate, text: string, revision: number): (WriteOutcome | ShoalError)[] {
    const outcomes: (WriteOutcome | ShoalError)[] = [];
    store.submit(Buffer.from(text), revision, (outcome) => outcomes.push(outcome));
    return outcomes;
  }
}

describe.each(['etcd', 'file'] as const)('%s', (kind) => {
  test('elects one, stores what it writes onto the right revision, and hands it to the next', () => {
    const setting = new Setting(kind);
    const first = setting.candidate('c1');
    setting.runUntil(100);
    expect(first.elected).toEqual({ revision: 0, value: new Uint8Array(0) });
    const wrong = setting.write(first, 'wrong', 7);
    const right = setting.write(first, 'right', 0);
    setting.runUntil(200);
    expect(wrong).toEqual([{ kind: 'conflict', state: { revision: 0, value: new Uint8Array(0) } }]);
    expect(right).toEqual([{ kind: 'written', revision: setting.service.stored.revision }]);
    first.process.kill();
    const second = setting.candidate('c2');
    setting.runUntil(200 + ELECTION_MS * 2);
    expect(Buffer.from(second.elected!.value).toString()).toBe('right');
  });

  test('an answer that does not come leaves the outcome open, and says so in time', () => {
    const setting = new Setting(kind);
    const first = setting.candidate('c1');
    setting.runUntil(100);
    setting.trouble.slowMs = 5000;
    const outcomes = setting.write(first, 'perhaps', 0);
    setting.runUntil(2300);
    expect((outcomes[0] as ShoalError).code).toBe('StateStoreUnavailable');
    // It was written all the same.
    expect(setting.service.stored.revision).toBeGreaterThan(0);
  });
});

describe('an election', () => {
  test('ends by the clock of its holder before another one begins', () => {
    const setting = new Setting('etcd');
    const first = setting.candidate('c1', 0.99);
    setting.runUntil(100);
    const second = setting.candidate('c2', 1.01);
    setting.runUntil(200);
    expect(second.said).toEqual(['leader c1:1']);
    setting.network.cut('c1', STATE_PLACE);
    setting.network.cut(STATE_PLACE, 'c1');
    while (second.elected === null) {
      setting.scheduler.runNext();
      const bothAct = first.store.electedUntilMs() > 0 && second.store.electedUntilMs() > 0;
      expect(bothAct).toBe(false);
    }
    expect(first.said).toContain('trouble');
    expect(first.said).toContain('deposed by null');
    const outcomes = setting.write(first, 'too late', 0);
    setting.runUntil(setting.scheduler.nowMs + 10);
    expect(outcomes).toEqual([{ kind: 'notElected' }]);
  });

  test('that was lost takes no write that was on its way', () => {
    const setting = new Setting('etcd');
    const first = setting.candidate('c1');
    setting.runUntil(100);
    const { service } = setting;
    service.resign(first.process);
    setting.candidate('c2');
    setting.runUntil(200);
    const outcomes = setting.write(first, 'late', 0);
    setting.runUntil(300);
    expect(outcomes).toEqual([{ kind: 'notElected' }]);
    expect(service.stored.revision).toBe(0);
  });
});

test('a full disk refuses and stores nothing', () => {
  const setting = new Setting('file');
  const first = setting.candidate('c1');
  setting.runUntil(100);
  setting.trouble.refuseProbability = 1;
  const outcomes = setting.write(first, 'no', 0);
  setting.runUntil(200);
  expect((outcomes[0] as ShoalError).code).toBe('StateStoreFailed');
  expect(setting.service.stored.revision).toBe(0);
});
