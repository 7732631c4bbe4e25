/**
 * Starts a server to measure, Shoal or a peer, on a free port of the loopback, and stops it again whatever happens.
 *
 * Each server is a process group of its own, so that stopping ends the launcher and what it started; whoever is still
 * alive when the benchmark exits, by an error or a signal, is killed.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer, connect, type AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { unreachable } from '../../src/base/assert.ts';
import { coreList } from './placement.ts';
import { listeningProcess, processTree } from './process-figures.ts';
import type { WireProtocol } from './wire.ts';

export const SERVER_NAMES = ['redis', 'memcached', 'shoal'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

/** The servers of a `--servers` option: names with commas between; all of them where it is not given. */
export function parseServerNames(option: string | undefined): ServerName[] {
  if (option === undefined) return [...SERVER_NAMES];
  return option.split(',').map((text) => {
    const name = SERVER_NAMES.find((known) => known === text);
    if (name === undefined) throw new Error(`--servers: unknown server ${text}; known are ${SERVER_NAMES.join(', ')}`);
    return name;
  });
}

export interface ServerOptions {
  /** Memory limit of the cache. */
  readonly memoryBytes: number;
  /** What happens at the limit. */
  readonly atLimit: 'evict' | 'refuse';
  /** Core to pin the server to, or several with commas between; undefined: wherever the kernel puts it. */
  readonly core: number | string | undefined;
  /** Threads that serve clients. Default 1. */
  readonly threads?: number;
  /** For redis: threads that read and write sockets, its own among them. Default 1. */
  readonly ioThreads?: number;
  /** What is kept on disk, for redis and Shoal. Default: nothing. */
  readonly persistence?: ServerPersistence;
}

export interface ServerPersistence {
  readonly folder: string;
  /** Snapshots are made when they are asked for, and when the server is stopped. */
  readonly mode: 'snapshot' | 'log';
  readonly fsync: 'everysec' | 'always';
}

/** A server to start: a command that listens on `port` of the loopback. */
export interface ServerCommand {
  readonly name: string;
  readonly protocol: WireProtocol;
  readonly port: number;
  readonly words: readonly string[];
  readonly core: number | string | undefined;
}

export interface RunningServer {
  readonly name: string;
  readonly protocol: WireProtocol;
  readonly port: number;
  /** The process that listens, which need not be the one that was started. */
  readonly pid: number;
  /** Asks it to end, and kills it where it does not within `timeoutMs`, 5 s by default. */
  stop(timeoutMs?: number): Promise<void>;
}

export const PROJECT_ROOT = resolve(import.meta.dirname, '../..');
export const HOST = '127.0.0.1';

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 5_000;
const POLL_MS = 20;
const OUTPUT_KEPT_CHARS = 4_096;
/** Its own default is 1024, which a thousand connections and a few more exceed. */
const MEMCACHED_CONNECTIONS_MAX = 8_192;

/** Cores for server and generator, where the machine has two; otherwise nothing is pinned. */
export const SERVER_CORE = cpus().length >= 2 ? 0 : undefined;
export const GENERATOR_CORE = cpus().length >= 2 ? 1 : undefined;

/** Once this process is pinned, for a server that is pinned to no core: it would inherit the generator's. */
let allCores: string | undefined;

/** Pins this process, all its threads, to the generator's core. */
export function pinGenerator(): void {
  if (GENERATOR_CORE === undefined) return;
  spawnSync('taskset', ['-a', '-cp', String(GENERATOR_CORE), String(process.pid)]);
  allCores = coreList(cpus().map((_, core) => core));
}

const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach((child) => signalGroup(child, 'SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

export async function startServer(name: ServerName, options: ServerOptions): Promise<RunningServer> {
  const port = await freePort();
  const protocol = name === 'memcached' ? 'memcached' : 'resp';
  return startCommand({ name, protocol, port, words: commandOf(name, port, options), core: options.core });
}

/** Starts it and waits until it listens. Rejects where it does not, with what it printed. */
export async function startCommand(command: ServerCommand): Promise<RunningServer> {
  const { name, port, protocol, words, core = allCores } = command;
  const pinned = core === undefined ? words : ['taskset', '-c', String(core), ...words];
  const child = spawn(pinned[0] as string, pinned.slice(1), {
    cwd: PROJECT_ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-OUTPUT_KEPT_CHARS));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.once('error', (error) => (output += error.message));
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done());
    child.once('error', () => done());
  });
  void ended.then(() => running.delete(child));

  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (!running.has(child) || performance.now() > deadline) {
      signalGroup(child, 'SIGKILL');
      throw new Error(`${name} did not start (${pinned.join(' ')}): ${output.trim()}`);
    }
    await Bun.sleep(POLL_MS);
  }
  const pid = listeningProcess(port, processTree(child.pid as number));
  if (pid === undefined) {
    signalGroup(child, 'SIGKILL');
    throw new Error(`no process started by ${pinned.join(' ')} listens on port ${port}`);
  }
  return {
    name,
    port,
    pid,
    protocol,
    async stop(timeoutMs = STOP_TIMEOUT_MS) {
      signalGroup(child, 'SIGTERM');
      const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), timeoutMs);
      await ended;
      clearTimeout(timer);
      // The launcher may end before its child does.
      signalGroup(child, 'SIGKILL');
    },
  };
}

/** First line of what the server's own version option prints. */
export function serverVersion(name: string): string {
  const own: Readonly<Record<string, string>> = { redis: 'redis-server', shoal: resolve(PROJECT_ROOT, 'bin/shoal') };
  const command = own[name] ?? name;
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return stdout?.split('\n')[0]?.trim() || 'unknown';
}

function commandOf(name: ServerName, port: number, options: ServerOptions): string[] {
  const megabytes = Math.max(1, Math.floor(options.memoryBytes / 2 ** 20));
  const { threads = 1, ioThreads = 1, persistence } = options;
  switch (name) {
    case 'redis': {
      const policy = options.atLimit === 'evict' ? 'allkeys-lru' : 'noeviction';
      const limit = ['--maxmemory', String(options.memoryBytes), '--maxmemory-policy', policy];
      const io = ioThreads === 1 ? [] : ['--io-threads', String(ioThreads), '--io-threads-do-reads', 'yes'];
      return [
        'redis-server',
        '--bind',
        HOST,
        '--port',
        String(port),
        ...redisPersistence(persistence),
        ...limit,
        ...io,
      ];
    }
    case 'memcached': {
      const account = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
      const full = options.atLimit === 'refuse' ? ['-M'] : [];
      const listen = ['-l', HOST, '-p', String(port), '-c', String(MEMCACHED_CONNECTIONS_MAX)];
      return ['memcached', ...listen, '-t', String(threads), '-m', String(megabytes), ...account, ...full];
    }
    case 'shoal': {
      const policy = options.atLimit === 'evict' ? 's3fifo' : 'noeviction';
      const limit = ['--memory', String(options.memoryBytes), '--eviction', policy, '--threads', String(threads)];
      const kept = shoalPersistence(persistence);
      return [resolve(PROJECT_ROOT, 'bin/shoal'), 'serve', '--host', HOST, '--port', String(port), ...limit, ...kept];
    }
    default:
      return unreachable(name);
  }
}

function redisPersistence(persistence: ServerPersistence | undefined): string[] {
  if (persistence === undefined) return ['--save', '', '--appendonly', 'no'];
  const { folder, mode, fsync } = persistence;
  // With a rule for saving that never comes true it saves when it is stopped.
  if (mode === 'snapshot') return ['--dir', folder, '--save', '1000000000 1', '--appendonly', 'no'];
  return ['--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', fsync];
}

function shoalPersistence(persistence: ServerPersistence | undefined): string[] {
  if (persistence === undefined) return [];
  const { folder, mode, fsync } = persistence;
  const how = mode === 'snapshot' ? ['--snapshot-interval', 'never'] : ['--fsync', fsync];
  return ['--data-dir', folder, '--persistence', mode, ...how];
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone, which is what was wanted.
  }
}

/** A port of the loopback that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, HOST, () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => done(port));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, HOST);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
