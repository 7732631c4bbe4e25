/** How far a disk is that does what a test says, as the data thread of a node sees it. */
import { ChangeLog, type ChangeConsumer } from '../../src/changes/change-log.ts';
import { PersistenceState, PersistenceStatus } from '../../src/persistence/persistence-state.ts';
import { announceProgress } from '../../src/server/threads/progress.ts';
import type { SharedState } from '../../src/server/threads/shared-state.ts';
import type { StoreHandle } from '../../src/store/memory.ts';

export class ManualDisk {
  readonly state = PersistenceState.create();
  /** How often a thread was woken. */
  wakeCount = 0;
  private readonly consumer: ChangeConsumer;
  private readonly shared: SharedState;
  private readonly wake: () => void;

  /** `wake`: has the one data thread look at what waits. */
  constructor(handle: StoreHandle, shared: SharedState, wake: () => void) {
    this.consumer = new ChangeLog(handle).open(null)!;
    this.state.setStatus(PersistenceStatus.ok);
    this.shared = shared;
    this.wake = wake;
  }

  /** A mark behind all changes so far. */
  get end(): number {
    return this.consumer.end;
  }

  /** Replies wait while they are more than `aheadMax` changes ahead of what is read from now on. */
  hold(aheadMax: number): void {
    this.state.setFollowed(this.end);
    this.state.setAheadMax(aheadMax);
  }

  /** All changes before `end` were read. */
  follow(end = this.end): void {
    this.state.setFollowed(end);
    this.announce();
  }

  /** The system has all changes before `end`. */
  write(end = this.end): void {
    this.state.setWritten(end);
    this.announce();
  }

  /** All changes before `end` are safe. */
  sync(end = this.end): void {
    this.state.setWritten(end);
    this.state.setDurable(end);
    this.announce();
  }

  fail(reason: string): void {
    this.state.setFailure(reason);
    this.state.setStatus(PersistenceStatus.failing);
    this.announce();
  }

  /** It takes everything again. */
  mend(): void {
    this.state.setFailure('');
    this.state.setStatus(PersistenceStatus.ok);
    this.sync();
  }

  announce(): void {
    announceProgress(this.shared, 1, () => {
      this.wakeCount += 1;
      this.wake();
    });
  }
}
