/** A few rounds of `npm run crash-test`. */
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildForNode } from '../../support/build.ts';
import { type CrashRunOptions, runCrashes } from '../../support/crash/crash-run.ts';

const ROUNDS = 5;

const ALWAYS = ['--fsync', 'always'];

test.each([
  ['kill -9', 'over epoll with two threads', { args: [...ALWAYS, '--threads', '2'] }],
  ['kill -9', 'over Bun.listen', { args: [...ALWAYS, '--threads', '2', '--transport', 'bun'] }],
  ['kill -9', 'over node:net', { args: ALWAYS, runtime: 'node' }],
  ['SIGTERM', 'with a log', { args: [], end: 'SIGTERM' }],
  ['SIGTERM', 'with snapshots', { args: ['--persistence', 'snapshot'], end: 'SIGTERM' }],
] as const)(
  '%s under load loses no confirmed write: %s',
  async (_signal, _name, options: Pick<CrashRunOptions, 'args' | 'runtime' | 'end'>) => {
    if (options.runtime === 'node') await buildForNode();
    const folder = mkdtempSync(join(tmpdir(), 'shoal-crash-'));
    try {
      const { problems, confirmedCount } = await runCrashes({ folder, rounds: ROUNDS, seed: 1, ...options });
      expect(problems).toEqual([]);
      expect(confirmedCount).toBeGreaterThan(ROUNDS);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  120_000,
);
