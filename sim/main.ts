/**
 * Runs the simulation over many seeds:
 *
 *     npm run sim -- [--seed 1] [--runs 100] [--bug skipFence] [--keep 0,3] [--trace] [--json] [--histories FILE]
 *
 * Seeds are `--seed` and those that follow. At the first failure it makes the scenario shorter, prints the seed, the step and the last
 * events, and the command that replays it; then it goes on with the next seed, to FAILURES_SHOWN of them. Exits with 1 where any run failed.
 * `--keep` leaves out all other actions of the scenario, `--trace` prints the last events of a run that went well too,
 * `--histories` writes what clients were told to a file, for a checker that is not ours.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PLANTED_BUGS, type PlantedBug } from './bugs.ts';
import { historyLines } from './history-file.ts';
import { replayFailure, runSeed } from './run.ts';
import { describeAction } from './scenario.ts';
import type { SeedResult } from './seed-result.ts';

const FAILURES_SHOWN = 3;
const REPORT_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    bug: { type: 'string' },
    keep: { type: 'string' },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    histories: { type: 'string' },
  },
});

process.exitCode = main();

function main(): number {
  const firstSeed = wholeNumber('seed', values.seed);
  const runs = wholeNumber('runs', values.runs);
  const bug = plantedBug(values.bug);
  const keep = values.keep === undefined ? null : new Set(values.keep.split(',').filter(Boolean).map(Number));
  if (firstSeed === null || runs === null || bug === undefined) return 2;
  const startedAtMs = performance.now();
  let reportedAtMs = startedAtMs;
  const failed: SeedResult[] = [];
  const profiles = new Map<string, number>();
  let steps = 0;
  let virtualMs = 0;
  let answered = 0;
  const histories = values.histories === undefined ? null : openSync(values.histories, 'w');
  for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
    const result = runSeed({
      seed,
      bug,
      keep,
      trace: values.trace,
      onHistory: (history) => {
        if (histories !== null) writeSync(histories, historyLines(`seed ${seed}`, history));
      },
    });
    const { profile } = result.scenario;
    profiles.set(profile, (profiles.get(profile) ?? 0) + 1);
    steps += result.figures.steps;
    virtualMs += result.figures.virtualMs;
    answered += result.figures.answeredCount;
    if (values.trace && result.failure === null) console.log(result.trace.join('\n'));
    if (result.failure !== null) {
      failed.push(result);
      if (failed.length <= FAILURES_SHOWN) tell(result, bug, keep);
      else console.log(`seed ${seed}: ${result.failure.kind}: ${result.failure.message}`);
    }
    const nowMs = performance.now();
    if (nowMs - reportedAtMs < REPORT_EVERY_MS || values.json) continue;
    reportedAtMs = nowMs;
    console.log(`… ${seed - firstSeed + 1} of ${runs} runs, ${failed.length} failed`);
  }
  if (histories !== null) closeSync(histories);
  const seconds = (performance.now() - startedAtMs) / 1000;
  const summary = {
    firstSeed,
    runs,
    failed: failed.map(({ seed, failure }) => ({ seed, kind: failure!.kind })),
    profiles: Object.fromEntries(profiles),
    steps,
    virtualHours: Number((virtualMs / 3_600_000).toFixed(2)),
    answered,
    seconds: Number(seconds.toFixed(1)),
  };
  if (values.json) console.log(JSON.stringify(summary));
  else {
    const by = [...profiles].map(([profile, count]) => `${count} ${profile}`).join(', ');
    console.log(
      `${runs} runs from seed ${firstSeed} (${by}): ${failed.length} failed; ${steps} steps, ` +
        `${summary.virtualHours} h of cluster time, ${answered} answers, in ${summary.seconds} s`,
    );
  }
  return failed.length === 0 ? 0 : 1;
}

/** Prints a failure as people can follow it: the shortest scenario that still fails, and the way there. */
function tell(result: SeedResult, bug: PlantedBug | null, keep: ReadonlySet<number> | null): void {
  const replay = replayFailure(result, bug, keep);
  const { seed, scenario, failure, trace } = replay.shortest;
  const { profile, nodeCount, coordinatorCount, stateStore, clientCount, actions } = scenario;
  const numbers = actions.map(({ number }) => number).join(',');
  console.log(`
seed ${seed}: ${failure!.kind} at step ${failure!.step}, ${failure!.timeMs.toFixed(1)} ms: ${failure!.message}
${failure!.kind === 'crash' ? `${failure!.stack}\n` : ''}
${trace.join('\n')}

${profile}: ${nodeCount} nodes, ${coordinatorCount} coordinators on ${stateStore}, ${clientCount} clients; actions that are needed for it:
${actions.map(describeAction).join('\n')}
${replay.isExact ? '' : 'WARNING: the second run of this seed took another path than the first: the simulation is not deterministic\n'}
replay: npm run sim -- --seed ${seed} --keep ${numbers === '' ? '-' : numbers}${bug === null ? '' : ` --bug ${bug}`}
`);
}

function wholeNumber(name: string, text: string): number | null {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && text.trim() !== '') return value;
  console.error(`--${name} is a whole number, not ${text}`);
  return null;
}

function plantedBug(text: string | undefined): PlantedBug | null | undefined {
  if (text === undefined) return null;
  const bug = PLANTED_BUGS.find((name) => name === text);
  if (bug === undefined) console.error(`--bug is one of ${PLANTED_BUGS.join(', ')}, not ${text}`);
  return bug;
}
