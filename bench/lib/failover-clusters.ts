/** The clusters whose failover is measured: ours, and a Redis Cluster, each of three primaries with a copy of everything elsewhere. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { CoordinatorConnection } from '../../src/cli/cluster/coordinator-connection.ts';
import { type RedisServer, startRedisServer } from '../../test/support/redis-server.ts';
import { ShoalProcess } from '../../test/support/shoal-process.ts';

/** A cluster of which one node can be killed. */
export interface FailoverCluster extends AsyncDisposable {
  /** Where clients find the nodes that own slots. */
  readonly ports: readonly number[];
  /** Kills the process that listens on `port`, as a crash does. */
  kill(port: number): Promise<void>;
}

const PRIMARIES = 3;
const ASK_AGAIN_MS = 50;
const SETTLE_MS_MAX = 30_000;

/** `leaseMs`: null for the default. Resolves once every slot has an owner and a copy that is up to date. */
export async function startShoalCluster(leaseMs: number | null): Promise<FailoverCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-failover-'));
  const processes = new Map<number, ShoalProcess>();
  const lease = leaseMs === null ? [] : ['--lease', `${leaseMs}ms`];
  const state = ['--port', '0', '--state', `file:${folder}`, '--replicas', '1'];
  const coordinatorProcess = new ShoalProcess(['coordinator', ...state, ...lease]);
  const end = async (): Promise<void> => {
    for (const shoal of [...processes.values(), coordinatorProcess]) await shoal[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await coordinatorProcess.printed(' ready on ');
    const address = `127.0.0.1:${/ ready on \S+:(\d+)/.exec(coordinatorProcess.out)![1]}`;
    for (let node = 0; node < PRIMARIES; node += 1) {
      const shoal = new ShoalProcess([
        'serve',
        '--port',
        '0',
        '--coordinator',
        address,
        '--threads',
        '1',
        '--memory',
        '1gb',
      ]);
      processes.set(await shoal.ready(), shoal);
    }
    const coordinator = new CoordinatorConnection({ address, password: '', cluster: 'shoal' });
    await until(async () => {
      const status = await coordinator.status();
      const active = status.nodes.filter(({ state: at }) => at === 'active').length;
      const isPlaced = status.unassigned === 0 && status.moves.length === 0 && status.plannedSlots === 0;
      return active === PRIMARIES && isPlaced && status.missingCopies === 0;
    });
    coordinator.close();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    ports: [...processes.keys()],
    kill: async (port) => {
      const shoal = processes.get(port)!;
      shoal.kill('SIGKILL');
      await shoal.exit();
    },
    [Symbol.asyncDispose]: end,
  };
}

/** Three primaries and three replicas. */
export async function startRedisCluster(nodeTimeoutMs: number): Promise<FailoverCluster> {
  const servers = new Map<number, RedisServer>();
  const end = async (): Promise<void> => {
    for (const server of servers.values()) await server.stop();
  };
  try {
    const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs)];
    for (let node = 0; node < 2 * PRIMARIES; node += 1) {
      const server = await startRedisServer(options);
      servers.set(server.port, server);
    }
    const addresses = [...servers.keys()].map((port) => `127.0.0.1:${port}`);
    const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
    const { status, stdout, stderr } = spawnSync('redis-cli', create, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`redis-cli made no cluster: ${stdout}${stderr}`);
    const ports = await primaryPorts([...servers.keys()]);
    return {
      ports,
      kill: async (port) => {
        const server = servers.get(port)!;
        servers.delete(port);
        await server.stop();
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Those of `ports` that own slots, once the cluster is whole and every copy is up to date. */
async function primaryPorts(ports: readonly number[]): Promise<number[]> {
  const primaries: number[] = [];
  for (const port of ports) {
    const redis = new Redis({ port, host: '127.0.0.1' });
    try {
      await until(async () => {
        const [info, replication] = await Promise.all([redis.cluster('INFO'), redis.info('replication')]);
        if (!info.includes('cluster_state:ok')) return false;
        if (replication.includes('role:slave')) return replication.includes('master_link_status:up');
        const isCopied = /^slave0:.*state=online/m.test(replication);
        if (isCopied) primaries.push(port);
        return isCopied;
      });
    } finally {
      redis.disconnect();
    }
  }
  return primaries;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const startMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startMs > SETTLE_MS_MAX) throw new Error('the cluster did not come to rest in time');
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}
