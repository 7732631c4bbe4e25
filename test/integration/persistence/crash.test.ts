/** A few rounds of `npm run crash-test`. */
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildForNode } from '../../support/build.ts';
import { runCrashes } from '../../support/crash/crash-run.ts';

const ROUNDS = 5;

test.each([
  ['over epoll with two threads', ['--threads', '2'], 'bun'],
  ['over Bun.listen', ['--threads', '2', '--transport', 'bun'], 'bun'],
  ['over node:net', [], 'node'],
] as const)(
  'kill -9 under load loses no confirmed write: %s',
  async (_, args, runtime) => {
    if (runtime === 'node') await buildForNode();
    const folder = mkdtempSync(join(tmpdir(), 'shoal-crash-'));
    try {
      const { problems, confirmedCount } = await runCrashes({ folder, rounds: ROUNDS, seed: 1, args, runtime });
      expect(problems).toEqual([]);
      expect(confirmedCount).toBeGreaterThan(ROUNDS);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  120_000,
);
