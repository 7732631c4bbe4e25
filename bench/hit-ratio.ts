/**
 * The store's hit ratio on recorded traces, beside the policies of the literature at the same number of objects.
 *
 * Each trace is replayed through the store itself (GET, on a miss SET) in a store that never holds more objects than
 * the policies were given: 1% and 10% of the trace's objects. Passed: at 10% no more than 0.5 points below S3-FIFO, at 1% not below LRU.
 * The columns LRU* and S3-FIFO* are our exact simulators, which show that the reference figures are understood.
 *
 *   bun bench/hit-ratio.ts --traces DIR [--json FILE]
 *
 * DIR holds NAME.txt.gz for each trace named below, one key a line in order of access: web07 and orm-busy-1m of cache2k's benchmark set,
 * multi3 and sprite of the LIRS paper, the sample of cloudPhysicsIO that libCacheSim brings. They are not part of the repository.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { printEnvironment, readEnvironment } from './lib/environment.ts';
import { LruSimulator, S3FifoSimulator } from './lib/policy-simulator.ts';
import { replayThroughPolicy, replayThroughStore, type AccessSequence } from './lib/replay.ts';
import { printTable, progress, rounded, writeJson } from './lib/report.ts';

const POLICIES = ['LRU', 'LFU', 'ARC', 'S3-FIFO', 'W-TinyLFU', 'SIEVE'] as const;
const POINTS_BELOW_S3_FIFO_MAX = 0.5;

interface Reference {
  readonly trace: string;
  /** Cache size as a share of the trace's objects. */
  readonly share: '1%' | '10%';
  /** The same in objects. */
  readonly capacity: number;
  /** Hit ratio in percent as libCacheSim computes it, in the order of POLICIES. */
  readonly ratios: readonly number[];
}

const REFERENCES: readonly Reference[] = [
  { trace: 'web07', share: '1%', capacity: 204, ratios: [39.15, 30.62, 41.91, 43.79, 39.04, 42.32] },
  { trace: 'web07', share: '10%', capacity: 2048, ratios: [55.66, 51.64, 58.06, 58.12, 56.04, 57.93] },
  { trace: 'orm-busy-1m', share: '1%', capacity: 441, ratios: [63.88, 11.01, 65.03, 65.27, 50.22, 63.74] },
  { trace: 'orm-busy-1m', share: '10%', capacity: 4417, ratios: [85.8, 51.99, 85.9, 86.93, 84.46, 85.95] },
  { trace: 'multi3', share: '1%', capacity: 74, ratios: [5.14, 6.82, 15.16, 14.81, 0, 7.58] },
  { trace: 'multi3', share: '10%', capacity: 745, ratios: [35.49, 37.35, 38.97, 45.28, 46.99, 37.35] },
  { trace: 'sprite', share: '1%', capacity: 70, ratios: [16.33, 5.58, 19.03, 21.24, 0, 19.29] },
  { trace: 'sprite', share: '10%', capacity: 707, ratios: [86.48, 44.95, 85.5, 86.14, 75.23, 81.52] },
  { trace: 'cloudPhysicsIO', share: '1%', capacity: 489, ratios: [16.2, 15.02, 17.25, 16.96, 15.18, 17.08] },
  { trace: 'cloudPhysicsIO', share: '10%', capacity: 4897, ratios: [19.51, 20.93, 22.72, 24.75, 22.14, 20.93] },
];

interface Result extends Reference {
  readonly requests: number;
  readonly shoal: number;
  readonly itemsMax: number;
  readonly required: number;
  readonly passed: boolean;
  readonly lruSimulated: number;
  readonly s3FifoSimulated: number;
}

/** The trace's accesses, its keys numbered in order of first use. */
function readTrace(path: string): AccessSequence {
  const numbers = new Map<string, number>();
  const lines = gunzipSync(readFileSync(path)).toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return Uint32Array.from(lines, (key) => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, numbers.size);
    return numbers.size - 1;
  });
}

function measure(reference: Reference, sequence: AccessSequence): Result {
  const percent = (hits: number): number => rounded((100 * hits) / sequence.length, 2);
  const { capacity, ratios } = reference;
  const figures = replayThroughStore(sequence, capacity);
  const shoal = percent(figures.hits);
  const required =
    reference.share === '10%'
      ? rounded((ratios[POLICIES.indexOf('S3-FIFO')] as number) - POINTS_BELOW_S3_FIFO_MAX, 2)
      : (ratios[POLICIES.indexOf('LRU')] as number);
  return {
    ...reference,
    requests: sequence.length,
    shoal,
    itemsMax: figures.itemsMax,
    required,
    passed: shoal >= required && figures.itemsMax <= capacity,
    lruSimulated: percent(replayThroughPolicy(sequence, new LruSimulator(capacity))),
    s3FifoSimulated: percent(replayThroughPolicy(sequence, new S3FifoSimulator(capacity))),
  };
}

const { values: options } = parseArgs({
  options: { traces: { type: 'string', default: 'traces' }, json: { type: 'string' } },
});
const folder = resolve(options.traces);
if (!existsSync(folder)) {
  console.error(`no folder of traces at ${folder}: name one with --traces (files NAME.txt.gz, one key a line)`);
  process.exit(2);
}
const environment = readEnvironment([]);
printEnvironment(environment);
const results: Result[] = [];
for (const trace of new Set(REFERENCES.map((reference) => reference.trace))) {
  const sequence = readTrace(resolve(folder, `${trace}.txt.gz`));
  for (const reference of REFERENCES) {
    if (reference.trace !== trace) continue;
    progress(`${trace} at ${reference.share}`);
    results.push(measure(reference, sequence));
  }
}
progress('');
const fixed = (ratio: number): string => ratio.toFixed(2);
printTable([
  ['trace', 'size', 'objects', 'held', 'Shoal', 'wanted', '', ...POLICIES, 'LRU*', 'S3-FIFO*'],
  ...results.map((one) => [
    one.trace,
    one.share,
    one.capacity,
    one.itemsMax,
    fixed(one.shoal),
    fixed(one.required),
    one.passed ? 'pass' : 'FAIL',
    ...one.ratios.map(fixed),
    fixed(one.lruSimulated),
    fixed(one.s3FifoSimulated),
  ]),
]);
console.log('hit ratio in percent; held: the most objects in the store at once; *: our exact simulators');
writeJson(options.json, { benchmark: 'hit-ratio', environment, policies: POLICIES, results });
process.exit(results.every((one) => one.passed) ? 0 : 1);
