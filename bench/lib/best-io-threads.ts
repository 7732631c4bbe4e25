/** How many io-threads make redis fastest on so many cores: each choice has its turns in a workload. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Generators } from './generators.ts';
import { type Contestant, stopAll } from './roster.ts';
import { type ServerOptions, startServer } from './servers.ts';
import { median } from './statistics.ts';
import { measureWorkload, type TurnOptions } from './turns.ts';
import type { Workload } from './workloads.ts';

const ROUNDS = 3;
const SECONDS = 1;

export interface IoThreadsTrial {
  /** Cores that the server has. */
  readonly threads: number;
  readonly workload: Workload;
  readonly generators: Generators;
  readonly onProgress: (text: string) => void;
  readonly beside?: TurnOptions['beside'];
}

/** 1 where redis does not start, which is told where it is to take part. What is kept on disk gets a folder for each choice below the given one. */
export async function bestIoThreads(trial: IoThreadsTrial, options: ServerOptions): Promise<number> {
  const { threads, workload, generators, onProgress, beside } = trial;
  const { persistence } = options;
  const choices = ioThreadChoices(threads);
  const contestants: Contestant[] = [];
  const nameOf = (ioThreads: number): string => `redis with io-threads ${ioThreads}`;
  try {
    for (const ioThreads of choices) {
      const kept = persistence && { ...persistence, folder: join(persistence.folder, `io-threads-${ioThreads}`) };
      if (kept) mkdirSync(kept.folder, { recursive: true });
      const server = await startServer('redis', { ...options, ioThreads, ...(kept && { persistence: kept }) });
      contestants.push({ name: nameOf(ioThreads), protocol: 'resp', server });
    }
    const turns: TurnOptions = {
      threads,
      settings: {},
      sharedCores: false,
      onProgress,
      rounds: ROUNDS,
      seconds: SECONDS,
      ...(beside && { beside }),
    };
    const measured = await measureWorkload(workload, contestants, generators, turns);
    const throughput = (ioThreads: number): number => {
      const own = measured.find((one) => one.server === nameOf(ioThreads))?.turns ?? [];
      return own.length === 0 ? 0 : median(own.map((turn) => turn.requestsPerSecond));
    };
    return choices.reduce((best, one) => (throughput(one) > throughput(best) ? one : best));
  } catch {
    return 1;
  } finally {
    await stopAll(contestants);
  }
}

/** From none beside its own thread to one for each core: powers of two, and one less than the cores. */
export function ioThreadChoices(threads: number): readonly number[] {
  const choices = new Set([threads, Math.max(1, threads - 1)]);
  for (let count = 1; count < threads; count *= 2) choices.add(count);
  return [...choices].toSorted((a, b) => a - b);
}
