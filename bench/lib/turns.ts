/**
 * Servers take turns: in each round all of them run the workload once, and the order moves on by one from round to round, so that
 * drift of the machine, and what the last one left behind, hit all alike.
 */
import { calmDown } from './calm.ts';
import type { Generators, Load, LoadFigures } from './generators.ts';
import type { EngineOptions } from './load-engine.ts';
import { cpuTimeUs, residentBytes } from './process-figures.ts';
import type { Absentee, Contestant } from './roster.ts';
import type { Measured, Turn } from './rows.ts';
import type { RunningServer } from './servers.ts';
import { median } from './statistics.ts';
import { ZIPF_EXPONENT, type Dataset, type Workload } from './workloads.ts';

const WARM_SECONDS = 0.4;
const SEED = 20_260;
/** Of the peak of the slowest server, what the open loops offer. */
const EQUAL_LOAD_SHARE = 0.8;
const PAUSE_LOAD_SHARE = 0.5;
/** Turns from which a peak is taken. */
const PEAK_ROUNDS = 3;

export interface TurnOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly threads: number;
  /** Settings of servers that were chosen by trying, by name. */
  readonly settings: Readonly<Record<string, string>>;
  readonly sharedCores: boolean;
  readonly onProgress: (text: string) => void;
  /** What goes on at the server while it has its turn; resolves once that has ended. */
  readonly beside?: (server: RunningServer, turnEnds: Promise<unknown>) => Promise<void>;
}

/** The order of the turns in `round`. */
export function rotated<T>(values: readonly T[], round: number): readonly T[] {
  const by = values.length === 0 ? 0 : round % values.length;
  return [...values.slice(by), ...values.slice(0, by)];
}

/** A server in a workload, with its connections. */
interface Runner {
  readonly contestant: Contestant;
  readonly load: Load;
  readonly turns: Turn[];
  failure: string | null;
}

/** Runs `workload` on all contestants, in the way that its part wants. */
export async function measureWorkload(
  workload: Workload,
  contestants: readonly Contestant[],
  generators: Generators,
  options: TurnOptions,
): Promise<readonly Measured[]> {
  const { onProgress, seconds } = options;
  const runners: Runner[] = [];
  const failed: Measured[] = [];
  for (const contestant of contestants) {
    onProgress(`${workload.name}: ${contestant.name} warms up`);
    try {
      const load = await generators.open(engineOptions(workload, contestant));
      await fillOnce(contestant, workload.dataset, load);
      await load.runClosed(WARM_SECONDS);
      await calmDown(contestant);
      runners.push({ contestant, load, turns: [], failure: null });
    } catch (error) {
      failed.push(absentee(workload, { name: contestant.name, why: messageOf(error) }, options));
    }
  }
  let offeredPerSecond: number | null = null;
  let run = (load: Load): Promise<LoadFigures> => load.runClosed(seconds);
  if (workload.part === 'equal' || workload.part === 'pause') {
    const share = workload.part === 'equal' ? EQUAL_LOAD_SHARE : PAUSE_LOAD_SHARE;
    const peak = await slowestPeak(workload, runners, options);
    const rate = share * peak;
    offeredPerSecond = peak === 0 ? null : Math.round(rate);
    run = (load) => load.runOpen(seconds, rate);
  }
  await takeRounds(workload, runners, options, options.rounds, run);
  // What cannot be closed any more is lost already, and said so in its row.
  for (const { load } of runners) await load.close().catch(() => undefined);
  return [...runners.map((one) => measured(workload, one, one.contestant.name, offeredPerSecond, options)), ...failed];
}

/** Requests a second of the server that is slowest at its peak; 0 where all of them failed. */
async function slowestPeak(workload: Workload, runners: readonly Runner[], options: TurnOptions): Promise<number> {
  // A peak needs no minutes, however long the turns are.
  const seconds = Math.min(2, options.seconds);
  await takeRounds(workload, runners, options, PEAK_ROUNDS, (load) => load.runClosed(seconds));
  // These turns are no part of the row, of whoever failed meanwhile neither.
  const peaks = runners.flatMap((one) => {
    const turns = one.turns.splice(0);
    return one.failure === null ? [median(turns.map((turn) => turn.requestsPerSecond))] : [];
  });
  return peaks.length === 0 ? 0 : Math.min(...peaks);
}

async function takeRounds(
  workload: Workload,
  runners: readonly Runner[],
  options: TurnOptions,
  rounds: number,
  run: (load: Load) => Promise<LoadFigures>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const runner of rotated(runners, round)) {
      if (runner.failure !== null) continue;
      options.onProgress(`${workload.name}: round ${round + 1} of ${rounds}, ${runner.contestant.name}`);
      try {
        const turn = takeTurn(runner, round, run);
        const [taken] = await Promise.all([turn, options.beside?.(runner.contestant.server, turn)]);
        runner.turns.push(taken);
      } catch (error) {
        runner.failure = messageOf(error);
      }
      await calmDown(runner.contestant);
    }
  }
}

async function takeTurn(
  { contestant, load }: Runner,
  round: number,
  run: (load: Load) => Promise<LoadFigures>,
): Promise<Turn> {
  const { pid } = contestant.server;
  const before = cpuTimeUs(pid);
  const figures = await run(load);
  const serverUs = cpuTimeUs(pid) - before;
  const { latencyNs, operations, wallNs } = figures;
  const latencyUs = (fraction: number): number => latencyNs.quantile(fraction) / 1000;
  return {
    round,
    operations,
    requestsPerSecond: (operations / wallNs) * 1e9,
    serverCpuUsPerOperation: serverUs / operations,
    serverCpuShare: (serverUs * 1000) / wallNs,
    generatorCpuShare: figures.busyShare,
    latencyUs: { p50: latencyUs(0.5), p99: latencyUs(0.99), p999: latencyUs(0.999) },
    latencyNs,
    residentBytes: residentBytes(pid),
    misses: figures.misses,
    errors: figures.errors,
    firstError: figures.firstError,
    unsent: figures.unsent,
  };
}

const filled = new WeakMap<object, Dataset>();

/** Fills the server, once for all workloads on the same data. */
export async function fillOnce({ server }: Contestant, dataset: Dataset, load: Load): Promise<void> {
  if (filled.get(server) === dataset) return;
  await load.fill();
  filled.set(server, dataset);
}

/** How our generator runs `workload` on the contestant. */
export function engineOptions(workload: Workload, { server, protocol }: Contestant): EngineOptions {
  const { dataset, distribution, readShare, pipeline, connections } = workload;
  return {
    port: server.port,
    protocol,
    shape: { keyBytes: dataset.keyBytes, valueBytes: dataset.valueBytes },
    keyCount: dataset.keyCount,
    zipfExponent: distribution === 'zipf' ? ZIPF_EXPONENT : null,
    readShare,
    pipeline,
    connections,
    allowMisses: !dataset.fits,
    seed: SEED,
  };
}

/** The row of a server that had no turn in the workload. */
export function absentee(workload: Workload, { name, why }: Absentee, options: TurnOptions): Measured {
  return measured(workload, { turns: [], failure: why }, name, null, options);
}

function measured(
  workload: Workload,
  { turns, failure }: Pick<Runner, 'turns' | 'failure'>,
  server: string,
  offeredPerSecond: number | null,
  { threads, sharedCores, settings }: TurnOptions,
): Measured {
  const tried = settings[server] ?? '';
  return { workload, server, threads, settings: tried, turns, failure, offeredPerSecond, sharedCores };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
