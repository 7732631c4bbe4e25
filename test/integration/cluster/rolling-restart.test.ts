/** A rolling restart of real processes, which `shoal cluster up` starts again, under clients that know what every key must hold. */
import { join } from 'node:path';
import { afterEach, expect, test } from 'bun:test';
import { seededRandom } from '../../../src/base/random.ts';
import { CoordinatorConnection } from '../../../src/cli/cluster/coordinator-connection.ts';
import { ExitCode } from '../../../src/cli/exit-codes.ts';
import { type ChildResult, runChild } from '../../support/child-process.ts';
import { ioredisCluster, shoalClient } from '../../support/checked-clients.ts';
import { type CheckedClient, CheckedLoad } from '../../support/checked-load.ts';
import { ProcessCluster } from '../../support/process-cluster.ts';
import { RespClient } from '../../support/resp-client.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../../support/shoal-process.ts';

const NODE_COUNT = 3;
const KEY_COUNT = 500;
const CONCURRENCY = 20;
/** Only a failing test waits so long. */
const RESTART_MS_MAX = 100_000;
const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

interface UpCluster {
  readonly coordinator: string;
  readonly ports: readonly number[];
}

async function up(replicas: number): Promise<UpCluster> {
  const flags = ['--nodes', String(NODE_COUNT), '--port', '0', '--coordinator-port', '0', '--memory', '64mb'];
  // A node that a busy machine holds up is not to be taken for dead, which loses what no replica has yet.
  const environment = { SHOAL_THREADS: '1', SHOAL_LEASE: '5s' };
  const process = new ShoalProcess(['cluster', 'up', ...flags, '--replicas', String(replicas)], { environment });
  // Not killed: it would leave its children behind.
  cleanUp.push(async () => {
    process.kill('SIGTERM');
    await process.exit();
  });
  await process.printed('cluster ready');
  const port = (name: string): number =>
    Number(new RegExp(`^${name} +127\\.0\\.0\\.1:(\\d+)$`, 'm').exec(process.out)![1]);
  const coordinator = `127.0.0.1:${port('coordinator')}`;
  const connection = new CoordinatorConnection({ address: coordinator, password: '', cluster: 'shoal' });
  cleanUp.push(() => connection.close());
  while ((await connection.status()).missingCopies > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    coordinator,
    ports: Array.from({ length: NODE_COUNT }, (_, index) => port(`node ${index + 1}`)),
  };
}

function shoal(...args: readonly string[]): Promise<ChildResult> {
  return runChild(join(REPOSITORY_ROOT, 'bin', 'shoal'), args, { deadlineMs: RESTART_MS_MAX });
}

/** Of the processes that listen at `ports`, their ids. */
function processIds(ports: readonly number[]): Promise<readonly string[]> {
  return Promise.all(
    ports.map(async (port) => {
      using client = await RespClient.connect(port);
      return /process_id:(\d+)/.exec(await client.call('INFO', 'server'))![1]!;
    }),
  );
}

function loadOf(client: CheckedClient, seed: number): CheckedLoad {
  return new CheckedLoad(client, {
    prefix: client.name,
    keyCount: KEY_COUNT,
    valueBytes: 50,
    readShare: 0.5,
    operationsPerSecond: 300,
    random01: seededRandom(seed),
  });
}

test.each([
  [0, /its \d+ slots move to the others/],
  [1, /its replicas take its \d+ slots over/],
])(
  'all nodes of a cluster with %p replicas start again without an error or a lost write',
  async (replicas, emptying) => {
    const { coordinator, ports } = await up(replicas);
    const before = await processIds(ports);
    const clients = [await shoalClient(ports), await ioredisCluster(ports)];
    const loads = clients.map((client, index) => loadOf(client, index + 1));
    for (const load of loads) await load.fill(CONCURRENCY);
    for (const load of loads) load.start();

    const dry = await shoal('cluster', 'restart', '--rolling', '--dry-run', '--coordinator', coordinator);
    expect([dry.code, dry.stdout.match(new RegExp(emptying, 'g'))?.length]).toEqual([0, NODE_COUNT]);
    expect(await processIds(ports)).toEqual([...before]);

    const { code, stdout, stderr } = await shoal('cluster', 'restart', '--rolling', '--coordinator', coordinator);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(emptying);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('3 nodes have started again');
    for (const load of loads) await load.stop();
    for (const [index, load] of loads.entries()) await load.verifyAll(clients[index]!, CONCURRENCY);
    for (const client of clients) await client.close();
    expect(loads.flatMap(({ faults }) => faults)).toEqual([]);
    for (const { counts } of loads) expect(counts.writes).toBeGreaterThan(100);
    const after = await processIds(ports);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
  },
  120_000,
);

test('a node that nobody starts again stops the command, which says so, and nothing is lost', async () => {
  await using cluster = await ProcessCluster.start({ nodes: NODE_COUNT, replicas: 0 });
  const client = await shoalClient(cluster.ports);
  const load = loadOf(client, 3);
  await load.fill(CONCURRENCY);
  const [node] = cluster.nodes;
  const address = `127.0.0.1:${node!.port}`;
  const restart = ['cluster', 'restart', address, '--timeout', '2s', '--coordinator', cluster.coordinatorAddress];
  const { code, stderr } = await shoal(...restart);
  expect(code).toBe(ExitCode.fault);
  expect(stderr).toContain(`${address} has ended in order and does not come back; nothing is lost`);
  expect(stderr).toContain(`shoal cluster restart ${address} goes on from here`);
  expect(await node!.process.exit()).toEqual({ code: ExitCode.restart, signal: null });
  await load.verifyAll(client, CONCURRENCY);
  await client.close();
  expect(load.faults).toEqual([]);
}, 60_000);

test('a cluster of one node is not restarted', async () => {
  await using cluster = await ProcessCluster.start({ nodes: 1, replicas: 0 });
  const { code, stderr } = await shoal('cluster', 'restart', '--rolling', '--coordinator', cluster.coordinatorAddress);
  expect(code).toBe(ExitCode.fault);
  expect(stderr).toContain('cannot start again without a loss: it is the only node');
  expect(cluster.nodes[0]!.process.out).not.toContain('stopping');
}, 30_000);
