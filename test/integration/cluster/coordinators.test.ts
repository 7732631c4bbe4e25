/** Coordinators on etcd: the elected one is killed, then a member of etcd, each in the middle of moves. Clients see nothing of it. */
import { expect, test } from 'bun:test';
import { seededRandom } from '../../../src/base/random.ts';
import { CoordinatorConnection } from '../../../src/cli/cluster/coordinator-connection.ts';
import type { Status } from '../../../src/protocol/cluster/messages.ts';
import { CheckedLoad } from '../../support/checked-load.ts';
import { shoalClient } from '../../support/checked-clients.ts';
import { ETCD_INSTALL_HINT, etcdPath, startEtcd } from '../../support/etcd-server.ts';
import { ShoalProcess } from '../../support/shoal-process.ts';

const NODE_COUNT = 3;
const WAIT_MS_MAX = 30_000;
const ASK_AGAIN_MS = 20;

const isMissing = etcdPath() === null;
if (isMissing) console.log(`skipped: coordinators on etcd; ${ETCD_INSTALL_HINT}`);

async function startCoordinator(
  endpoints: string,
): Promise<{ readonly process: ShoalProcess; readonly address: string }> {
  const options = ['--port', '0', '--state', `etcd:${endpoints}`, '--slots-per-move', '64', '--concurrent-moves', '1'];
  const shoal = new ShoalProcess(['coordinator', ...options]);
  await shoal.printed('  cluster ');
  return { process: shoal, address: `127.0.0.1:${/ ready on \S+:(\d+)/.exec(shoal.out)![1]}` };
}

function connectTo(address: string): CoordinatorConnection {
  return new CoordinatorConnection({ address, password: '', cluster: 'shoal' });
}

async function until(connection: CoordinatorConnection, isSo: (status: Status) => boolean): Promise<Status> {
  const untilMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const status = await connection.status().catch(() => null);
    if (status !== null && isSo(status)) return status;
    if (performance.now() > untilMs) throw new Error(`it does not come to that: ${JSON.stringify(status)}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

const isCalm = ({ unassigned, moves, plannedSlots }: Status): boolean =>
  unassigned === 0 && moves.length === 0 && plannedSlots === 0;

test.skipIf(isMissing)(
  'a killed coordinator, and a killed member of etcd, lose nothing and stop no move',
  async () => {
    const etcd = await startEtcd({ members: 3 });
    const processes: ShoalProcess[] = [];
    try {
      const coordinators = [await startCoordinator(etcd.endpoints), await startCoordinator(etcd.endpoints)];
      processes.push(...coordinators.map(({ process: shoal }) => shoal));
      const addresses = coordinators.map(({ address }) => address).join(',');
      const ports = await Promise.all(
        Array.from({ length: NODE_COUNT }, async () => {
          const options = ['--port', '0', '--threads', '1', '--memory', '64mb', '--leave', 'at-once'];
          const node = new ShoalProcess(['serve', ...options, '--coordinator', addresses]);
          processes.push(node);
          return node.ready();
        }),
      );
      const [first, second] = coordinators.map(({ address }) => connectTo(address));
      const { coordinator, nodes } = await until(
        first!,
        (status) => isCalm(status) && status.nodes.filter(({ state }) => state === 'active').length === NODE_COUNT,
      );
      const client = await shoalClient(ports);
      const load = new CheckedLoad(client, {
        prefix: 'key',
        keyCount: 500,
        valueBytes: 50,
        readShare: 0.7,
        operationsPerSecond: 300,
        random01: seededRandom(1),
      });
      await load.fill(20);
      load.start();

      const elected = coordinators.findIndex(({ address }) => address === coordinator);
      const other = elected === 0 ? second! : first!;
      await first!.drain(nodes[0]!.id);
      await until(first!, ({ moves }) => moves.length > 0);
      coordinators[elected]!.process.kill('SIGKILL');
      await until(other, (status) => isCalm(status) && status.nodes.find(({ id }) => id === nodes[0]!.id)!.slots === 0);

      await other.undrain(nodes[0]!.id);
      await until(other, ({ moves }) => moves.length > 0);
      await etcd.members[0].kill();
      await until(
        other,
        (status) => isCalm(status) && status.nodes.find(({ id }) => id === nodes[0]!.id)!.slots > 5000,
      );

      await load.stop();
      await load.verifyAll(client, 20);
      expect(load.faults).toEqual([]);
      await client.close();
      first!.close();
      second!.close();
    } finally {
      for (const shoal of processes) await shoal[Symbol.asyncDispose]();
      await etcd.stop();
    }
  },
  120_000,
);
