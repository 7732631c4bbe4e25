/**
 * A contract's cases on another runtime, or on another copy of the package: a runner (see case-runner.ts) is bundled into a folder of its own and run there; each
 * case is then a test of this run.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RUN_MS_MAX = 120_000;

export interface CaseRun {
  /** The runner's source. */
  readonly entry: string;
  readonly program: 'node' | 'bun';
  /** Names that the runner imports as an application does, and does not bundle. */
  readonly external?: readonly string[];
  /** The folder of the package `shoal` that those names find; called once, before the run. */
  readonly packageFolder?: () => Promise<string>;
}

/** Defines one test for each case that `define` names. */
export function defineCasesElsewhere(
  run: CaseRun,
  define: (test: (name: string, body: () => Promise<void>) => void) => void,
): void {
  const outcomes = new Map<string, string | null>();
  let log = '';
  let folder = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-cases-'));
    const external = [...(run.external ?? [])];
    const built = await Bun.build({
      entrypoints: [run.entry],
      outdir: folder,
      naming: 'runner.mjs',
      target: 'node',
      external,
    });
    expect(built.success).toBe(true);
    if (run.packageFolder !== undefined) {
      mkdirSync(join(folder, 'node_modules'));
      symlinkSync(await run.packageFolder(), join(folder, 'node_modules', 'shoal'));
    }
    const program = run.program === 'bun' ? process.execPath : 'node';
    const child = Bun.spawn([program, join(folder, 'runner.mjs')], {
      stdout: 'pipe',
      stderr: 'pipe',
      timeout: RUN_MS_MAX,
    });
    const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    log = errors;
    for (const line of output.split('\n')) {
      if (line === '') continue;
      const outcome: { name: string; failure: string | null } = JSON.parse(line);
      outcomes.set(outcome.name, outcome.failure);
    }
  }, RUN_MS_MAX);

  afterAll(() => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  define((name) =>
    test(name, () => {
      const outcome = outcomes.has(name) ? outcomes.get(name) : `did not run\n${log}`;
      expect(outcome).toBeNull();
    }));
}
