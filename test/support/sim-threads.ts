/** Runs of the simulator on other threads: one at a time on each, in the order in which they are asked for. */
import { Worker } from 'node:worker_threads';
import type { PlantedBug } from '../../sim/bugs.ts';
import type { FailureKind } from '../../sim/failure.ts';
import type { Profile } from '../../sim/scenario.ts';

export interface SimTask {
  readonly seed: number;
  readonly bug: PlantedBug | null;
}

export interface SimOutcome {
  readonly seed: number;
  readonly profile: Profile;
  readonly answeredCount: number;
  readonly failure: { readonly kind: FailureKind; readonly message: string } | null;
}

interface Waiting {
  readonly task: SimTask;
  readonly resolve: (outcome: SimOutcome) => void;
  readonly reject: (error: unknown) => void;
}

export class SimThreads {
  readonly count: number;
  private readonly workers: readonly Worker[];
  private readonly idle: Worker[];
  private readonly waiting: Waiting[] = [];
  private readonly running = new Map<Worker, Waiting>();

  constructor(count: number) {
    this.count = count;
    this.workers = Array.from({ length: count }, () => {
      const worker = new Worker(new URL('./sim-worker.ts', import.meta.url));
      worker.on('message', (outcome: SimOutcome) => this.ended(worker, outcome));
      worker.on('error', (error) => this.running.get(worker)?.reject(error));
      return worker;
    });
    this.idle = [...this.workers];
  }

  run(task: SimTask): Promise<SimOutcome> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ task, resolve, reject });
      this.begin();
    });
  }

  /** What still waits is never run. */
  async close(): Promise<void> {
    this.waiting.length = 0;
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private begin(): void {
    while (this.idle.length > 0 && this.waiting.length > 0) {
      const worker = this.idle.pop()!;
      const next = this.waiting.shift()!;
      this.running.set(worker, next);
      worker.postMessage(next.task);
    }
  }

  private ended(worker: Worker, outcome: SimOutcome): void {
    const { resolve } = this.running.get(worker)!;
    this.running.delete(worker);
    this.idle.push(worker);
    this.begin();
    resolve(outcome);
  }
}
