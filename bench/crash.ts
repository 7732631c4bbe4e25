/**
 * kill -9 under load, for as long as one likes:
 *
 *     npm run crash-test -- [--rounds 500] [--seed 1] [--threads 2] [--folder DIR] [--lazyfs PROGRAM]
 *
 * Each round a node with `--fsync always` is killed at a random moment, started again on the same folder, and every confirmed write looked for.
 * With `--lazyfs` (the program of a build of LazyFS) each end is also a loss of power: what was not synced is gone.
 * Exits with 1 at the first that is lost or wrong; the folder is then left as it is. The moments are not the seed's: two runs differ.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCrashes } from '../test/support/crash/crash-run.ts';
import { LazyFolder } from '../test/support/crash/lazyfs.ts';

const REPORT_EVERY = 10;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    folder: { type: 'string' },
    lazyfs: { type: 'string' },
  },
});
await using lazy = values.lazyfs === undefined ? null : await LazyFolder.mount(values.lazyfs);
const folder = values.folder ?? (lazy === null ? mkdtempSync(join(tmpdir(), 'shoal-crash-')) : join(lazy.path, 'data'));
const startedAtMs = performance.now();

const { confirmedCount, problems } = await runCrashes({
  folder,
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  args: ['--fsync', 'always', '--threads', values.threads],
  ...(lazy === null ? {} : { betweenLives: () => lazy.cutPower() }),
  onRound(round, confirmed) {
    if (round % REPORT_EVERY !== 0) return;
    const seconds = Math.round((performance.now() - startedAtMs) / 1000);
    console.log(`${round} crashes, ${confirmed} writes confirmed, ${seconds} s`);
  },
});
for (const problem of problems) console.error(problem);
console.log(`${confirmedCount} writes confirmed, ${problems.length === 0 ? 'none lost' : `look into ${folder}`}`);
if (problems.length === 0 && values.folder === undefined) rmSync(folder, { recursive: true });
process.exitCode = problems.length === 0 ? 0 : 1;
