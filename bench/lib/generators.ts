/**
 * The load generator as the suite sees it: one process for each of its cores, which share the connections and the offered load, and
 * whose figures are added up.
 */
import { resolve } from 'node:path';
import type { Subprocess } from 'bun';
import { Histogram } from '../../src/load/histogram.ts';
import type { EngineOptions, RunFigures } from './load-engine.ts';

export type GeneratorOrder =
  | { readonly kind: 'open'; readonly load: number; readonly options: EngineOptions }
  | { readonly kind: 'fill'; readonly load: number; readonly from: number; readonly to: number }
  | { readonly kind: 'closed'; readonly load: number; readonly seconds: number }
  | { readonly kind: 'paced'; readonly load: number; readonly seconds: number; readonly batchesPerSecond: number }
  | { readonly kind: 'close'; readonly load: number };

export type GeneratorAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'figures'; readonly figures: RunFigures }
  | { readonly kind: 'failed'; readonly message: string };

/** The figures of all generator processes together. */
export interface LoadFigures extends Omit<RunFigures, 'latencyNs' | 'busyShare'> {
  readonly latencyNs: Histogram;
  /** Of the busiest process. */
  readonly busyShare: number;
}

/** Processes that are alive: none outlives this one, even in the midst of a run. */
const alive = new Set<Subprocess>();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

const ENDED = 'a process of the load generator has ended';

class GeneratorProcess {
  private readonly child: Subprocess;
  private ended = false;
  private waiting: { done: (answer: GeneratorAnswer) => void; fail: (error: Error) => void } | null = null;

  constructor(core: number | undefined) {
    const command = [process.execPath, resolve(import.meta.dirname, 'generator-process.ts')];
    this.child = Bun.spawn(core === undefined ? command : ['taskset', '-c', String(core), ...command], {
      stdio: ['ignore', 'ignore', 'inherit'],
      serialization: 'json',
      ipc: (answer: GeneratorAnswer) => {
        const { waiting } = this;
        this.waiting = null;
        if (answer.kind === 'failed') waiting?.fail(new Error(answer.message));
        else waiting?.done(answer);
      },
      onExit: (child) => {
        alive.delete(child);
        this.ended = true;
        this.waiting?.fail(new Error(ENDED));
      },
    });
    alive.add(this.child);
  }

  ask(order: GeneratorOrder): Promise<GeneratorAnswer> {
    return new Promise((done, fail) => {
      if (this.ended) return fail(new Error(ENDED));
      this.waiting = { done, fail };
      this.child.send(order);
    });
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.child.exited;
  }
}

/** All generator processes. */
export class Generators {
  private readonly processes: readonly GeneratorProcess[];
  private loadCount = 0;

  /** One for each core; a single one, not pinned, where `cores` is empty. */
  constructor(cores: readonly number[]) {
    this.processes = (cores.length === 0 ? [undefined] : cores).map((core) => new GeneratorProcess(core));
  }

  get count(): number {
    return this.processes.length;
  }

  /** Opens the connections of a load, shared out among the processes. */
  async open(options: EngineOptions): Promise<Load> {
    const users = this.processes.slice(0, options.connections);
    const load = new Load(users, this.loadCount++, options);
    await load.open();
    return load;
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.stop()));
  }
}

/** The connections of one load to one server. One order at a time. */
export class Load {
  private readonly processes: readonly GeneratorProcess[];
  private readonly id: number;
  private readonly options: EngineOptions;

  constructor(processes: readonly GeneratorProcess[], id: number, options: EngineOptions) {
    this.processes = processes;
    this.id = id;
    this.options = options;
  }

  async open(): Promise<void> {
    const { connections, seed } = this.options;
    await this.ask((index) => {
      const share = shareOf(connections, index, this.processes.length);
      return { kind: 'open', load: this.id, options: { ...this.options, connections: share, seed: seed + index } };
    });
  }

  /** Writes each key once. */
  async fill(): Promise<void> {
    const { keyCount } = this.options;
    const count = this.processes.length;
    const bound = (index: number): number => Math.floor((keyCount * index) / count);
    await this.ask((index) => ({ kind: 'fill', load: this.id, from: bound(index), to: bound(index + 1) }));
  }

  /** As fast as replies come. */
  async runClosed(seconds: number): Promise<LoadFigures> {
    return addFigures(await this.ask(() => ({ kind: 'closed', load: this.id, seconds })));
  }

  /** So many requests a second on average, whatever the server does. */
  async runOpen(seconds: number, requestsPerSecond: number): Promise<LoadFigures> {
    const batchesPerSecond = requestsPerSecond / this.options.pipeline / this.processes.length;
    return addFigures(await this.ask(() => ({ kind: 'paced', load: this.id, seconds, batchesPerSecond })));
  }

  async close(): Promise<void> {
    await this.ask(() => ({ kind: 'close', load: this.id }));
  }

  private async ask(order: (index: number) => GeneratorOrder): Promise<RunFigures[]> {
    // All answers are awaited, also where one fails: nobody may be left at work.
    const settled = await Promise.allSettled(this.processes.map((one, index) => one.ask(order(index))));
    return settled.flatMap((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value.kind === 'figures' ? [one.value.figures] : [];
    });
  }
}

/** What part `index` of `parts` gets of `total`: alike, up to one. */
export function shareOf(total: number, index: number, parts: number): number {
  return Math.floor((total * (index + 1)) / parts) - Math.floor((total * index) / parts);
}

export function addFigures(all: readonly RunFigures[]): LoadFigures {
  const latencyNs = new Histogram();
  for (const one of all) latencyNs.addParts(one.latencyNs);
  const sum = (pick: (one: RunFigures) => number): number => all.reduce((total, one) => total + pick(one), 0);
  return {
    operations: sum((one) => one.operations),
    wallNs: Math.max(...all.map((one) => one.wallNs)),
    latencyNs,
    misses: sum((one) => one.misses),
    errors: sum((one) => one.errors),
    firstError: all.find((one) => one.firstError !== null)?.firstError ?? null,
    unsent: sum((one) => one.unsent),
    verifiedBatches: sum((one) => one.verifiedBatches),
    busyShare: Math.max(...all.map((one) => one.busyShare)),
  };
}
