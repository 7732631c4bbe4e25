/** Replicas of a real cluster: what is there when a node dies, what clients see of a planned failover, and what an operator is told. */
import { afterEach, expect, test } from 'bun:test';
import { failoverCommand } from '../../../src/cli/cluster/failover.ts';
import { limitsCommand } from '../../../src/cli/cluster/change.ts';
import { statusText } from '../../../src/cli/cluster/status.ts';
import type { CommandContext } from '../../../src/cli/command.ts';
import { ShoalClient } from '../../../src/client/client.ts';
import { TEST_CLUSTER, TestCluster } from '../../support/cluster.ts';
import { failureOf } from '../../support/failure-of.ts';

const KEYS = Array.from({ length: 400 }, (_, number) => `key ${number}`);
const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

async function started(nodes: number, replicas: number): Promise<TestCluster> {
  const cluster = await TestCluster.start({ nodes, replicas });
  cleanUp.push(() => cluster[Symbol.asyncDispose]());
  await whole(cluster);
  return cluster;
}

async function clientOf(cluster: TestCluster): Promise<ShoalClient> {
  const client = await ShoalClient.connect({ nodes: cluster.ports.map((port) => `127.0.0.1:${port}`) });
  cleanUp.push(() => client.close());
  return client;
}

/** Every slot has all the copies that are wanted, and each of them has everything so far. */
async function whole(cluster: TestCluster): Promise<void> {
  await cluster.until(
    ({ missingCopies, unassigned, nodes }) =>
      missingCopies === 0 && unassigned === 0 && nodes.every(({ streams }) => streams.every(({ lag }) => lag === 0)),
  );
}

function contextFor(cluster: TestCluster): CommandContext & { out: string } {
  const context = {
    out: '',
    environment: { SHOAL_COORDINATOR: cluster.coordinatorAddress, SHOAL_CLUSTER: TEST_CLUSTER },
    writeOut: (text: string) => {
      context.out += text;
    },
    writeError: () => undefined,
    errorTerminal: null,
  };
  // What an operator's command touches of it.
  return context as unknown as CommandContext & { out: string };
}

/** A write is answered once a replica has it; generous, as only a failing test waits so long. */
const WHEN_COPIED = { timeoutMs: 20_000, ack: { replicas: 1, timeoutMs: 15_000 } };

test('what a dead node had is served by its replicas, and copied to others again', async () => {
  const cluster = await started(4, 1);
  const client = await clientOf(cluster);
  await whole(cluster);
  await Promise.all(KEYS.map((key) => client.set(key, 'value', WHEN_COPIED)));
  await cluster.killNode(cluster.nodes[0]!);
  await cluster.until(({ nodes, unassigned }) => nodes.length === 3 && unassigned === 0);
  expect(await Promise.all(KEYS.map((key) => client.get(key)))).toEqual(KEYS.map(() => 'value'));
  await whole(cluster);
  // Another one may die then.
  await cluster.killNode(cluster.nodes[0]!);
  await cluster.until(({ nodes, unassigned }) => nodes.length === 2 && unassigned === 0);
  expect(await Promise.all(KEYS.map((key) => client.get(key)))).toEqual(KEYS.map(() => 'value'));
}, 60_000);

test('a planned failover loses nothing and fails nothing, and the node stays as a replica', async () => {
  const cluster = await started(3, 1);
  const client = await clientOf(cluster);
  const context = contextFor(cluster);
  const node = cluster.nodes[0]!;
  const load = { isOver: false };
  const counted = KEYS.slice(0, 40);
  const counts = counted.map(async (key) => {
    let count = 0;
    while (!load.isOver) count = await client.increment(`count of ${key}`);
    return count;
  });
  expect(await failoverCommand.run([`127.0.0.1:${node.port}`, '--wait'], context)).toBe(0);
  expect(context.out).toContain(`127.0.0.1:${node.port} hands its slots over to its replicas`);
  const status = await cluster.until(({ nodes }) =>
    nodes.some(({ port, slots, replicaSlots }) => port === node.port && slots === 0 && replicaSlots > 0),
  );
  load.isOver = true;
  const ends = await Promise.all(counts);
  expect(await Promise.all(counted.map((key) => client.increment(`count of ${key}`)))).toEqual(
    ends.map((count) => count + 1),
  );
  expect(status.nodes.find(({ port }) => port === node.port)?.state).toBe('draining');
}, 60_000);

test('an operator changes how many copies there are, and sees them', async () => {
  const cluster = await started(3, 0);
  const client = await clientOf(cluster);
  await Promise.all(KEYS.map((key) => client.set(key, 'value')));
  const context = contextFor(cluster);
  expect(statusText(await cluster.operator.status())).not.toContain('cop');
  expect(await failureOf(failoverCommand.run([await cluster.idOf(cluster.nodes[0]!)], context))).toMatchObject({
    message: expect.stringContaining('this cluster has no replicas'),
  });
  expect(await failureOf(limitsCommand.run(['--replicas', '4'], context))).toMatchObject({ code: 'InvalidOption' });
  expect(await limitsCommand.run(['--replicas', '2'], context)).toBe(0);
  await cluster.until(({ replicas }) => replicas === 2);
  await whole(cluster);
  const text = statusText(await cluster.operator.status());
  expect(text).toContain('2 copies of each slot are wanted; all are whole');
  expect(text).toMatch(/bytes +lag +copies +whole +behind/);
  expect(await limitsCommand.run(['--replicas', '0'], context)).toBe(0);
  await cluster.until(({ nodes }) => nodes.every(({ items, replicaSlots }) => replicaSlots === 0 && items < 200));
  expect(await Promise.all(KEYS.map((key) => client.get(key)))).toEqual(KEYS.map(() => 'value'));
}, 60_000);
