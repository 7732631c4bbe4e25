/**
 * The same measured by another's generator: redis-benchmark, on the servers that speak RESP, on the same cores, with the same keys and
 * values. Its throughput and latencies are its own figures; the server's CPU is read while it runs.
 */
import { Histogram } from '../../src/load/histogram.ts';
import { valuePattern } from '../../src/load/item-pattern.ts';
import type { Generators } from './generators.ts';
import { place } from './placement.ts';
import { cpuTimeUs, residentBytes } from './process-figures.ts';
import { hasProgram, startAll, stopAll, type Contestant, type Entrant } from './roster.ts';
import { summarize, type Measured, type Row, type Turn } from './rows.ts';
import { HOST } from './servers.ts';
import { engineOptions, fillOnce, rotated } from './turns.ts';
import type { Workload } from './workloads.ts';

const PROGRAM = 'redis-benchmark';
const INSTALL = 'apt-get install redis-tools';
/** What it puts a random number of so many digits in place of. */
const RANDOM_KEY = '__rand_int__';
const RANDOM_DIGITS = 12;
/** Requests of the run that tells how many a turn takes. */
const CALIBRATION_REQUESTS = 20_000;

export interface OpinionPlan {
  readonly workloads: readonly Workload[];
  readonly entrants: readonly Entrant[];
  readonly coreCount: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly onProgress: (text: string) => void;
  readonly onRows: (rows: readonly Row[]) => void;
}

/** Why there will be no second opinion, or null. */
export function opinionObstacle(): string | null {
  return hasProgram(PROGRAM) ? null : `${PROGRAM} is not installed, so there is no second opinion: ${INSTALL}`;
}

export async function runOpinions(plan: OpinionPlan, generators: Generators): Promise<readonly Row[]> {
  const [first] = plan.workloads;
  const entrants = plan.entrants.flatMap((one) => {
    const views = one.views.filter((view) => view.protocol === 'resp');
    return views.length === 0 ? [] : [{ ...one, views }];
  });
  if (first === undefined || entrants.length === 0) return [];
  const { serverCores } = place(plan.coreCount, 1);
  const core = serverCores.length === 0 ? undefined : serverCores.join(',');
  const { memoryBytes } = first.dataset;
  const { contestants, absent } = await startAll(entrants, { memoryBytes, atLimit: 'evict', core, threads: 1 });
  for (const { name, why } of absent) console.log(`no second opinion on ${name}: ${why}`);
  const rows: Row[] = [];
  try {
    for (const workload of plan.workloads) {
      for (const contestant of contestants) await fill(contestant, workload, generators);
      const measured = summarize(await measure(workload, contestants, plan));
      rows.push(...measured);
      plan.onProgress('');
      plan.onRows(measured);
    }
  } finally {
    await stopAll(contestants);
  }
  return rows;
}

async function fill(contestant: Contestant, workload: Workload, generators: Generators): Promise<void> {
  const load = await generators.open(engineOptions(workload, contestant));
  await fillOnce(contestant, workload.dataset, load);
  await load.close();
}

async function measure(
  workload: Workload,
  contestants: readonly Contestant[],
  plan: OpinionPlan,
): Promise<readonly Measured[]> {
  const runners = contestants.map((contestant) => ({
    contestant,
    turns: [] as Turn[],
    requests: CALIBRATION_REQUESTS,
    failure: null as string | null,
  }));
  for (let round = -1; round < plan.rounds; round += 1) {
    for (const runner of rotated(runners, Math.max(0, round))) {
      if (runner.failure !== null) continue;
      plan.onProgress(`${workload.name}: round ${round + 1} of ${plan.rounds}, ${runner.contestant.name}`);
      try {
        const turn = await takeTurn(runner.contestant, workload, runner.requests, round, plan.coreCount);
        if (round >= 0) runner.turns.push(turn);
        else runner.requests = Math.ceil(turn.requestsPerSecond * plan.seconds);
      } catch (error) {
        runner.failure = (error as Error).message;
      }
    }
  }
  return runners.map(({ contestant, turns, failure }) => ({
    workload,
    server: contestant.name,
    threads: 1,
    settings: '',
    turns,
    failure,
    offeredPerSecond: null,
    sharedCores: place(plan.coreCount, 1).shared,
  }));
}

async function takeTurn(
  { server }: Contestant,
  workload: Workload,
  requests: number,
  round: number,
  coreCount: number,
): Promise<Turn> {
  const command = [PROGRAM, ...benchmarkArguments(server.port, workload, requests)];
  const core = place(coreCount, 1).generatorCores[0];
  const before = cpuTimeUs(server.pid);
  const startedAt = performance.now();
  const { output, cpuUs } = await runToEnd(core === undefined ? command : ['taskset', '-c', String(core), ...command]);
  const wallUs = (performance.now() - startedAt) * 1000;
  const serverUs = cpuTimeUs(server.pid) - before;
  const figures = parseBenchmarkCsv(output);
  return {
    round,
    operations: requests,
    requestsPerSecond: figures.requestsPerSecond,
    serverCpuUsPerOperation: serverUs / requests,
    serverCpuShare: serverUs / wallUs,
    generatorCpuShare: cpuUs / wallUs,
    latencyUs: { p50: figures.p50Us, p99: figures.p99Us, p999: NaN },
    latencyNs: new Histogram(),
    residentBytes: residentBytes(server.pid),
    misses: 0,
    errors: 0,
    firstError: null,
    unsent: 0,
  };
}

/** Our own keys: a run of zeros, and digits of a random number. */
export function benchmarkArguments(port: number, workload: Workload, requests: number): readonly string[] {
  const { dataset, connections, pipeline, readShare } = workload;
  const key = '0'.repeat(dataset.keyBytes - RANDOM_DIGITS) + RANDOM_KEY;
  const value = valuePattern(dataset.valueBytes).toString('latin1');
  const load = [
    '-n',
    String(requests),
    '-c',
    String(connections),
    '-P',
    String(pipeline),
    '-r',
    String(dataset.keyCount),
  ];
  // For a command of our own the size of the data, -d, is that of the value that it names.
  const request = readShare === 1 ? ['GET', key] : ['SET', key, value];
  return ['-h', HOST, '-p', String(port), ...load, '--csv', ...request];
}

export interface BenchmarkFigures {
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Reads the last line of its CSV: the name of the test, requests a second, and latencies in ms. Throws where there is none. */
export function parseBenchmarkCsv(output: string): BenchmarkFigures {
  const lines = output.trim().split('\n');
  const cells = (lines.at(-1) ?? '').split('","').map((cell) => cell.replaceAll('"', ''));
  const [requestsPerSecond, , , p50Ms, , p99Ms] = cells.slice(-7).map(Number);
  if (cells.length < 8 || ![requestsPerSecond, p50Ms, p99Ms].every((one) => Number.isFinite(one))) {
    throw new Error(`${PROGRAM} printed no figures: ${JSON.stringify(output.slice(-200))}`);
  }
  return { requestsPerSecond: requestsPerSecond!, p50Us: p50Ms! * 1000, p99Us: p99Ms! * 1000 };
}

/** What it printed, and its CPU time. Rejects where it fails. */
async function runToEnd(words: readonly string[]): Promise<{ output: string; cpuUs: number }> {
  const child = Bun.spawn([...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  if (code !== 0) throw new Error(`${PROGRAM} ended with ${code}: ${errors.trim().slice(-400)}`);
  return { output, cpuUs: Number(child.resourceUsage()?.cpuTime.total ?? NaN) };
}
