/**
 * What simulated coordinators keep their state in: the durable half, which outlives any process.
 *
 * `etcd`: a service at a place of its own with a clock of its own. It elects whoever asks while nobody is, for `ELECTION_MS` from when the
 * last renewal came, and takes a write only from the election that it names and onto the revision that it names.
 * `file`: a directory of the coordinator's machine. Whoever runs has it; a write that is interrupted was made or was not.
 */
import type { StoredState, WriteOutcome } from '../src/coordinator/state/state-store.ts';
import type { SimProcess } from './process.ts';

export type StateStoreKind = 'etcd' | 'file';

/** How long an election holds without being renewed, by the service's clock. */
export const ELECTION_MS = 3000;

/** The answer to a campaign or a renewal. */
export interface CampaignAnswer {
  /** The number of the election, where the asker has won it or still holds it; null where somebody else does. */
  readonly term: number | null;
  readonly leader: string | null;
  readonly state: StoredState;
}

export interface StateServiceOptions {
  /** The service's own; null for a file. */
  readonly process: SimProcess | null;
  /** A value was stored. */
  readonly onStored: (value: Uint8Array) => void;
  /** Planted: who is elected reads what was stored before the last write, and so makes its next topology under an epoch that was used. */
  readonly readsOld: boolean;
}

export class StateService {
  private state: StoredState = { revision: 0, value: new Uint8Array(0) };
  private term = 0;
  private holder: SimProcess | null = null;
  private holderAddress: string | null = null;
  private heldUntilMs = 0;
  private revision = 0;
  /** What was stored before. */
  private previous = this.state;
  private readonly options: StateServiceOptions;

  constructor(options: StateServiceOptions) {
    this.options = options;
  }

  /** Null for a file, which needs no election. */
  private get process(): SimProcess | null {
    return this.options.process;
  }

  /** The stored state, as an operator would see it. */
  get stored(): StoredState {
    return this.state;
  }

  campaign(candidate: SimProcess, address: string): CampaignAnswer {
    const nowMs = this.process?.monotonicMs ?? 0;
    const isFree = this.holder === null || nowMs >= this.heldUntilMs || (this.process === null && this.holder.isDead);
    if (isFree) {
      this.term += 1;
      this.holder = candidate;
      this.holderAddress = address;
    }
    if (this.holder !== candidate) return { term: null, leader: this.holderAddress, state: this.state };
    this.heldUntilMs = this.process === null ? Number.POSITIVE_INFINITY : nowMs + ELECTION_MS;
    return { term: this.term, leader: address, state: this.options.readsOld ? this.oldState : this.state };
  }

  private get oldState(): StoredState {
    return { revision: this.state.revision, value: this.previous.value };
  }

  /** Gives the election up, where `holder` has it. */
  resign(holder: SimProcess): void {
    if (this.holder === holder) this.holder = null;
  }

  write(value: Uint8Array, expectedRevision: number, term: number): WriteOutcome {
    const isHeld = this.process === null || this.process.monotonicMs < this.heldUntilMs;
    if (this.holder === null || !isHeld || term !== this.term) return { kind: 'notElected' };
    if (expectedRevision !== this.state.revision) return { kind: 'conflict', state: this.state };
    this.revision += 1 + (this.revision % 3);
    this.previous = this.state;
    this.state = { revision: this.revision, value: value.slice() };
    this.options.onStored(this.state.value);
    return { kind: 'written', revision: this.revision };
  }
}
