/**
 * The transport contract over `Bun.listen` and `node:net` on Bun, and over `node:net` on real Node.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BunTransport } from '../../src/io/bun-transport.ts';
import { NodeTransport } from '../../src/io/node-transport.ts';
import { defineTransportContract } from './transport-contract.ts';

/** Far above what a case takes, so that only an event that never comes reaches it. */
const CASE_MS_MAX = 20_000;
const NODE_RUN_MS_MAX = 120_000;

describe('Bun.listen on Bun', () => {
  defineTransportContract(
    (options) => new BunTransport(options),
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe('node:net on Bun', () => {
  defineTransportContract(
    (options) => new NodeTransport(options),
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe('node:net on Node', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-transport-'));
  const outcomes = new Map<string, string | null>();
  let log = '';

  beforeAll(async () => {
    const built = await Bun.build({
      entrypoints: [join(import.meta.dir, 'transport-node-runner.ts')],
      outdir: folder,
      naming: 'runner.mjs',
      target: 'node',
    });
    expect(built.success).toBe(true);
    const node = Bun.spawn(['node', join(folder, 'runner.mjs')], {
      stdout: 'pipe',
      stderr: 'pipe',
      timeout: NODE_RUN_MS_MAX,
    });
    const [output, errors] = await Promise.all([node.stdout.text(), node.stderr.text(), node.exited]);
    log = errors;
    for (const line of output.split('\n')) {
      if (line === '') continue;
      const outcome: { name: string; failure: string | null } = JSON.parse(line);
      outcomes.set(outcome.name, outcome.failure);
    }
  }, NODE_RUN_MS_MAX);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  defineTransportContract(
    (options) => new NodeTransport(options),
    (name) =>
      test(name, () => {
        const outcome = outcomes.has(name) ? outcomes.get(name) : `did not run\n${log}`;
        expect(outcome).toBeNull();
      }),
  );
});
