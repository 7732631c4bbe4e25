/** `shoal cluster restart`: what it takes, what it shows before it begins, and what it leaves behind; the whole of it is in test/integration/cluster/rolling-restart.test.ts. */
import { describe, expect, test } from 'bun:test';
import { failureOf } from '../../../test/support/failure-of.ts';
import { HeartbeatCluster } from '../../../test/support/heartbeat-cluster.ts';
import { FORCED_EXIT_CODES } from '../exit-codes.ts';
import { undrainCommand } from './change.ts';
import { restartCommand } from './restart.ts';
import { statusText } from './status.ts';

/** Two nodes that have their parts. */
async function started(): Promise<HeartbeatCluster> {
  const cluster = await HeartbeatCluster.start();
  cluster.addNode('a', 7001);
  cluster.addNode('b', 7011);
  await cluster.until(({ nodes, unassigned }) => nodes.length === 2 && unassigned === 0);
  return cluster;
}

describe('shoal cluster restart', () => {
  test.each([
    [[], 'give one NODE or more, or --rolling'],
    [['--rolling', '3f2a'], 'is one word too many'],
    [['3f2a', '--timeout', 'soon'], '--timeout: "soon" is no time'],
    [['3f2a', '--timeout', '0'], '--timeout: "0" is no time'],
  ])('refuses %p', async (args, text) => {
    await using cluster = await HeartbeatCluster.start();
    const failure = await failureOf(restartCommand.run(args, cluster.context()));
    expect(failure).toMatchObject({ code: 'InvalidOption', message: expect.stringContaining(text) });
  });

  test('in a dry run shows the order and how each node is emptied, and changes nothing', async () => {
    await using cluster = await started();
    const context = cluster.context();
    expect(await restartCommand.run(['--rolling', '--dry-run'], context)).toBe(0);
    expect(context.out).toBe(
      [
        'node            zone  before it ends',
        '127.0.0.1:7001  -     its 8192 slots move to the others',
        '127.0.0.1:7011  -     its 8192 slots move to the others',
        '',
      ].join('\n'),
    );
    expect((await cluster.connection.status()).nodes.map(({ isRestarting }) => isRestarting)).toEqual([false, false]);
  });

  test('refuses a node that nobody can stand in for, or that is not there', async () => {
    await using cluster = await HeartbeatCluster.start();
    cluster.addNode('a', 7001);
    await cluster.until(({ unassigned }) => unassigned === 0);
    const context = cluster.context();
    for (const args of [['a'], ['--rolling'], ['--rolling', '--dry-run']]) {
      expect(String(await failureOf(restartCommand.run(args, context)))).toContain('it is the only node');
    }
    expect(await failureOf(restartCommand.run(['b'], context))).toMatchObject({ code: 'InvalidArgument' });
  });

  test('at Ctrl-C says what goes on, what is left, and how to go on', async () => {
    await using cluster = await started();
    const context = cluster.context();
    const run = restartCommand.run(['b', '127.0.0.1:7001'], context);
    const status = await cluster.until(({ nodes }) => nodes.some(({ isRestarting }) => isRestarting));
    expect(statusText(status)).toMatch(/127\.0\.0\.1:7011 .* draining, restarting /);
    context.signal('SIGINT');
    expect(await run).toBe(FORCED_EXIT_CODES.SIGINT);
    expect(context.out).toBe('127.0.0.1:7011 (1 of 2): its 8192 slots move to the others\n');
    expect(context.error).toContain('127.0.0.1:7011 has been told to start again, and goes on with that');
    expect(context.error).toContain('shoal cluster restart 127.0.0.1:7011 127.0.0.1:7001 goes on from here');
    expect(await undrainCommand.run(['b'], context)).toBe(0);
    await cluster.until(({ nodes }) => nodes.every(({ isRestarting }) => !isRestarting));
  });

  test('goes on with a coordinator that is there, of several that are named', async () => {
    await using cluster = await started();
    const context = cluster.context();
    const several = `127.0.0.1:1, ${cluster.address}`;
    expect(await restartCommand.run(['a', '--dry-run', '--coordinator', several], context)).toBe(0);
    expect(context.out).toContain('127.0.0.1:7001');
  });
});
