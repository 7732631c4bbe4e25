/** The forwarding contract, part four: what waits for replicas of the node that does it. */
import assert from 'node:assert/strict';
import { RawClient } from '../support/raw-client.ts';
import { keysWhere } from '../support/slot-keys.ts';
import type { ForwardingCase } from './forwarding-contract.ts';

export const replicaCases: readonly ForwardingCase[] = [
  {
    name: 'WAIT is answered by the nodes that did what was passed on, and by this one',
    async run(fixture) {
      const cluster = await fixture.start(3);
      const [here, there, elsewhere] = cluster.nodes;
      const client = await RawClient.connect(here!.port);
      for (const index of [0, 1]) {
        const [key = ''] = keysWhere((slot) => slot % 3 === index, 1);
        assert.deepEqual(await client.exchange([['SET', key, 'v']]), ['+OK\r\n']);
      }
      const replicas = [here!.replicas.add(), there!.replicas.add()];
      elsewhere!.replicas.add();
      // They know nothing of what was written before.
      for (const replica of replicas) replica.confirmed -= 1;
      const waited = client.exchange([['WAIT', '1', '0']]);
      await there!.replicas.whenAsked();
      here!.replicas.confirm(replicas[0]!);
      there!.replicas.confirm(replicas[1]!);
      assert.deepEqual(await waited, [':1\r\n']);
      client.close();
    },
  },
  {
    name: 'WAIT says after its time how many replicas have what the fewest have',
    async run(fixture) {
      const cluster = await fixture.start(2);
      const client = await RawClient.connect(cluster.nodes[0]!.port);
      const [own = '', other = ''] = [0, 1].map((index) => keysWhere((slot) => slot % 2 === index, 1)[0]!);
      assert.deepEqual(await client.exchange([['MSET', own, 'v', other, 'v']]), ['+OK\r\n']);
      for (const node of cluster.nodes) node.replicas.add();
      cluster.nodes[1]!.replicas.all[0]!.confirmed -= 1;
      assert.deepEqual(await client.exchange([['WAIT', '1', '50']]), [':0\r\n']);
      client.close();
    },
  },
  {
    name: 'WAIT ends with an error where the node that did a write is gone',
    async run(fixture) {
      const cluster = await fixture.start(2);
      const [first, second] = cluster.nodes;
      const client = await RawClient.connect(first!.port);
      const [key = ''] = keysWhere((slot) => slot % 2 === 1, 1);
      assert.deepEqual(await client.exchange([['SET', key, 'v']]), ['+OK\r\n']);
      const waited = client.exchange([['WAIT', '1', '0']]);
      await second!.replicas.whenAsked();
      await second!.kill();
      assert.match((await waited)[0]!, /^-UNBLOCKED /);
      client.close();
    },
  },
  {
    name: 'a node that waits for replicas answers what others pass on when they have it, or with an error',
    async run(fixture) {
      const cluster = await fixture.start(2, { ack: { replicas: 1, timeoutMs: 200 } });
      const [first, second] = cluster.nodes;
      const client = await RawClient.connect(first!.port);
      const [key = ''] = keysWhere((slot) => slot % 2 === 1, 1);
      const replica = second!.replicas.add();
      const answered = client.exchange([['INCR', key]]);
      await second!.replicas.whenAsked();
      second!.replicas.confirm(replica);
      assert.deepEqual(await answered, [':1\r\n']);
      assert.deepEqual(await client.exchange([['INCR', key]]), [
        '-NOREPLICAS It was done here, but 0 of 1 replicas have it after 200 ms\r\n',
      ]);
      client.close();
    },
  },
];
