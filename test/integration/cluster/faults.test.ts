/** What clients of a real cluster see where something fails: errors that pass, and nothing wrong. */
import { expect, test } from 'bun:test';
import { ShoalClient } from '../../../src/client/client.ts';
import { failureOf } from '../../support/failure-of.ts';
import { shoalClient } from '../../support/checked-clients.ts';
import { TEST_CLUSTER, TestCluster } from '../../support/cluster.ts';
import { startNode } from '../../support/node.ts';
import { defaultOptions } from '../../../src/config/options.ts';
import { systemEnvironment } from '../../../src/server/environment.ts';

test('the slots of a node that is gone are served again, empty, and all other keys are there', async () => {
  await using cluster = await TestCluster.start({ nodes: 3 });
  const client = await shoalClient(cluster.ports);
  const keys = Array.from({ length: 300 }, (_, number) => `key ${number}`);
  await Promise.all(keys.map((key) => client.set(key, 'value')));
  await cluster.killNode(cluster.nodes[0]!);
  await cluster.until(({ nodes, unassigned }) => nodes.length === 2 && unassigned === 0);
  const values = await Promise.all(keys.map((key) => client.get(key)));
  const kept = values.filter((value) => value === 'value').length;
  expect(kept).toBeGreaterThan(100);
  expect(kept).toBeLessThan(300);
  await Promise.all(keys.map((key) => client.set(key, 'again')));
  expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys.map(() => 'again'));
  await client.close();
});

test('without the coordinator all is served on, and with it a change goes on', async () => {
  await using cluster = await TestCluster.start({ nodes: 3, slotsPerMove: 64 });
  const client = await shoalClient(cluster.ports);
  const keys = Array.from({ length: 300 }, (_, number) => `key ${number}`);
  await Promise.all(keys.map((key) => client.set(key, 'value')));
  const drained = cluster.nodes[2]!;
  await cluster.operator.drain(await cluster.idOf(drained));
  await cluster.until(({ moves }) => moves.length > 0);
  await cluster.stopCoordinator();
  // Longer than the lease: the nodes go on by promises to each other.
  const startMs = performance.now();
  while (performance.now() - startMs < 2500) {
    expect(await Promise.all(keys.slice(0, 50).map((key) => client.get(key)))).toEqual(
      keys.slice(0, 50).map(() => 'value'),
    );
  }
  await cluster.restartCoordinator();
  await cluster.until(({ nodes }) => nodes.some(({ port, slots }) => port === drained.port && slots === 0));
  expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys.map(() => 'value'));
  await client.close();
});

test('a node of another cluster, or with another password, is refused and says why', async () => {
  await using cluster = await TestCluster.start({ nodes: 1, password: 'secret' });
  const logged: string[] = [];
  const join = (name: string, password: string) =>
    startNode(
      { password, cluster: { ...defaultOptions().cluster, coordinators: cluster.coordinatorAddress, name } },
      { environment: { ...systemEnvironment(), log: (_level, message) => logged.push(message) } },
    );
  await using _other = await join('other', 'secret');
  await using _stranger = await join(TEST_CLUSTER, 'wrong');
  const untilMs = performance.now() + 10_000;
  const saysAll = (): boolean =>
    logged.some((line) => line.includes('"other"')) && logged.some((line) => line.includes('password'));
  while (!saysAll() && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(saysAll()).toBe(true);
  expect((await cluster.operator.status()).nodes).toHaveLength(1);
});

test('a client that gives no password is not let in, and one with it is', async () => {
  await using cluster = await TestCluster.start({ nodes: 2, password: 'secret' });
  const nodes = cluster.ports.map((port) => `127.0.0.1:${port}`);
  expect(await failureOf(ShoalClient.connect({ nodes }))).toMatchObject({ code: 'Unauthenticated' });
  await using client = await ShoalClient.connect({ nodes, password: 'secret' });
  await client.setMany(Array.from({ length: 20 }, (_, number) => [`k${number}`, number] as const));
  expect(await client.getMany(Array.from({ length: 20 }, (_, number) => `k${number}`))).toEqual(
    Array.from({ length: 20 }, (_, number) => number),
  );
});
