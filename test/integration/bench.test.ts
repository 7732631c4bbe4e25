/** `shoal bench` as people run it, on both runtimes, against real servers: the node, redis-server and memcached. */
import { beforeAll, describe, expect, test } from 'bun:test';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../../bench/lib/servers.ts';
import type { BenchResult } from '../../src/cli/bench-result.ts';
import { buildForNode } from '../support/build.ts';
import { startNode } from '../support/node.ts';
import { freePort, pathOf, REDIS_INSTALL_HINT, redisServerPath, startRedisServer } from '../support/redis-server.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../support/shoal-process.ts';

const BUILD_TIMEOUT_MS = 60_000;
/** Only a failing test waits this long. */
const RUN_MS_MAX = 25_000;

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** A `shoal bench` that runs; it is killed in any case when its time is over. */
class BenchProcess {
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown[]>;
  private out = '';
  private error = '';
  private onError: () => void = () => undefined;

  constructor(runtime: string, args: readonly string[]) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SHOAL_'));
    this.child = spawn(join(REPOSITORY_ROOT, 'bin', 'shoal'), ['bench', ...args], {
      env: { ...Object.fromEntries(inherited), SHOAL_RUNTIME: runtime },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => this.child.kill('SIGKILL'), RUN_MS_MAX);
    this.closed = once(this.child, 'close').finally(() => clearTimeout(timer));
    this.child.stdout?.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.error += chunk.toString();
      this.onError();
    });
  }

  /** Resolves once stderr contains `text`; rejects where the process ends first. */
  async said(text: string): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.onError = () => {
        if (this.error.includes(text)) resolve();
      };
      this.onError();
    });
    const ended = this.closed.then(() => {
      if (!this.error.includes(text)) throw new Error(`bench ended before "${text}":\n${this.out}${this.error}`);
    });
    await Promise.race([seen, ended]);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async finished(): Promise<Finished> {
    const [code] = await this.closed;
    return { code: code as number | null, out: this.out, error: this.error };
  }
}

function bench(runtime: string, port: number, ...args: readonly string[]): Promise<Finished> {
  return new BenchProcess(runtime, ['--port', String(port), ...args]).finished();
}

function resultOf({ out, error }: Finished): BenchResult {
  try {
    return JSON.parse(out) as BenchResult;
  } catch (cause) {
    throw new Error(`this is no JSON: ${out}${error}`, { cause });
  }
}

const SMALL = ['--operations', '5000', '--keys', '500', '--connections', '7', '--json', '--quiet'] as const;

describe.each(['bun', 'node'])('on %s', (runtime) => {
  beforeAll(async () => {
    if (runtime === 'node') await buildForNode();
  }, BUILD_TIMEOUT_MS);

  test.each(['resp', 'shoal'])(
    'a node, over %s: every operation counted, every read a hit',
    async (protocol) => {
      await using node = await startNode();
      const finished = await bench(runtime, node.port, ...SMALL, '--protocol', protocol, '--pipeline', '3');
      const result = resultOf(finished);
      expect(finished).toMatchObject({ code: 0, error: '' });
      expect(result).toMatchObject({
        outcome: 'complete',
        operationCount: 5000,
        errors: { count: 0, byKind: [] },
        connections: { lostCount: 0, reconnectCount: 0, failedCount: 0 },
        preload: { operationCount: 500, errors: { count: 0 } },
        configuration: { protocol, connectionCount: 7, pipelineDepth: 3 },
      });
      expect(result.reads.count + result.writes.count).toBe(5000);
      expect(result.reads).toMatchObject({ hitCount: result.reads.count, missCount: 0, hitRatio: 1 });
      expect(result.versions.runtime).toStartWith(runtime);
      expect(result.versions.server).toStartWith('shoal ');
      expect(result.comparedValueCount).toBeGreaterThan(10);
      expect(result.reads.latency!.p50Ms).toBeLessThanOrEqual(result.reads.latency!.maxMs);
    },
    RUN_MS_MAX,
  );

  test(
    'sizes from one byte to a megabyte, over both protocols',
    async () => {
      await using node = await startNode({ memoryBytes: 256 * 1024 * 1024 });
      for (const protocol of ['resp', 'shoal']) {
        const args = ['--operations', '300', '--keys', '20', '--value-size', '1-1mb', '--json', '--quiet'];
        const finished = await bench(runtime, node.port, ...args, '--protocol', protocol, '--pipeline', '4');
        expect(resultOf(finished)).toMatchObject({ operationCount: 300, errors: { count: 0 }, reads: { hitRatio: 1 } });
        expect(finished.code).toBe(0);
      }
    },
    RUN_MS_MAX,
  );

  test(
    'without a preload reads miss, and that is no error',
    async () => {
      await using node = await startNode();
      const finished = await bench(runtime, node.port, ...SMALL, '--preload', 'none', '--reads', '100');
      expect(resultOf(finished)).toMatchObject({
        preload: null,
        reads: { count: 5000, hitCount: 0, missCount: 5000, hitRatio: 0 },
        writes: { count: 0, latency: null },
      });
      expect(finished.code).toBe(0);
    },
    RUN_MS_MAX,
  );

  test(
    'an open loop ends in its time',
    async () => {
      await using node = await startNode();
      const args = [
        '--keys',
        '100',
        '--rate',
        '2000',
        '--duration',
        '500ms',
        '--json',
        '--quiet',
        '--distribution',
        'zipf',
      ];
      const result = resultOf(await bench(runtime, node.port, ...args, '--connections', '50'));
      const { operationCount, openLoop } = result;
      expect(operationCount + openLoop!.overdueCount).toBe(1000);
      expect(result.errors.count).toBe(0);
      expect(openLoop!.offeredPerSecond).toBe(2000);
    },
    RUN_MS_MAX,
  );

  test(
    'the server dies: lost operations are counted, and the run ends',
    async () => {
      await using server = new ShoalProcess(['serve', '--port', '0', '--memory', '64mb']);
      const port = await server.ready();
      const args = ['--port', String(port), '--keys', '100', '--duration', '10m', '--connections', '20', '--json'];
      const running = new BenchProcess(runtime, args);
      await running.said('measuring…');
      server.kill('SIGKILL');
      const finished = await running.finished();
      const result = resultOf(finished);
      expect(finished.code).toBe(1);
      expect(result).toMatchObject({ outcome: 'connectionsLost', connections: { lostCount: 20, reconnectCount: 0 } });
      expect(result.errors.count).toBe(result.reads.errorCount + result.writes.errorCount);
      expect(result.errors.count).toBeLessThanOrEqual(20);
      expect(result.connections.failedCount).toBe(100);
    },
    RUN_MS_MAX,
  );

  test(
    'Ctrl-C prints what was measured so far',
    async () => {
      await using node = await startNode();
      const running = new BenchProcess(runtime, ['--port', String(node.port), '--keys', '100', '--duration', '10m']);
      await running.said('measuring…');
      running.kill('SIGINT');
      const { code, out, error } = await running.finished();
      expect(code).toBe(130);
      expect(out).toContain('Interrupted: ');
      expect(error).toBe('shoal: writing every key once…\nshoal: measuring…\n');
    },
    RUN_MS_MAX,
  );

  test(
    'a password: needed, wrong, right',
    async () => {
      await using node = await startNode({ password: 'right' });
      for (const protocol of ['resp', 'shoal']) {
        const run = (...args: string[]): Promise<Finished> =>
          bench(runtime, node.port, ...SMALL, '--protocol', protocol, ...args);
        for (const args of [[], ['--password', 'wrong']]) {
          const { code, out, error } = await run(...args);
          expect([code, out]).toEqual([1, '']);
          expect(error).toMatch(/^shoal: cannot connect to 127\.0\.0\.1:\d+: the server refused the connection: .+\n$/);
        }
        expect((await run('--password', 'right')).code).toBe(0);
      }
    },
    RUN_MS_MAX,
  );

  test(
    'nobody listens, or somebody else does: one line, and exit code 1',
    async () => {
      const nobody = await bench(runtime, await freePort(), ...SMALL);
      expect(nobody.code).toBe(1);
      expect(nobody.error).toMatch(/^shoal: cannot connect to \S+: nobody listens there; [^\n]+\n$/);
      await using node = await startNode();
      const other = await bench(runtime, node.port, ...SMALL, '--protocol', 'memcached');
      expect(other.code).toBe(1);
      expect(other.error).toMatch(/^shoal: cannot connect to \S+: this is not the memcached protocol: [^\n]+\n$/);
    },
    RUN_MS_MAX,
  );

  test(
    'the JSON goes to a file too',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
      try {
        await using node = await startNode();
        const path = join(folder, 'result.json');
        const { code, out } = await bench(
          runtime,
          node.port,
          '--operations',
          '100',
          '--keys',
          '10',
          '--json-file',
          path,
        );
        expect(code).toBe(0);
        expect(out).toContain('operations   100 in ');
        expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ schema: 1, operationCount: 100 });
        const refused = await bench(runtime, node.port, '--json-file', join(folder, 'none', 'result.json'));
        expect(refused.code).toBe(2);
        expect(refused.error).toContain('--json-file: ');
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    RUN_MS_MAX,
  );
});

const redisMissing = redisServerPath() === null;

describe.skipIf(redisMissing)(redisMissing ? REDIS_INSTALL_HINT : 'redis-server', () => {
  test(
    'is measured, and its refusals are counted by their word',
    async () => {
      const redis = await startRedisServer();
      const full = await startRedisServer(['--maxmemory', '2mb', '--maxmemory-policy', 'noeviction']);
      try {
        const finished = await bench('bun', redis.port, ...SMALL);
        expect(finished.code).toBe(0);
        expect(resultOf(finished)).toMatchObject({
          operationCount: 5000,
          errors: { count: 0 },
          reads: { hitRatio: 1 },
        });
        expect(resultOf(finished).versions.server).toMatch(/^redis \d/);

        const refused = await bench('bun', full.port, ...SMALL, '--keys', '5000');
        expect(refused.code).toBe(1);
        const result = resultOf(refused);
        expect(result.preload!.errors.byKind.map(({ kind }) => kind)).toEqual(['OOM']);
        expect(result.errors.count).toBe(result.writes.errorCount);
        expect(result).toMatchObject({ outcome: 'complete', operationCount: 5000, connections: { lostCount: 0 } });
        expect(result.errors.byKind[0]!.example).toStartWith('OOM command not allowed');
      } finally {
        await redis.stop();
        await full.stop();
      }
    },
    RUN_MS_MAX,
  );
});

const memcachedMissing = pathOf('memcached') === null;
const memcachedTitle = memcachedMissing
  ? 'memcached is not installed; on Debian: apt-get install memcached'
  : 'memcached';

describe.skipIf(memcachedMissing)(memcachedTitle, () => {
  test(
    'is measured',
    async () => {
      const server = await startServer('memcached', {
        memoryBytes: 64 * 1024 * 1024,
        atLimit: 'evict',
        core: undefined,
      });
      try {
        const finished = await bench('bun', server.port, ...SMALL, '--protocol', 'memcached', '--pipeline', '3');
        expect(resultOf(finished)).toMatchObject({
          operationCount: 5000,
          errors: { count: 0 },
          reads: { hitRatio: 1 },
        });
        expect(resultOf(finished).versions.server).toMatch(/^memcached \d/);
        expect(finished.code).toBe(0);
      } finally {
        await server.stop();
      }
    },
    RUN_MS_MAX,
  );
});
