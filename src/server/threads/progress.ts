/**
 * How a thread that brings forward what replies wait for (the disk has more, a replica has more) tells the data threads, and wakes those whose
 * sessions wait. A thread arms itself, then looks how far things are; who makes a step counts it, then takes what is armed: so no step is
 * missed, and nobody is woken who does not wait.
 */
import type { ProgressSource } from '../reply-gate/reply-gate.ts';
import type { SharedState } from './shared-state.ts';

/** A data thread's side. */
export class ThreadProgress implements ProgressSource {
  private readonly shared: SharedState;
  private readonly thread: number;

  constructor(shared: SharedState, thread: number) {
    this.shared = shared;
    this.thread = thread;
  }

  get stamp(): number {
    return this.shared.progressCount;
  }

  arm(): void {
    this.shared.awaitProgress(this.thread);
  }
}

/** Tells `threadCount` data threads of a step that is done. `wake`: has a thread call `DataThread.mailArrived`. */
export function announceProgress(shared: SharedState, threadCount: number, wake: (thread: number) => void): void {
  shared.countProgress();
  for (let thread = 0; thread < threadCount; thread += 1) if (shared.takeAwaiting(thread)) wake(thread);
}
