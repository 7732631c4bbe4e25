/**
 * Real etcd members for tests: on free ports of the loopback, in a temporary folder. They end with `stop`, and in any case
 * with the test process.
 *
 *     const skip = etcdPath() === null;   // then name ETCD_INSTALL_HINT
 *     const etcd = await startEtcd({ members: 3 });
 *     try { … etcd.endpoints … await etcd.members[0].kill() … } finally { await etcd.stop(); }
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, pathOf } from './redis-server.ts';

/** What to tell somebody whose machine has no etcd. */
export const ETCD_INSTALL_HINT = 'etcd is not installed; on Debian: apt-get install etcd-server';

/** How long a start may take before it counts as failed. */
const START_TIMEOUT_MS = 15_000;
/** Other programs may take the free ports before etcd binds them, so a start is tried on several. */
const START_ATTEMPTS = 5;
/** A tenth of etcd's election timeout, as it wants; a lease of a second is the shortest that it then gives. */
const HEARTBEAT_MS = 50;
const READY = 'serving client traffic';

export interface EtcdOptions {
  readonly members?: number;
  /** `https` with the certificates that the arguments name. */
  readonly scheme?: 'http' | 'https';
  readonly args?: readonly string[];
}

export class EtcdMember {
  readonly name: string;
  readonly port: number;
  readonly origin: string;
  private readonly args: readonly string[];
  private child: ChildProcess | null = null;
  private ended: Promise<void> = Promise.resolve();

  constructor(name: string, port: number, origin: string, args: readonly string[]) {
    this.name = name;
    this.port = port;
    this.origin = origin;
    this.args = args;
  }

  /** Resolves once it serves, which one of several does when a majority has started. After a kill, with its old data. */
  async start(): Promise<void> {
    const child = spawn(etcdPath() ?? 'etcd', this.args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    process.once('exit', this.killWithUs);
    this.ended = new Promise((resolve) => child.once('close', () => resolve()));
    await ready(child, this.name);
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    process.removeListener('exit', this.killWithUs);
    this.child?.kill('SIGKILL');
    await this.ended;
    this.child = null;
  }

  /** It keeps its connections and answers nothing, until `resume`. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  /** One call of its JSON gateway, for what tests do behind the back of the code under test. */
  async call(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.origin}${path}`, { method: 'POST', body: JSON.stringify(body) });
    const parsed = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(`etcd answered ${path} with ${JSON.stringify(parsed)}`);
    return parsed;
  }

  private readonly killWithUs = (): void => {
    this.child?.kill('SIGKILL');
  };
}

export interface EtcdCluster {
  readonly members: readonly [EtcdMember, ...EtcdMember[]];
  /** `http://127.0.0.1:40001,http://127.0.0.1:40002` */
  readonly endpoints: string;
  /** Ends the members and removes their folder. */
  stop(): Promise<void>;
  /** The same members with their data and other options, on the same ports. This object is of no use afterwards. */
  restart(options: Omit<EtcdOptions, 'members'>): Promise<EtcdCluster>;
}

/** Where etcd is, or null where it is not installed. */
export function etcdPath(): string | null {
  return pathOf('etcd');
}

export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  if (etcdPath() === null) throw new Error(ETCD_INSTALL_HINT);
  let failure: unknown;
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    const folder = newFolder();
    try {
      return await startIn(folder, await newPlaces(options.members ?? 1), options);
    } catch (error) {
      failure = error;
      removeFolder(folder);
    }
  }
  throw failure;
}

const folders = new Set<string>();

/** Removed by `stop`, and in any case with the test process. */
function newFolder(): string {
  if (folders.size === 0) process.once('exit', () => folders.forEach(removeFolder));
  const folder = mkdtempSync(join(tmpdir(), 'shoal-etcd-'));
  folders.add(folder);
  return folder;
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

interface Place {
  readonly name: string;
  readonly port: number;
  readonly peerPort: number;
}

async function newPlaces(count: number): Promise<readonly Place[]> {
  const places: Place[] = [];
  for (let index = 0; index < count; index += 1) {
    places.push({ name: `m${index + 1}`, port: await freePort(), peerPort: await freePort() });
  }
  return places;
}

/** Rejects, with all members ended, where one of them does not start. */
async function startIn(folder: string, places: readonly Place[], options: EtcdOptions): Promise<EtcdCluster> {
  const members = places.map((place) => newMember(folder, place, places, options));
  const end = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()));
  };
  try {
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await end();
    throw error;
  }
  const [first, ...others] = members;
  if (first === undefined) throw new Error('a cluster has at least one member');
  return {
    members: [first, ...others],
    endpoints: members.map(({ origin }) => origin).join(','),
    stop: async () => {
      await end();
      removeFolder(folder);
    },
    restart: async (other) => {
      await end();
      return await startIn(folder, places, other);
    },
  };
}

function newMember(
  folder: string,
  { name, port, peerPort }: Place,
  all: readonly Place[],
  { scheme = 'http', args = [] }: EtcdOptions,
): EtcdMember {
  const origin = `${scheme}://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return new EtcdMember(name, port, origin, [
    `--name=${name}`,
    `--data-dir=${join(folder, name)}`,
    '--logger=zap',
    `--listen-client-urls=${origin}`,
    `--advertise-client-urls=${origin}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${all.map((place) => `${place.name}=http://127.0.0.1:${place.peerPort}`).join(',')}`,
    '--initial-cluster-state=new',
    `--heartbeat-interval=${HEARTBEAT_MS}`,
    `--election-timeout=${10 * HEARTBEAT_MS}`,
    ...args,
  ]);
}

/** Resolves at the line with which etcd says that it serves. */
function ready(child: ChildProcess, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const end = (error: Error | null): void => {
      clearTimeout(timer);
      child.stderr?.removeListener('data', take);
      child.stderr?.resume();
      if (error === null) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => end(new Error(`etcd ${name} was not ready in time:\n${output}`)), START_TIMEOUT_MS);
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes(READY)) end(null);
    };
    child.stderr?.on('data', take);
    child.once('error', end);
    child.once('close', (code) => end(new Error(`etcd ${name} ended with code ${String(code)}:\n${output}`)));
  });
}
