/** The node inside a process, on both runtimes; see embedded-contract.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild, type ChildResult } from '../support/child-process.ts';
import { defineEmbeddedContract } from './embedded-contract.ts';
import { defineFakeTimerContract, defineUnderFake } from './fake-timer-contract.ts';

const RUN_MS_MAX = 60_000;
const RUNNER = join(import.meta.dirname, 'embedded-runner.ts');

describe.each(['node', 'bun'])('on %s', (runtime) => {
  let folder = '';
  const outcomes = new Map<string, string | null>();
  let child: ChildResult = { code: null, stdout: '', stderr: '' };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-embedded-'));
    let args = [RUNNER];
    if (runtime === 'node') {
      const built = await Bun.build({ entrypoints: [RUNNER], outdir: folder, naming: 'runner.mjs', target: 'node' });
      expect(built.success).toBe(true);
      // One of the fakes warns that it is experimental.
      args = ['--expose-gc', '--no-warnings', join(folder, 'runner.mjs')];
    }
    child = await runChild(runtime === 'bun' ? process.execPath : 'node', args, { deadlineMs: RUN_MS_MAX - 5000 });
    for (const line of child.stdout.split('\n')) {
      if (!line.startsWith('{')) continue;
      const outcome = JSON.parse(line) as { readonly name: string; readonly failure: string | null };
      outcomes.set(outcome.name, outcome.failure);
    }
  }, RUN_MS_MAX);

  afterAll(() => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  const reported = (name: string): void => {
    test(name, () => {
      const outcome = outcomes.has(name) ? outcomes.get(name) : `did not run\n${child.stderr}`;
      expect(outcome).toBeNull();
    });
  };
  defineEmbeddedContract(reported);
  defineFakeTimerContract(reported);
  if (runtime === 'node') defineUnderFake(reported, 'node:test', () => () => undefined);

  test('nothing is left that keeps the process, nor is anything complained of', () => {
    expect({ code: child.code, stderr: child.stderr }).toEqual({ code: 0, stderr: '' });
  });
});
