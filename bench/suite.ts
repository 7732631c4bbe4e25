/**
 * The benchmark suite: Shoal beside its peers, all measured in one run on the same cores, in turns. What is measured, and how to read
 * it, is in docs/BENCHMARKS.md.
 *
 *   npm run bench -- [--quick] [--only NAMES] [--peer NAME=COMMAND:PORT:PROTOCOL] [--json FILE]   (--help tells all)
 *
 * Exits with 1 where a server failed or answered wrongly, and with 2 where an option is wrong.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { Generators } from './lib/generators.ts';
import { measureMemory, type MemoryFigures } from './lib/memory-part.ts';
import { describePlacement, place } from './lib/placement.ts';
import { printTable, progress, writeJson } from './lib/report.ts';
import { readRoster, type Roster } from './lib/roster.ts';
import type { Row } from './lib/rows.ts';
import { opinionObstacle, runOpinions } from './lib/second-opinion.ts';
import { pinGenerator } from './lib/servers.ts';
import { markdownOf, type SuiteResult } from './lib/suite-markdown.ts';
import { writeCharts } from './lib/suite-charts.ts';
import { PAUSE_SEGMENTS, readSuiteOptions, SUITE_HELP, type SuiteOptions } from './lib/suite-options.ts';
import { runWorkloads } from './lib/suite-run.ts';
import { headingOf, tableOf } from './lib/suite-tables.ts';
import { WORKLOADS } from './lib/workloads.ts';

async function main(): Promise<number> {
  const coreCount = availableParallelism();
  let options: SuiteOptions;
  let roster: Roster;
  try {
    const read = readSuiteOptions(process.argv.slice(2), coreCount);
    if (typeof read === 'string') {
      console.log(
        read === 'help' ? SUITE_HELP : WORKLOADS.map((one) => `${one.name.padEnd(22)}${one.title}`).join('\n'),
      );
      return 0;
    }
    options = read;
    roster = readRoster(options.servers, options.peers);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  for (const sentence of roster.missing) console.log(sentence);
  pinGenerator();
  const environment = describeRun(roster, coreCount);
  printEnvironment(environment);
  console.log(
    `${options.rounds} ${options.rounds === 1 ? 'round' : 'rounds'} of ${options.seconds} s, medians; ratios are Shoal's figure by the peer's, round by round\n`,
  );

  const rows = await runWorkloads({
    workloads: options.workloads,
    entrants: roster.entrants,
    threadCounts: options.threadCounts,
    coreCount,
    rounds: options.rounds,
    seconds: options.seconds,
    pauseRounds: PAUSE_SEGMENTS,
    pauseSecondsEach: options.pauseSeconds / PAUSE_SEGMENTS,
    onProgress: progress,
    onRows: printRows,
  });
  const opinions = await secondOpinion(options, roster, coreCount);
  progress('');
  const memory = await memoryFigures(options, roster);
  const result: SuiteResult = { command: options.command, environment, rows: [...rows, ...opinions], memory };
  writeJson(options.json, { benchmark: 'suite', ...result });
  if (options.markdown !== undefined) {
    writeFileSync(options.markdown, markdownOf(result));
    console.log(`Markdown written to ${options.markdown}`);
  }
  if (options.charts !== undefined) {
    const names = writeCharts(options.charts, result);
    console.log(`charts written to ${options.charts}: ${names.join(', ') || 'none, nothing of them was measured'}`);
  }
  return result.rows.some((row) => row.failure !== null || row.errors > 0) ? 1 : 0;
}

async function secondOpinion(options: SuiteOptions, roster: Roster, coreCount: number): Promise<readonly Row[]> {
  const workloads = options.workloads.filter((one) => one.part === 'opinion');
  if (workloads.length === 0) return [];
  const obstacle = opinionObstacle();
  if (obstacle !== null) {
    console.log(obstacle);
    return [];
  }
  const generators = new Generators(place(coreCount, 1).generatorCores);
  try {
    const { rounds, seconds } = options;
    const plan = { workloads, entrants: roster.entrants, coreCount, rounds, seconds, onProgress: progress };
    return await runOpinions({ ...plan, onRows: printRows }, generators);
  } finally {
    await generators.stop();
  }
}

async function memoryFigures(options: SuiteOptions, roster: Roster): Promise<readonly MemoryFigures[]> {
  if (!options.workloads.some((one) => one.part === 'memory')) return [];
  const names = roster.entrants.filter((one) => one.description === null).map((one) => one.name);
  return names.length === 0 ? [] : measureMemory(names);
}

function describeRun({ entrants }: Roster, coreCount: number) {
  const builtIn = entrants.filter((one) => one.description === null).map((one) => one.name);
  const environment = readEnvironment(builtIn);
  const others = entrants.flatMap((one) => (one.description === null ? [] : [[one.name, one.description] as const]));
  return {
    ...environment,
    servers: { ...environment.servers, ...Object.fromEntries(others) },
    pinning: describePlacement(place(coreCount, 1)),
  };
}

function printRows(rows: readonly Row[]): void {
  console.log(headingOf(rows));
  printTable(tableOf(rows));
}

process.exit(await main());
