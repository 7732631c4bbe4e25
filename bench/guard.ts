/**
 * The guard of the request's cost: a short run beside the peers, whose ratios of server CPU are compared with those in
 * recorded-ratios.json. To be run before a change lands that may cost something, on a machine that does nothing else.
 *
 *   npm run bench:guard                 exits with 1 where a ratio got worse by more than chance explains
 *   npm run bench:guard -- --record     measures, and writes the ratios as those to compare with from now on
 *
 * Exits with 2 where nothing can be compared: no ratios are recorded, no peer is installed, an option is wrong.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import {
  confirm,
  guardedRatios,
  isFailure,
  judge,
  parseRecorded,
  TOLERANCE_SHARE_MAX,
  toleranceShare,
  verdictTable,
  type RecordedRatios,
} from './lib/guard-verdict.ts';
import { printTable, progress } from './lib/report.ts';
import { readRoster, type Roster } from './lib/roster.ts';
import type { Row } from './lib/rows.ts';
import { pinGenerator, PROJECT_ROOT } from './lib/servers.ts';
import { runWorkloads } from './lib/suite-run.ts';
import { selectWorkloads, type Workload } from './lib/workloads.ts';

const FILE = resolve(PROJECT_ROOT, 'bench/recorded-ratios.json');
const WORKLOADS = 'get,set,get-p32,set-p32,mix-1000';
const DEFAULT_ROUNDS = 7;
const TURN_SECONDS = 1;

const HELP = `Compares the server CPU of Shoal beside its peers with what is recorded in ${relative(PROJECT_ROOT, FILE)}.

  npm run bench:guard -- [--record] [--only NAMES] [--rounds N]

  --record     write the ratios instead of comparing them
  --only       workloads of the suite, with commas between (default ${WORKLOADS})
  --rounds N   turns of each server per workload (default ${DEFAULT_ROUNDS}, at least 3)
`;

class UsageError extends Error {}

interface GuardOptions {
  readonly record: boolean;
  readonly workloads: readonly Workload[];
  readonly rounds: number;
}

function readOptions(): GuardOptions | null {
  const { values } = parseArgs({
    options: {
      record: { type: 'boolean', default: false },
      only: { type: 'string', default: WORKLOADS },
      rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 3) {
    throw new UsageError(`--rounds: ${JSON.stringify(values.rounds)} is no whole number of 3 or more`);
  }
  const workloads = selectWorkloads(values.only, 'full').filter((one) => one.part === 'closed');
  if (workloads.length === 0) throw new UsageError('--only: the guard runs workloads of the part "closed"');
  return { record: values.record, workloads, rounds };
}

async function measure(roster: Roster, workloads: readonly Workload[], rounds: number): Promise<readonly Row[]> {
  const rows = await runWorkloads({
    workloads,
    entrants: roster.entrants,
    threadCounts: [1],
    coreCount: cores,
    rounds,
    seconds: TURN_SECONDS,
    pauseRounds: 0,
    pauseSecondsEach: 0,
    onProgress: progress,
    onRows: () => undefined,
  });
  const failed = rows.find((row) => row.failure !== null || row.errors > 0);
  if (failed === undefined) return rows;
  throw new Error(`${failed.workload} on ${failed.server}: ${failed.failure ?? failed.firstError}`);
}

async function compare(roster: Roster, { workloads, rounds }: GuardOptions): Promise<number> {
  const recorded = recordedFor(workloads, roster);
  let verdicts = judge(recorded, guardedRatios(await measure(roster, workloads, rounds)));
  const suspects = workloads.filter((one) =>
    verdicts.some((verdict) => verdict.workload === one.name && verdict.outcome === 'worse'),
  );
  if (suspects.length > 0) {
    console.log(`measuring again what looks worse: ${suspects.map((one) => one.name).join(', ')}`);
    verdicts = confirm(verdicts, judge(recorded, guardedRatios(await measure(roster, suspects, rounds))));
  }
  console.log(`recorded ${recorded.recordedAt} at ${recorded.commit} on ${recorded.machine}\n`);
  printTable(verdictTable(verdicts));
  const failures = verdicts.filter(isFailure).length;
  if (failures === 0) console.log('no ratio got worse');
  else console.log(`${failures} of ${verdicts.length} ratios got worse, or could not be measured`);
  return failures === 0 ? 0 : 1;
}

/** What is recorded of these workloads, beside the peers that are here. Throws a UsageError where that is nothing. */
function recordedFor(workloads: readonly Workload[], { entrants }: Roster): RecordedRatios {
  const name = relative(PROJECT_ROOT, FILE);
  if (!existsSync(FILE)) {
    throw new UsageError(
      `${name} is not there: record the ratios on a quiet machine with npm run bench:guard -- --record`,
    );
  }
  const recorded = parseRecorded(readFileSync(FILE, 'utf8'), name);
  const present = new Set(entrants.flatMap((one) => one.views.map((view) => view.name)));
  const ratios = recorded.ratios.filter(
    (one) => workloads.some((workload) => workload.name === one.workload) && present.has(one.peer),
  );
  if (ratios.length === 0)
    throw new UsageError(`${name} holds nothing of these workloads beside the peers that are installed`);
  return { ...recorded, ratios };
}

async function record(roster: Roster, { workloads, rounds }: GuardOptions): Promise<number> {
  const environment = readEnvironment(roster.entrants.map((one) => one.name));
  const ratios = guardedRatios(await measure(roster, workloads, rounds));
  const { startedAt, commit, machine, servers } = environment;
  const recorded: RecordedRatios = { recordedAt: startedAt, commit, machine, servers, rounds, ratios };
  printTable(verdictTable(judge(recorded, ratios)));
  const noisy = ratios.filter((one) => toleranceShare(one, rounds) > TOLERANCE_SHARE_MAX);
  if (noisy.length > 0) {
    const names = noisy.map((one) => `${one.workload} of ${one.server} beside ${one.peer}`).join(', ');
    console.log(
      `not recorded: the rounds differ too much for ${names}; repeat it on a quiet machine, or with more --rounds`,
    );
    return 1;
  }
  writeFileSync(FILE, `${JSON.stringify(recorded, null, 2)}\n`);
  console.log(`${ratios.length} ratios written to ${relative(PROJECT_ROOT, FILE)}`);
  return 0;
}

async function main(): Promise<number> {
  try {
    const options = readOptions();
    if (options === null) {
      console.log(HELP);
      return 0;
    }
    const roster = readRoster(undefined, []);
    for (const sentence of roster.missing) console.log(sentence);
    if (!roster.entrants.some((one) => one.name !== 'shoal')) throw new UsageError('there is no peer to compare with');
    if (!options.record) recordedFor(options.workloads, roster);
    pinGenerator();
    printEnvironment(readEnvironment(roster.entrants.map((one) => one.name)));
    return options.record ? await record(roster, options) : await compare(roster, options);
  } catch (error) {
    console.error((error as Error).message);
    return error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true
      ? 2
      : 1;
  }
}

const cores = availableParallelism();
process.exit(await main());
