/**
 * A real HAProxy in front of nodes, with the configuration that docs/CLUSTER.md shows, on a free port of the loopback. It ends with `await using`,
 * and in any case with the test process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, pathOf } from './redis-server.ts';
import { REPOSITORY_ROOT } from './shoal-process.ts';

/** What to tell somebody whose machine has no HAProxy. */
export const HAPROXY_INSTALL_HINT = 'haproxy is not installed; on Debian: apt-get install haproxy';

/** Where Debian puts it, which is not in the PATH of everybody. */
const DEBIAN_PATH = '/usr/sbin/haproxy';
const READY_MS_MAX = 15_000;
const LOOK_AGAIN_MS = 20;
/** Another program may take the free port before HAProxy binds it, so a start is tried on several. */
const START_ATTEMPTS = 5;

/** Where HAProxy is, or null where it is not installed. */
export function haproxyPath(): string | null {
  return pathOf('haproxy') ?? (existsSync(DEBIAN_PATH) ? DEBIAN_PATH : null);
}

export class HaproxyServer implements AsyncDisposable {
  readonly port: number;
  private readonly folder: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;
  private output = '';

  private constructor(port: number, ports: readonly number[]) {
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), 'shoal-haproxy-'));
    const file = join(this.folder, 'haproxy.cfg');
    const global = `global\n  stats socket ${this.socketPath}\n`;
    writeFileSync(file, `${global}${configFor(port, ports)}`);
    this.child = spawn(haproxyPath() ?? 'haproxy', ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
    process.once('exit', this.killWithUs);
    this.ended = once(this.child, 'close');
  }

  /** Resolves once it has found each node of `ports` to serve. */
  static async start(ports: readonly number[]): Promise<HaproxyServer> {
    let failure: unknown;
    for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
      const server = new HaproxyServer(await freePort(), ports);
      try {
        await server.ready(ports.length);
        return server;
      } catch (error) {
        failure = error;
        await server[Symbol.asyncDispose]();
      }
    }
    throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.removeListener('exit', this.killWithUs);
    this.child.kill('SIGKILL');
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get socketPath(): string {
    return join(this.folder, 'stats');
  }

  private readonly killWithUs = (): void => {
    this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  };

  private async ready(serverCount: number): Promise<void> {
    const untilMs = performance.now() + READY_MS_MAX;
    let statistics = '';
    while (statistics.split('L7OK').length - 1 < serverCount) {
      if (this.child.exitCode !== null) throw new Error(`haproxy ended:\n${this.output}`);
      if (performance.now() > untilMs) throw new Error(`haproxy was not ready in time:\n${this.output}${statistics}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      statistics = await this.askStatistics();
    }
  }

  /** A line for each server; empty where it does not answer yet. */
  private askStatistics(): Promise<string> {
    return new Promise((resolve) => {
      let answer = '';
      const socket = connect(this.socketPath, () => socket.write('show stat\n'));
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.on('error', () => resolve(''));
      socket.on('close', () => resolve(answer));
    });
  }
}

/** The configuration of the documentation, for these ports of this machine. */
function configFor(port: number, ports: readonly number[]): string {
  const page = readFileSync(join(REPOSITORY_ROOT, 'docs', 'CLUSTER.md'), 'utf8');
  const shown = /```haproxy\n(.*?)```/s.exec(page)?.[1];
  if (shown === undefined) throw new Error('docs/CLUSTER.md shows no configuration of HAProxy');
  const servers = [...shown.matchAll(/^ *server .*\n/gm)].map(([line]) => line);
  if (servers.length !== ports.length) throw new Error(`docs/CLUSTER.md shows ${servers.length} nodes`);
  return servers
    .reduce((text, line, index) => text.replace(line, line.replace(/\S+:\d+/, `127.0.0.1:${ports[index]}`)), shown)
    .replace(/^( *bind) .*$/m, `$1 127.0.0.1:${port}`);
}
