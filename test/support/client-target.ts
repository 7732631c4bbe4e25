/**
 * The server that the tests of client libraries and tools talk to: a real `bin/shoal serve` on Bun or on Node, or, with
 * SHOAL_TEST_TARGET=redis-server, a real Redis. That the same tests pass on Redis shows that they ask for Redis's
 * behaviour and not for ours.
 */
import { buildForNode } from './build.ts';
import { ShoalProcess } from './shoal-process.ts';
import { startRedisServer } from './redis-server.ts';

const isRedis = process.env['SHOAL_TEST_TARGET'] === 'redis-server';

export type Runtime = 'bun' | 'node' | 'redis-server';

/** What a test of a client runs on, one after the other. */
export const RUNTIMES: readonly Runtime[] = isRedis ? ['redis-server'] : ['bun', 'node'];

/** Time for a `beforeAll` that starts a target: the first one on Node waits for the build. */
export const START_TIMEOUT_MS = 60_000;

export interface TargetOptions {
  /** Bun where absent. */
  readonly runtime?: Runtime;
  /** 0 or absent: any free one. */
  readonly port?: number;
  /** What AUTH must give; absent: none is asked for. */
  readonly password?: string;
}

export interface Target {
  readonly host: string;
  readonly port: number;
  /** `redis://host:port`, without a password. */
  readonly url: string;
  /** Ends the server at once, as a crash does. */
  stop(): Promise<void>;
}

export async function startTarget(options: TargetOptions = {}): Promise<Target> {
  return isRedis ? startRedis(options) : startShoal(options);
}

async function startShoal(options: TargetOptions): Promise<Target> {
  const { runtime = 'bun', port = 0, password } = options;
  if (runtime === 'node') await buildForNode();
  const shoal = new ShoalProcess(['serve', '--port', String(port), '--memory', '64mb'], {
    environment: { SHOAL_RUNTIME: runtime, ...(password === undefined ? {} : { SHOAL_PASSWORD: password }) },
  });
  try {
    return target(await shoal.ready(), () => shoal[Symbol.asyncDispose]());
  } catch (error) {
    await shoal[Symbol.asyncDispose]();
    throw error;
  }
}

async function startRedis(options: TargetOptions): Promise<Target> {
  const redis = await startRedisServer([
    ...(options.port === undefined ? [] : ['--port', String(options.port)]),
    ...(options.password === undefined ? [] : ['--requirepass', options.password]),
  ]);
  return target(options.port ?? redis.port, () => redis.stop());
}

function target(port: number, stop: () => Promise<void>): Target {
  return { host: '127.0.0.1', port, url: `redis://127.0.0.1:${port}`, stop };
}
