/**
 * Runs the selected workloads: starts the servers once for each set of data and number of threads, all of them at once, and lets them take
 * turns. A workload that fails on one server is told in its row; the others go on.
 */
import { bestIoThreads } from './best-io-threads.ts';
import { Generators } from './generators.ts';
import { coreList, place, type Placement } from './placement.ts';
import { startAll, stopAll, type Entrant } from './roster.ts';
import { summarize, type Row } from './rows.ts';
import { absentee, measureWorkload, type TurnOptions } from './turns.ts';
import type { Dataset, Part, Workload } from './workloads.ts';

export interface RunPlan {
  readonly workloads: readonly Workload[];
  readonly entrants: readonly Entrant[];
  readonly threadCounts: readonly number[];
  readonly coreCount: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly pauseRounds: number;
  readonly pauseSecondsEach: number;
  readonly onProgress: (text: string) => void;
  /** The rows of each workload as soon as they are there. */
  readonly onRows: (rows: readonly Row[]) => void;
}

/** Parts that this file runs; the others do not use our generator. */
const LOAD_PARTS: ReadonlySet<Part> = new Set<Part>(['closed', 'threads', 'equal', 'pause']);

const NONE: Readonly<Record<string, string>> = {};

/** Servers that are started together and filled with the same data. */
interface Stage {
  readonly dataset: Dataset;
  readonly threads: number;
  readonly workloads: readonly Workload[];
}

export async function runWorkloads(plan: RunPlan): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const stage of stagesOf(plan.workloads, plan.threadCounts)) {
    const placement = place(plan.coreCount, stage.threads);
    const generators = new Generators(placement.generatorCores);
    try {
      rows.push(...(await runStage(plan, stage, placement, generators)));
    } finally {
      await generators.stop();
    }
  }
  return rows;
}

export function stagesOf(workloads: readonly Workload[], threadCounts: readonly number[]): readonly Stage[] {
  const loads = workloads.filter((one) => LOAD_PARTS.has(one.part));
  const single = loads.filter((one) => one.part !== 'threads');
  const threaded = loads.filter((one) => one.part === 'threads');
  const datasets = (some: readonly Workload[]): readonly Dataset[] => [...new Set(some.map((one) => one.dataset))];
  return [
    ...datasets(single).map((dataset) => ({
      dataset,
      threads: 1,
      workloads: single.filter((one) => one.dataset === dataset),
    })),
    ...threadCounts.flatMap((threads) =>
      datasets(threaded).map((dataset) => ({
        dataset,
        threads,
        workloads: threaded.filter((one) => one.dataset === dataset),
      })),
    ),
  ];
}

async function runStage(
  plan: RunPlan,
  { dataset, threads, workloads }: Stage,
  placement: Placement,
  generators: Generators,
): Promise<readonly Row[]> {
  const common = {
    memoryBytes: dataset.memoryBytes,
    atLimit: 'evict' as const,
    core: coreList(placement.serverCores),
    threads,
  };
  const ioThreads =
    threads > 1 && plan.entrants.some((one) => one.name === 'redis')
      ? await bestIoThreads(
          { threads, workload: workloads[0] as Workload, generators, onProgress: plan.onProgress },
          common,
        )
      : 1;
  plan.onProgress(`starting ${plan.entrants.map((one) => one.name).join(', ')}`);
  const { contestants, absent } = await startAll(plan.entrants, { ...common, ioThreads });
  const rows: Row[] = [];
  try {
    for (const workload of workloads) {
      const isPause = workload.part === 'pause';
      const options: TurnOptions = {
        rounds: isPause ? plan.pauseRounds : plan.rounds,
        seconds: isPause ? plan.pauseSecondsEach : plan.seconds,
        threads,
        settings: threads > 1 ? { redis: `io-threads ${ioThreads}` } : NONE,
        sharedCores: placement.shared,
        onProgress: plan.onProgress,
      };
      const missing = absent.map((one) => absentee(workload, one, options));
      const measured = summarize([...(await measureWorkload(workload, contestants, generators, options)), ...missing]);
      rows.push(...measured);
      plan.onProgress('');
      plan.onRows(measured);
    }
  } finally {
    await stopAll(contestants);
  }
  return rows;
}
