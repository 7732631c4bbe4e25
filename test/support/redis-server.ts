/**
 * A real redis-server for tests that compare with it: on a free port of the loopback, in a temporary folder, without
 * persistence. It ends with `stop`, and in any case with the test process.
 *
 *     const skip = redisServerPath() === null;   // then name REDIS_INSTALL_HINT
 *     const redis = await startRedisServer(['--maxmemory', '1gb']);
 *     try { … redis.port … } finally { await redis.stop(); }
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What to tell somebody whose machine has no redis-server. */
export const REDIS_INSTALL_HINT = 'redis-server is not installed; on Debian: apt-get install redis-server';

/** How long a start may take before it counts as failed. */
const START_TIMEOUT_MS = 10_000;
/** Another program may take the free port before Redis binds it, so a start is tried on several. */
const START_ATTEMPTS = 5;

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

/** Where redis-server is, or null where it is not installed. */
export function redisServerPath(): string | null {
  return pathOf('redis-server');
}

/** The file that `command` runs by PATH, or null. */
export function pathOf(command: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return null;
}

/** A port that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Starts a server with `options` (as on its command line) added, and resolves once it accepts connections. */
export async function startRedisServer(options: readonly string[] = []): Promise<RedisServer> {
  const path = redisServerPath();
  if (path === null) throw new Error(REDIS_INSTALL_HINT);
  let failure: unknown;
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    try {
      return await startOn(path, await freePort(), options);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function startOn(path: string, port: number, options: readonly string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-redis-'));
  const child = spawn(
    path,
    ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder, ...options],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const killWithUs = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', killWithUs);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killWithUs);
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host: '127.0.0.1', port, stop };
}

/** Resolves at the line with which Redis says that it accepts connections. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(
      () => reject(new Error(`redis-server was not ready in time:\n${output}`)),
      START_TIMEOUT_MS,
    );
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      if (!output.includes('Ready to accept connections')) return;
      clearTimeout(timer);
      child.stdout?.removeListener('data', take);
      child.stdout?.resume();
      child.stderr?.resume();
      resolve();
    };
    child.stdout?.on('data', take);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      reject(new Error(`redis-server ended with code ${String(code)}:\n${output}`));
    });
  });
}
