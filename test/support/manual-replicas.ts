/** How far replicas are that do what a test says, as the data thread of their primary sees them. */
import { ChangeLog } from '../../src/changes/change-log.ts';
import type { ReplicaPositions } from '../../src/server/replicas/thread-replicas.ts';
import { announceProgress } from '../../src/server/threads/progress.ts';
import type { SharedState } from '../../src/server/threads/shared-state.ts';
import type { StoreHandle } from '../../src/store/memory.ts';

export class ManualReplica {
  /** What it has a synced copy of. */
  readonly copies: (slot: number) => boolean;
  /** Every change before it is there. */
  confirmed: number;

  constructor(copies: (slot: number) => boolean, confirmed: number) {
    this.copies = copies;
    this.confirmed = confirmed;
  }
}

export class ManualReplicas implements ReplicaPositions {
  readonly all: ManualReplica[] = [];
  /** How often the thread asked for progress, and was woken. */
  askCount = 0;
  private asked: (() => void) | null = null;
  wakeCount = 0;
  private readonly log: ChangeLog;
  private readonly shared: SharedState;
  private readonly wake: () => void;

  /** `wake`: has the one data thread look at what waits. */
  constructor(handle: StoreHandle, shared: SharedState, wake: () => void) {
    this.log = new ChangeLog(handle);
    this.log.open(null);
    this.shared = shared;
    this.wake = wake;
  }

  /** A mark behind all changes so far. */
  get end(): number {
    return this.log.sequence;
  }

  noteAsked(): void {
    this.askCount += 1;
    this.asked?.();
    this.asked = null;
  }

  /** Resolves when somebody waits for replicas, or did since the test began. */
  whenAsked(): Promise<void> {
    if (this.askCount > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.asked = resolve;
    });
  }

  add(copies: (slot: number) => boolean = () => true): ManualReplica {
    const replica = new ManualReplica(copies, this.end);
    this.all.push(replica);
    return replica;
  }

  /** `replica` has all changes before `end`. */
  confirm(replica: ManualReplica, end = this.end): void {
    replica.confirmed = end;
    this.announce();
  }

  announce(): void {
    announceProgress(this.shared, 1, () => {
      this.wakeCount += 1;
      this.wake();
    });
  }

  confirmedCount(slot: number, position: number): number {
    return this.all.filter(({ copies, confirmed }) => copies(slot) && ((confirmed - position) | 0) >= 0).length;
  }

  copyCount(slot: number): number {
    return this.all.filter(({ copies }) => copies(slot)).length;
  }

  get furthest(): number {
    return this.all.reduce((most, { confirmed }) => (((confirmed - most) | 0) > 0 ? confirmed : most), 0);
  }
}
