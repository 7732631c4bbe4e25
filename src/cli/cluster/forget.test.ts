/** `shoal cluster forget`, `cancel` and what `status` says of removed nodes, with a real coordinator and nodes that only send heartbeats. */
import { expect, test } from 'bun:test';
import { failureOf } from '../../../test/support/failure-of.ts';
import { HeartbeatCluster } from '../../../test/support/heartbeat-cluster.ts';
import { cancelCommand, forgetCommand } from './forget.ts';
import { statusText } from './status.ts';

test('a cluster that was lost at once waits, says why, and goes on when the operator says so', async () => {
  await using cluster = await HeartbeatCluster.start();
  const lost = [cluster.addNode('a', 7001), cluster.addNode('b', 7011)];
  await cluster.until(({ nodes, unassigned }) => nodes.length === 2 && unassigned === 0);
  for (const node of lost) node.stop();
  const status = await cluster.until(({ nodes }) => nodes.length === 0);
  expect(status.departed.map(({ port: departedPort }) => departedPort)).toEqual([7001, 7011]);
  expect(statusText(status)).toContain(
    'removed, and perhaps still serving: aaaaaaaa (127.0.0.1:7001), bbbbbbbb (127.0.0.1:7011)',
  );
  cluster.addNode('c', 7021);
  await cluster.until(({ nodes }) => nodes.length === 1);

  const context = cluster.context();
  expect(await failureOf(forgetCommand.run(['c'], context))).toMatchObject({ code: 'InvalidArgument' });
  expect((await cluster.connection.status()).nodes).toMatchObject([{ state: 'joining' }]);
  expect(await forgetCommand.run(['127.0.0.1:7001'], context)).toBe(0);
  expect(context.out).toBe('127.0.0.1:7001 is forgotten\n');
  const after = await cluster.until(({ unassigned }) => unassigned === 0);
  expect(after).toMatchObject({ nodes: [{ state: 'active', slots: 16_384 }], departed: [] });
  expect(statusText(after)).not.toContain('removed');
});

test('cancel stops what moves until limits says otherwise', async () => {
  await using cluster = await HeartbeatCluster.start();
  const context = cluster.context();
  await cluster.until(() => true);
  expect(await cancelCommand.run([], context)).toBe(0);
  expect(await cluster.connection.status()).toMatchObject({ concurrentMoves: 0 });
  await cluster.connection.limits(2, null, null);
  expect(await cluster.connection.status()).toMatchObject({ concurrentMoves: 2 });
  expect(await failureOf(cancelCommand.run(['now'], context))).toMatchObject({ code: 'InvalidOption' });
});
