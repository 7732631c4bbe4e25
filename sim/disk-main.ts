/**
 * Runs data sets over many seeds, each over several lives of a process on a disk that fails and loses its power:
 *
 *     npm run sim:disk -- [--seed 1] [--runs 100] [--bug earlyDurable] [--json]
 *
 * Exits with 1 where any run failed. A seed that fails is run again by its number alone.
 */
import { parseArgs } from 'node:util';
import { DISK_BUGS, type DiskBug } from './disk-bugs.ts';
import { type DiskRunResult, runDisk } from './disk-run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    bug: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

process.exitCode = main();

function main(): number {
  const firstSeed = wholeNumber('seed', values.seed);
  const runs = wholeNumber('runs', values.runs);
  const bug = plantedBug(values.bug);
  if (firstSeed === null || runs === null || bug === undefined) return 2;
  const startedAtMs = performance.now();
  const sums: Record<string, number> = {};
  const failed: DiskRunResult[] = [];
  for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
    const result = runDisk(seed, bug);
    for (const [name, value] of Object.entries(result.figures)) sums[name] = (sums[name] ?? 0) + value;
    if (result.failure === null) continue;
    failed.push(result);
    const { kind, message, life } = result.failure;
    if (!values.json) console.log(`seed ${seed}, life ${life}: ${kind}: ${message}`);
  }
  const seconds = Number(((performance.now() - startedAtMs) / 1000).toFixed(1));
  const kinds = failed.map(({ seed, failure }) => ({ seed, kind: failure?.kind }));
  if (values.json) console.log(JSON.stringify({ firstSeed, runs, failed: kinds, ...sums, seconds }));
  else
    console.log(`${runs} runs from seed ${firstSeed}: ${failed.length} failed; ${figuresText(sums)}, in ${seconds} s`);
  return failed.length === 0 ? 0 : 1;
}

function figuresText(sums: Readonly<Record<string, number>>): string {
  const { lives = 0, changes = 0, snapshots = 0, failures = 0, lostCount = 0, cutTails = 0, diskCalls = 0 } = sums;
  return (
    `${lives} lives, ${changes} changes, ${snapshots} snapshots, ${failures} failed attempts, ${lostCount} overruns, ` +
    `${cutTails} tails cut, ${diskCalls} calls of the disk`
  );
}

function wholeNumber(name: string, text: string): number | null {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && text.trim() !== '') return value;
  console.error(`--${name} is a whole number, not ${text}`);
  return null;
}

function plantedBug(text: string | undefined): DiskBug | null | undefined {
  if (text === undefined) return null;
  const bug = DISK_BUGS.find((name) => name === text);
  if (bug === undefined) console.error(`--bug is one of ${DISK_BUGS.join(', ')}, not ${text}`);
  return bug;
}
