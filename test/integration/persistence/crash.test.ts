/** A few rounds of `npm run crash-test`. */
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCrashes } from '../../support/crash/crash-run.ts';

const ROUNDS = 8;

test.each([
  ['one data thread', ['--threads', '1']],
  ['two', ['--threads', '2']],
])(
  'kill -9 under load loses no confirmed write: %s',
  async (_, args) => {
    const folder = mkdtempSync(join(tmpdir(), 'shoal-crash-'));
    try {
      const { problems, confirmedCount } = await runCrashes({ folder, rounds: ROUNDS, seed: 1, args });
      expect(problems).toEqual([]);
      expect(confirmedCount).toBeGreaterThan(ROUNDS);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  120_000,
);
