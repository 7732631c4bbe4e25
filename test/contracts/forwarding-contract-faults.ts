/** The forwarding contract, part three: nodes that die, hang, or are told late; limits; clients that go or do not read. */
import assert from 'node:assert/strict';
import { FORWARD_MS_MAX } from '../../src/server/forwarding/forwarder.ts';
import { SESSION_FORWARDS_MAX } from '../../src/server/forwarding/session-forwards.ts';
import type { ForwardingNode } from '../support/forwarding-nodes.ts';
import { encodeCommand, RawClient } from '../support/raw-client.ts';
import { RespClient } from '../support/resp-client.ts';
import { keysWhere, slotOf } from '../support/slot-keys.ts';
import type { ForwardingCase } from './forwarding-contract.ts';

const MIB = 1024 * 1024;

/** Turns of the event loop until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Nothing runs at the node, as CLIENT PAUSE has it, until the pause is ended. */
function pause({ assembly }: ForwardingNode): { end(): void } {
  const { pause: pausing } = assembly.services;
  pausing.pause('all', Date.now() + 60_000);
  return {
    end() {
      pausing.unpause();
      assembly.thread.control.resumePaused();
      assembly.thread.mailArrived();
    },
  };
}

/** Requests of the node's clients that others are to answer. */
function underWay(node: ForwardingNode): number {
  let count = 0;
  for (const session of node.assembly.services.clients.all()) count += session.forwards?.count ?? 0;
  return count;
}

/** Whether the request that is under way waits to be sent again. */
function isRefused({ assembly }: ForwardingNode): boolean {
  for (const { forwards } of assembly.services.clients.all()) {
    if (forwards !== null && forwards.first !== null)
      return forwards.first.link === null && forwards.first.trouble !== '';
  }
  return false;
}

export const faultCases: readonly ForwardingCase[] = [
  {
    name: 'answers at another node what was only read when its owner died; says of the rest that it may have been done',
    async run(fixture) {
      const cluster = await fixture.start(3);
      const [first, second, third] = cluster.nodes as [ForwardingNode, ForwardingNode, ForwardingNode];
      const [key = '', other = ''] = keysWhere((slot) => slot % 3 === 1, 2, 'dead');
      const [own = ''] = keysWhere((slot) => slot % 3 === 0, 1, 'dead');
      using client = await RespClient.connect(first.port);
      assert.equal(await client.call('SET', key, 'lost'), '+OK\r\n');
      pause(second);
      const commands = [['GET', key], ['SET', other, 'v'], ['PING'], ['STRLEN', key], ['GET', own]];
      client.write(Buffer.concat(commands.map(encodeCommand)));
      await until(() => second.assembly.services.clients.countWhere(({ holds }) => holds !== 0) > 0);
      await second.kill();
      cluster.give(slotOf(key), third, []);
      cluster.give(slotOf(other), third, []);
      cluster.tellAll([first, third], [first, third]);
      assert.equal(await client.read(), '$-1\r\n');
      assert.match(
        await client.read(),
        /^-ERR The connection to the node that has the slot failed; the command may have/,
      );
      assert.deepEqual(await client.readAll(3), ['+PONG\r\n', ':0\r\n', '$-1\r\n']);
      // The owner is another one by now, and nothing is left of the failure.
      assert.equal(await client.call('SET', other, 'w'), '+OK\r\n');
      assert.equal(underWay(first), 0);
    },
  },
  {
    name: 'tries again while the owner cannot be reached, and says so when the time is over',
    async run(fixture) {
      const cluster = await fixture.start(2);
      const [first, second] = cluster.nodes as [ForwardingNode, ForwardingNode];
      const [key = ''] = keysWhere((slot) => slot % 2 === 1, 1);
      const { port } = second;
      await second.kill();
      using client = await RespClient.connect(first.port);
      client.send('SET', key, 'v');
      client.send('PING');
      await until(() => underWay(first) === 1);
      await second.listen(port);
      assert.deepEqual(await client.readAll(2), ['+OK\r\n', '+PONG\r\n']);
      await second.kill();
      const answered = client.receivedBytes;
      client.send('SET', key, 'w');
      client.send('PING');
      // It may have left before the end of the connection was seen.
      await until(() => isRefused(first) || client.receivedBytes > answered);
      first.clock.push(FORWARD_MS_MAX);
      assert.match(
        await client.read(),
        /^-(CLUSTERDOWN The node that has the slot cannot be reached: |ERR The connection)/,
      );
      assert.equal(await client.read(), '+PONG\r\n');
    },
  },
  {
    name: 'waits for a paused slot, tells when that takes too long, and goes on when it is over',
    async run(fixture) {
      const cluster = await fixture.start(2);
      const [first] = cluster.nodes as [ForwardingNode, ForwardingNode];
      const [key = '', busy = ''] = keysWhere((slot) => slot % 2 === 1, 2);
      using client = await RespClient.connect(first.port);
      cluster.setPaused(slotOf(busy), true);
      client.send('SET', busy, 'v');
      client.send('GET', key);
      client.send('PING');
      await until(() => isRefused(first));
      first.clock.push(FORWARD_MS_MAX);
      assert.deepEqual(await client.readAll(3), [
        '-TRYAGAIN The slot is being handed over, which takes longer than it should\r\n',
        '$-1\r\n',
        '+PONG\r\n',
      ]);
      client.send('SET', busy, 'v');
      client.send('GET', busy);
      await until(() => underWay(first) > 0);
      cluster.setPaused(slotOf(busy), false);
      assert.deepEqual(await client.readAll(2), ['+OK\r\n', '$1\r\nv\r\n']);
    },
  },
  {
    name: 'finds a slot that two nodes say the other one has when one of them takes it, and gives up in time',
    async run(fixture) {
      const cluster = await fixture.start(3);
      const [first, second, third] = cluster.nodes as [ForwardingNode, ForwardingNode, ForwardingNode];
      const [key = '', lost = ''] = keysWhere((slot) => slot % 3 === 1, 2);
      for (const each of [key, lost]) {
        cluster.give(slotOf(each), third, [second]);
        cluster.give(slotOf(each), second, [first, third]);
      }
      using client = await RespClient.connect(first.port);
      client.send('SET', key, 'v');
      await until(() => underWay(first) === 1);
      cluster.give(slotOf(key), third, [third]);
      assert.equal(await client.read(), '+OK\r\n');
      client.send('SET', lost, 'v');
      await until(() => isRefused(first));
      first.clock.push(FORWARD_MS_MAX);
      assert.match(await client.read(), /^-TRYAGAIN /);
    },
  },
  {
    name: 'has no more requests of one client under way than may be, and answers all',
    async run(fixture) {
      const cluster = await fixture.start(2);
      const [first, second] = cluster.nodes as [ForwardingNode, ForwardingNode];
      const keys = keysWhere((slot) => slot % 2 === 1, 100);
      using client = await RespClient.connect(first.port);
      for (const key of keys) client.send('SET', key, key);
      for (const _ of keys) assert.equal(await client.read(), '+OK\r\n');
      const paused = pause(second);
      const count = 5000;
      client.write(
        Buffer.concat(Array.from({ length: count }, (_, serial) => encodeCommand(['GET', keys[serial % 100]!]))),
      );
      await until(() => underWay(first) >= SESSION_FORWARDS_MAX);
      for (let turn = 0; turn < 50; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(underWay(first), SESSION_FORWARDS_MAX);
      }
      paused.end();
      for (let serial = 0; serial < count; serial += 1) {
        const key = keys[serial % 100]!;
        assert.equal(await client.read(), `$${key.length}\r\n${key}\r\n`);
      }
    },
  },
  {
    name: 'keeps little for a client that does not read, and loses nothing when it does',
    async run(fixture) {
      const cluster = await fixture.start(2, { limits: { outputPauseBytes: MIB, outputBufferBytesMax: 48 * MIB } });
      const [first] = cluster.nodes as [ForwardingNode, ForwardingNode];
      const [there = ''] = keysWhere((slot) => slot % 2 === 1, 1, 'large');
      const [here = ''] = keysWhere((slot) => slot % 2 === 0, 1, 'large');
      using client = await RespClient.connect(first.port);
      const value = 'x'.repeat(MIB);
      assert.equal(await client.call('SET', there, value), '+OK\r\n');
      assert.equal(await client.call('SET', here, 'small'), '+OK\r\n');
      client.pauseReading();
      const count = 120;
      for (let serial = 0; serial < count; serial += 1) {
        client.send('GET', there);
        client.send('GET', here);
      }
      await until(() => first.assembly.services.clients.countWhere(({ holds }) => holds !== 0) > 0);
      client.resumeReading();
      for (let serial = 0; serial < count; serial += 1) {
        assert.equal((await client.read()).length, value.length + 12);
        assert.equal(await client.read(), '$5\r\nsmall\r\n');
      }
      assert.deepEqual(first.complaints, []);
    },
  },
  {
    name: 'forgets a client that goes, and its requests take no place',
    async run(fixture) {
      const cluster = await fixture.start(2);
      const [first, second] = cluster.nodes as [ForwardingNode, ForwardingNode];
      const [key = ''] = keysWhere((slot) => slot % 2 === 1, 1);
      using staying = await RespClient.connect(first.port);
      await staying.call('GET', key);
      const paused = pause(second);
      const going = await RespClient.connect(first.port);
      // Few enough that it is not held, so that its going is seen at once.
      for (let serial = 0; serial < 10; serial += 1) going.send('INCR', key);
      staying.send('GET', key);
      await until(() => underWay(first) === 11);
      going.close();
      await until(() => first.assembly.services.clients.countWhere(() => true) === 1);
      paused.end();
      assert.match(await staying.read(), /^\$/);
      assert.equal(underWay(first), 0);
      assert.match(await staying.call('GET', key), /^\$/);
    },
  },
  {
    name: 'greets with the password of the cluster, and says where it does not fit',
    async run(fixture) {
      const cluster = await fixture.start(2, { password: 'secret' });
      const [key = ''] = keysWhere((slot) => slot % 2 === 1, 1);
      const client = await RawClient.connect(cluster.nodes[0]!.port);
      const replies = await client.exchange([
        ['GET', key],
        ['AUTH', 'secret'],
        ['SET', key, 'v'],
        ['GET', key],
      ]);
      client.close();
      assert.deepEqual(replies.slice(1), ['+OK\r\n', '+OK\r\n', '$1\r\nv\r\n']);
      assert.match(replies[0]!, /^-NOAUTH/);
    },
  },
  {
    name: 'reaches nodes that announce themselves by a name',
    async run(fixture) {
      const cluster = await fixture.start(2, { announcedHost: 'no-such-host.invalid' });
      const [key = ''] = keysWhere((slot) => slot % 2 === 1, 1);
      using client = await RespClient.connect(cluster.nodes[0]!.port);
      assert.equal(await client.call('SET', key, 'v'), '+OK\r\n');
    },
  },
  {
    name: 'refuses a request that is too long to be passed on, and goes on with the next',
    async run(fixture) {
      const cluster = await fixture.start(2, { limits: { inputBufferBytesMax: 256 * 1024 } });
      const [key = ''] = keysWhere((slot) => slot % 2 === 1, 1);
      using client = await RespClient.connect(cluster.nodes[0]!.port);
      client.send('SET', key, 'x'.repeat(220 * 1024));
      client.send('SET', key, 'x'.repeat(100 * 1024));
      client.send('STRLEN', key);
      assert.match(await client.read(), /^-ERR A request of 2\d{5} bytes is too long to be passed on/);
      assert.deepEqual(await client.readAll(2), ['+OK\r\n', `:${100 * 1024}\r\n`]);
    },
  },
];
